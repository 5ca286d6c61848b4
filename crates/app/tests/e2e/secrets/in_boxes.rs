//! A secret in the box of an instance: its own tenant's, as a variable and as a file, and renewed where it changes.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{ACME_KEY, GLOBEX_KEY};
use crate::http::Ask;
use crate::instances::boxed::Boxed;
use crate::world::{PARTYWALL, World};

/// A server that writes what it was given into its volume, and then serves.
fn documents() -> String {
    let program = Path::new(PARTYWALL).with_file_name("fixture");
    let script = format!("echo \"$KEY $(cat /run/secrets/token)\" > /data/seen; exec {} --stdio", program.display());
    let boxed = Boxed::running("boxed", Path::new("/bin/sh"), &["-c", &script]).with_root(program.parent().unwrap());
    let boxed = boxed.with_command("volume = \"/data\"\nfiles = { token = { secret = \"box-key\" } }");
    boxed.with_command("env = { PATH = \"/usr/bin:/bin\", KEY = { secret = \"box-key\" } }").documents()
}

async fn called(world: &World, tenant: &str) {
    let params = json!({"name": "echo", "arguments": {}});
    let ask = Ask::modern(&world.url("boxed"), &world.token(tenant, "ann"), "tools/call", params);
    let answer = ask.send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// What the servers wrote, in all volumes.
fn seen(world: &World) -> Vec<String> {
    let volumes = std::fs::read_dir(world.data().join("instances/volumes")).unwrap();
    let files = volumes.map(|tenant| -> PathBuf { tenant.unwrap().path().join("boxed/seen") });
    let mut all: Vec<_> = files.map(|file| std::fs::read_to_string(file).unwrap().trim().to_owned()).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_box_has_its_own_tenants_secret_and_a_new_one_when_it_changes() {
    let world = World::demo();
    let refused = world.apply(&documents());
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains("asks for secret `box-key`, which tenant `acme`"), "{told}");
    world.must_set("acme", "box-key", ACME_KEY);
    world.must_set("globex", "box-key", GLOBEX_KEY);
    world.must_apply(&documents());
    called(&world, "acme").await;
    called(&world, "globex").await;
    assert_eq!(seen(&world), [format!("{ACME_KEY} {ACME_KEY}"), format!("{GLOBEX_KEY} {GLOBEX_KEY}")]);

    let shown = world.run(&["instance", "list", "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert!(shown["instances"].as_array().unwrap().iter().all(|one| one["volume_bytes"].as_u64() > Some(0)), "{shown}");

    let renewed = "acme-key-renewed-77c1e0";
    world.must_set("acme", "box-key", renewed);
    called(&world, "acme").await;
    assert_eq!(seen(&world), [format!("{renewed} {renewed}"), format!("{GLOBEX_KEY} {GLOBEX_KEY}")]);
    for arguments in [["instance", "list"].as_slice(), &["instance", "logs", "boxed", "--tenant", "acme"]] {
        let shown = world.run(arguments);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(!shown.contains("-key-"), "what shows instances does not show what they were given: {shown}");
    }
}
