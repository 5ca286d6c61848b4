//! One good line, and each way to spoil it.

use super::*;

const CALL: &str = r#"{"timestamp":"2026-11-23T10:00:00Z","level":"INFO","event":"call","tenant_id":"0f0e0d0c-0b0a-4908-8706-050403020100","request_id":"0193b3c4d5e67f8091a2b3c4d5e6f708","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","tool":"git/push"}"#;
const READY: &str = r#"{"timestamp":"2026-11-23T10:00:00Z","level":"INFO","event":"ready","tenant_id":null}"#;

fn judged(line: &str) -> Result<String, String> {
    judge(line, &BTreeSet::from(["hunter2\"x".to_owned()]))
}

#[test]
fn a_good_line_yields_its_event() {
    assert_eq!(judged(CALL).as_deref(), Ok("call"));
    assert_eq!(judged(READY).as_deref(), Ok("ready"));
}

#[test]
fn each_way_to_spoil_a_line_is_told() {
    let rows = [
        (CALL, r#""timestamp":"2026-11-23T10:00:00Z","#, "", "`timestamp` is missing"),
        (CALL, r#""level":"INFO","#, r#""level":3,"#, "`level` is missing or no text"),
        (CALL, r#""event":"call","#, "", "`event` is missing"),
        (CALL, r#""call""#, r#""phoned""#, "event `phoned` is not in the list"),
        (CALL, r#""0f0e0d0c-0b0a-4908-8706-050403020100""#, "null", "a `call` without a tenant"),
        (CALL, "0f0e0d0c-0b0a-4908-8706-050403020100", "acme", "`tenant_id` is no id of a tenant"),
        (CALL, "0f0e0d0c-", "0F0E0D0C-", "`tenant_id` is no id of a tenant"),
        (CALL, r#""0193b3c4d5e67f8091a2b3c4d5e6f708""#, "null", "`request_id` is not 32 hex digits"),
        (CALL, r#","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736""#, "", "`trace_id` is not 32 hex digits"),
        (CALL, "4bf92f", "4BF92F", "`trace_id` is not 32 hex digits"),
        (READY, r#","tenant_id":null"#, "", "`tenant_id` is missing"),
        (READY, "null", "7", "`tenant_id` is no id of a tenant"),
        (READY, "null", r#"null,"tenant_id":null"#, "`tenant_id` stands in it twice"),
        (READY, "{", "[", "it is no JSON object"),
        (READY, "}", "} trailing", "it is no JSON object"),
        (CALL, "git/push", "Bearer abc", "it carries an `Authorization` value"),
        (CALL, "git/push", "got eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln here", "it carries what looks like a JWT"),
        (CALL, "git/push", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.", "it carries what looks like a JWT"),
        (CALL, "git/push", "-----BEGIN PRIVATE KEY-----", "it carries a PEM header"),
        (CALL, "git/push", r#"hunter2\"x"#, "it carries a secret that a test used"),
        (CALL, r#""git/push""#, r#"{"a":["\u0042earer x"]}"#, "it carries an `Authorization` value"),
    ];
    for (line, good, spoiled, told) in rows {
        assert!(line.contains(good), "{good}");
        let complaint = judged(&line.replace(good, spoiled)).expect_err(told);
        assert!(complaint.starts_with(told), "{spoiled}: {complaint}");
    }
}

#[test]
fn a_word_that_begins_like_a_token_is_none() {
    for tool in ["eyJhbGciOiJFUzI1NiJ9", "eyJ.", "eyJx..", "keyJar.example"] {
        assert_eq!(judged(&CALL.replace("git/push", tool)).as_deref(), Ok("call"), "{tool}");
    }
}

#[test]
fn a_directory_is_read_to_its_depth_and_a_leak_is_not_repeated() {
    let dir = Scratch::new("depth");
    dir.write("a/one.jsonl", &format!("{CALL}\n{READY}\n"));
    dir.write("two.jsonl", &format!("{CALL}\n"));
    dir.write("notes.txt", "not a log");
    let summary = check(&dir.0).expect("all lines are good");
    assert_eq!(summary.to_string(), "       2 call\n       1 ready\n       3 lines in all");

    dir.write("a/used.secret", "\ngit/push\n");
    let complaints = check(&dir.0).expect_err("a secret is in the log");
    assert_eq!(complaints.len(), 2);
    let told = "one.jsonl` line 1: it carries a secret that a test used; take it out where it is written";
    assert!(complaints[0].ends_with(told), "{}", complaints[0]);
}

#[test]
fn nothing_read_proves_nothing() {
    let dir = Scratch::new("nothing");
    let told = |complaints: Vec<String>| complaints.join("\n");
    assert!(check(&dir.0).map_err(told).is_err_and(|told| told.ends_with("have the tests write theirs here")));
    dir.write("empty.jsonl", "");
    assert!(check(&dir.0).is_err());
    assert!(check(&dir.0.join("absent")).map_err(told).is_err_and(|told| told.ends_with("run the tests first")));
}

/// A directory that goes when the test does.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("partywall-tidy-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory can be made");
        Self(dir)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory can be made");
        fs::write(path, text).expect("a file can be written");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
