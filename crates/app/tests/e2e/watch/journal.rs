//! `partywall logs`: the record of one tenant, and what comes.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::http::Ask;
use crate::process::Process;
use crate::scripted::until;
use crate::world::{PARTYWALL, World};

impl World {
    /// What `logs` prints as JSON.
    fn logs(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[&["logs", "--output", "json"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_filter_shows_what_it_says() {
    let world = World::demo();
    let (acme, globex) = (world.token("acme", "ann"), world.token("globex", "gus"));
    let url = world.url("notes");
    let list = |token: &str| Ask::modern(&url, token, "tools/call", json!({"name": "list", "arguments": {}}));
    let answered = list(&acme).send().await;
    list(&globex).send().await;
    Ask::modern(&url, &acme, "tools/call", json!({"name": "a\u{1b}[2Jb"})).without("mcp-name").send().await;
    list(&acme).without("authorization").send().await;
    let request = answered.header("partywall-request-id").unwrap();
    until("all four are in the journal", || (world.logs(&[]).len() == 4).then_some(())).await;

    let id = world.logs(&["--tenant", "acme"])[0]["tenant_id"].as_str().unwrap().to_owned();
    for (arguments, count) in [
        (&["--tenant", "acme"][..], 2),
        (&["--tenant", &id], 2),
        (&["--tenant", "globex"], 1),
        (&["--tenant", "nobody"], 0),
        (&["--event", "stranger"], 1),
        (&["--event", "began", "--event", "ended", "--request", request], 2),
        (&["--outcome", "answered"], 2),
        (&["--outcome", "refused", "--tenant", "acme"], 1),
        (&["--outcome", "answered", "--outcome", "refused", "--event", "ended"], 3),
        (&["--lines", "1"], 1),
        (&["--lines", "0"], 0),
    ] {
        let shown = world.logs(arguments);
        assert_eq!(shown.len(), count, "{arguments:?}: {shown:#?}");
    }
    assert_eq!(world.logs(&["--lines", "1"])[0]["kind"], "stranger", "the newest");
    let table = String::from_utf8(world.run(&["logs"]).stdout).unwrap();
    assert!(table.starts_with("AT ") && table.lines().count() == 5, "{table}");
    assert!(!table.contains('\u{1b}'), "what a caller wrote does not reach the terminal: {table:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_comes_is_shown_when_it_comes() {
    let world = World::demo();
    let mut command = Command::new(PARTYWALL);
    command.args(["logs", "--follow", "--tenant", "acme", "--lines", "0", "--output", "json", "--data"]);
    let mut following = Process(command.arg(world.data()).stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(following.0.stdout.take().unwrap()).lines();
    let (sender, shown) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let (acme, globex) = (world.token("acme", "ann"), world.token("globex", "gus"));
    // It may not look yet when the first calls end, so calls come until it shows one.
    let mut sent = Vec::new();
    let first = loop {
        for token in [&globex, &acme] {
            let ask = Ask::modern(&world.url("notes"), token, "tools/call", json!({"name": "list", "arguments": {}}));
            let answer = ask.send().await;
            sent.push(answer.header("partywall-request-id").unwrap().to_owned());
        }
        assert!(sent.len() < 200, "nothing is shown");
        if let Ok(line) = shown.recv_timeout(std::time::Duration::from_millis(500)) {
            break line;
        }
    };
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&first["tenant"], &first["kind"]), (&json!("acme"), &json!("ended")));
    assert!(sent.iter().any(|id| first["request_id"] == json!(id)));
}
