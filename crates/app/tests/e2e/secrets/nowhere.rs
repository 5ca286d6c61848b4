//! Where a value is not: everywhere that anybody can look.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use http::Method;
use serde_json::json;

use super::{ACME_KEY, API_KEY, GLOBEX_KEY, Stage};
use crate::http::Ask;
use crate::told::all;
use crate::world::{PARTYWALL, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_nowhere_to_be_found() {
    let stage = Stage::set(API_KEY).await;
    stage.call_in_turn().await;
    // A refused call and one that fails leave their causes behind.
    let refused = Ask::modern(&stage.url, &stage.ann, "tools/call", json!({"name": "no_such_tool"})).send().await;
    let request = refused.header("partywall-request-id").unwrap().to_owned();
    let world = &stage.world;
    let mut told = said(world, &request);
    told.extend(answered(world, &request).await);
    told.push(("the answer to a caller".to_owned(), format!("{refused:?}").into_bytes()));
    // All that was written is in the files now: the log too, which is written a moment later.
    let log = world.log_file().to_owned();
    let data = stage.world.stop();
    let files = [files_below(data.path()), vec![log]].concat();
    assert!(files.iter().any(|file| file.ends_with("partywall.sqlite")), "{files:?}");
    assert!(files.iter().any(|file| file.to_string_lossy().contains("journal")), "{files:?}");
    told.extend(files.iter().map(|file| (file.display().to_string(), std::fs::read(file).unwrap())));
    for (place, bytes) in &told {
        for value in [ACME_KEY, GLOBEX_KEY] {
            for form in forms(value) {
                let found = bytes.windows(form.len()).any(|window| window.eq_ignore_ascii_case(&form));
                assert!(!found, "{place} has the value of a secret");
            }
        }
    }
    assert!(told.len() > 30, "{} places are not all there are", told.len());
    // What is looked for is found where it is.
    assert!(format!("{:?}", stage.fixture.received.all()).contains(ACME_KEY));
}

/// As it is, in hexadecimal, and in base64 as far as that does not depend on what stands around it.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let base64 = [STANDARD.encode(value), URL_SAFE.encode(value)].map(|text| text.trim_end_matches('=').to_owned());
    let inner = base64.iter().map(|text| text.as_bytes()[..text.len() - 2].to_vec());
    inner.chain([value.as_bytes().to_vec(), hex.into_bytes()]).collect()
}

/// What the command line says of the configuration.
fn said(world: &World, request: &str) -> Vec<(String, Vec<u8>)> {
    let commands: [&[&str]; 9] = [
        &["config", "history"],
        &["config", "history", "tenant.acme"],
        &["config", "diff", "0", "5"],
        &["config", "diff"],
        &["secret", "list", "acme"],
        &["tenant", "show", "acme"],
        &["tenant", "list"],
        &["explain", request],
        &["logs", "--lines", "1000"],
    ];
    let mut said = Vec::new();
    for command in commands {
        for output in ["table", "json"] {
            let told = world.run(&[command, &["--output", output]].concat());
            assert!(told.status.success(), "{command:?}: {}", all(&told));
            said.push((format!("`partywall {}`", command.join(" ")), all(&told).into_bytes()));
        }
    }
    said
}

/// What the admin listener answers, refusals included.
async fn answered(world: &World, request: &str) -> Vec<(String, Vec<u8>)> {
    let operator = std::fs::read_to_string(world.data().join("operator.token")).unwrap();
    let operator = format!("Bearer {}", operator.trim());
    let ask =
        |method, path: &str| Ask::new(method, &format!("{}{path}", world.admin)).header("authorization", &operator);
    let mut all = Vec::new();
    for path in [
        "/metrics",
        "/api/v1/config/history",
        "/api/v1/config/diff?from=0",
        "/api/v1/tenants",
        "/api/v1/tenants/acme",
        "/api/v1/tenants/acme/secrets",
        "/api/v1/tenants/acme/secrets/fixture-key",
        &format!("/api/v1/requests/{request}"),
    ] {
        let answer = ask(Method::GET, path).send().await;
        all.push((path.to_owned(), answer.body.to_vec()));
    }
    for body in [
        json!({ "value": format!("{ACME_KEY}\n") }),
        json!({ "valeu": ACME_KEY }),
        json!([1, ACME_KEY]),
        json!(ACME_KEY),
    ] {
        let put = ask(Method::PUT, "/api/v1/tenants/acme/secrets/fixture-key").body(body.to_string());
        let answer = put.send().await;
        assert_eq!(answer.status, 400, "{answer:?}");
        all.push((format!("PUT {body}"), answer.body.to_vec()));
    }
    let set = json!({ "value": ACME_KEY });
    let put = ask(Method::PUT, "/api/v1/tenants/acme/secrets/fixture-key").body(set.to_string()).send().await;
    assert_eq!(put.status, 200, "{put:?}");
    all.push(("PUT".to_owned(), put.body.to_vec()));
    all
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_argument_takes_a_value() {
    let output = Command::new(PARTYWALL).args(["secret", "set", "acme", "fixture-key", "a-value"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", all(&output));
}
