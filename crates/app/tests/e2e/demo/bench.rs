//! `partywall bench` measures what is there: real calls in either era, what failed and how, and nothing hidden.

use partywall_testkit::fixture::Options;
use serde_json::Value;

use crate::process::{partywall, partywall_with};
use crate::told::{all, stderr, stdout};
use crate::world::{Fixture, World};

/// Runs it for a second at two connections and reads its report.
fn bench(world: &World, arguments: &[&str]) -> Value {
    let url = world.url("fixture");
    let usual = ["bench", &url, "--connections", "2", "--duration", "1s", "--warmup", "1s", "--output", "json"];
    let output = partywall(&[&usual, arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    assert!(stderr(&output).contains("2 connections"), "{}", all(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn world_with_fixture() -> (World, Fixture) {
    let fixture = Fixture::start(Options::default()).await;
    let world = World::demo();
    world.must_apply(&fixture.documents());
    (world, fixture)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_eras_of_several_tenants_are_measured_and_their_cpu_time() {
    let (world, fixture) = world_with_fixture().await;
    let data = world.data().to_str().unwrap();
    let pid = std::process::id().to_string();
    let echo = ["--arguments", r#"{"message":"hello"}"#, "--data", data, "--tenants", "acme,globex", "--pid", &pid];
    for (era, callers) in [("modern", 2), ("legacy", 2), ("both", 4)] {
        let report = bench(&world, &[&echo[..], &["--era", era]].concat());
        assert_eq!(
            (&report["failed"], &report["callers"]),
            (&Value::from(0), &Value::from(callers)),
            "{era}: {report}"
        );
        let latency = |name: &str| report["latency_us"][name].as_u64().unwrap();
        assert!(report["answered"].as_u64().unwrap() > 0, "{era}: {report}");
        assert!(0 < latency("p50") && latency("p50") <= latency("p99") && latency("p99") <= latency("max"), "{report}");
        // The fixture is in this very process, so this process has worked.
        assert!(report["cpu"]["us_per_call"].as_f64().unwrap() > 0.0, "{era}: {report}");
    }
    assert!(fixture.received.all().len() > 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_by_kind() {
    let (world, _fixture) = world_with_fixture().await;
    let (token, folder) = (world.token("acme", "ann"), tempfile::TempDir::new().unwrap());
    let tokens = folder.path().join("tokens");
    let run = |token: &str, arguments: &[&str]| {
        std::fs::write(&tokens, format!("{token}\n\n")).unwrap();
        bench(&world, &[&["--tokens", tokens.to_str().unwrap()], arguments].concat())
    };
    let report = run(&token, &["--tool", "no_such_tool"]);
    let failures = report["failures"].as_object().unwrap();
    assert!(failures.keys().all(|kind| kind.contains("error -32602")) && !failures.is_empty(), "{report}");
    assert_eq!(report["answered"], 0, "{report}");
    // More is offered than two connections carry while each call takes half a second.
    let slow = ["--tool", "sleep", "--arguments", r#"{"ms":500}"#, "--rate", "100"];
    let report = run(&token, &slow);
    let (answered, failed) = (report["answered"].as_u64().unwrap(), report["failed"].as_u64().unwrap());
    assert!(answered <= 6 && failed >= 80, "{report}");
    assert!(report["failures"]["no connection was free in time"].as_u64().unwrap() >= 80, "{report}");
    // Last, since an address whose tokens fail has to wait.
    let report = run("nobody", &[]);
    assert!(report["failures"]["status 401, error 40100"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["answered"], 0, "{report}");
}

#[test]
fn what_cannot_be_measured_is_said_with_the_next_step() {
    let nobody = "http://127.0.0.1:1/mcp";
    for (arguments, hint) in [
        (&["bench", "gopher://x"][..], "write for example http://"),
        (&["bench", nobody], "is it running?"),
        (&["bench", nobody, "--pid", "4294967295"], "pass the id of one that runs"),
        (&["bench", nobody, "--tokens", "/nowhere"], "pass another file"),
        (&["bench", nobody, "--data", "/nowhere", "--tenants", "acme"], "pass --data DIR"),
        (&["bench", nobody, "--tokens", "-"], "write one a line"),
    ] {
        let output = partywall_with(arguments, "\n");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", all(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(stderr(&output).contains(hint), "{arguments:?}: {}", all(&output));
    }
}
