//! The command line, from the first start of a demo to the last line of `explain`: what it does and what it says.

mod apply;
mod bench;
mod explain;
mod serve;
mod usage;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use partywall_testkit::fixture::Options;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Ask;
use crate::process::{Process, free_address, partywall};
use crate::told::{all, assert_told, stderr, stdout};
use crate::world::{Fixture, PARTYWALL, World, log_file};

/// Runs a demo to its end, on ports that the system chooses unless the arguments say otherwise.
fn demo(data: &Path, arguments: &[&str]) -> std::process::Output {
    let log = log_file();
    let mut all = vec!["demo", "--data", data.to_str().unwrap(), "--log-file", log.to_str().unwrap()];
    for flag in ["--listen", "--admin-listen", "--issuer-listen"] {
        if !arguments.contains(&flag) {
            all.extend([flag, "127.0.0.1:0"]);
        }
    }
    partywall(&[&all, arguments].concat())
}

#[test]
fn the_banner_has_everything_ready_to_paste() {
    for name in ["notes", "own-server"] {
        let folder = TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let fixture = runtime.block_on(Fixture::start(Options::default()));
        let mut command = Command::new(PARTYWALL);
        command.args(["demo", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.args(["--issuer-listen", "127.0.0.1:0", "--data"]);
        command.arg(folder.path()).arg("--log-file").arg(log_file());
        if name == "own-server" {
            command.args(["--server", &fixture.url]);
        }
        let mut process = Process(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut banner = String::new();
        for line in BufReader::new(process.0.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            banner.push_str(&line);
            banner.push('\n');
            if line.starts_with("partywall explain") {
                break;
            }
        }
        assert_told(&format!("demo-banner-{name}"), folder.path(), &banner);
    }
}

#[test]
fn the_tour_plays_the_story_and_ends() {
    let folder = TempDir::new().unwrap();
    let tour = demo(folder.path(), &["--tour"]);
    assert_eq!(tour.status.code(), Some(0), "{}", all(&tour));
    for refusal in ["Resource not found", "Unknown tool: delete", "no such session", "too many calls"] {
        assert!(stdout(&tour).contains(&format!("refused: {refusal}")), "{refusal}: {}", stdout(&tour));
    }
    assert_told("demo-tour", folder.path(), &stdout(&tour));
    // It leaves everything as it found it, so it can be played again.
    let again = demo(folder.path(), &["--tour"]);
    assert_eq!(again.status.code(), Some(0), "{}", all(&again));
}

#[test]
fn what_a_demo_cannot_do_it_says_with_the_next_step() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let file = folder.path().join("file");
    std::fs::write(&file, "a file").unwrap();
    let nobody = format!("http://{}/mcp", free_address());
    let other = World::demo();
    let no_server = format!("{}/.well-known/partywall/jwks.json", other.public);
    let another_gateway = other.url("notes");
    for (name, arguments) in [
        ("busy-port", ["--listen", &*taken]),
        ("busy-admin-port", ["--admin-listen", &taken]),
        ("busy-issuer-port", ["--issuer-listen", &taken]),
        ("issuer-beyond-loopback", ["--issuer-listen", "0.0.0.0:0"]),
        ("beyond-loopback", ["--listen", "0.0.0.0:0"]),
        ("admin-beyond-loopback", ["--admin-listen", "0.0.0.0:0"]),
        ("server-with-nobody-there", ["--server", &nobody]),
        ("server-that-is-none", ["--server", &no_server]),
        ("server-behind-another-gateway", ["--server", &another_gateway]),
        ("server-without-a-scheme", ["--server", "localhost"]),
        ("server-elsewhere", ["--server", "http://mcp.example.com/mcp"]),
        ("data-in-a-file", ["--data", file.to_str().unwrap()]),
        ("log-in-no-folder", ["--log-file", "/nowhere/log"]),
    ] {
        let folder_of_its_own = data.join(name);
        let mut command = Command::new(PARTYWALL);
        command.arg("demo").stdin(Stdio::null());
        let fixed = [
            ("--data", folder_of_its_own.to_str().unwrap().to_owned()),
            ("--log-file", log_file().to_str().unwrap().to_owned()),
            ("--listen", "127.0.0.1:0".to_owned()),
            ("--admin-listen", "127.0.0.1:0".to_owned()),
            ("--issuer-listen", "127.0.0.1:0".to_owned()),
        ];
        for (flag, value) in fixed.iter().filter(|(flag, _)| !arguments.contains(flag)) {
            command.arg(flag).arg(value);
        }
        let refused = command.args(arguments).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{name}: {}", all(&refused));
        assert_told(&format!("demo-{name}"), folder.path(), &stderr(&refused));
    }
}

#[test]
fn a_data_folder_serves_one_process() {
    let world = World::demo();
    let second = demo(world.data(), &[]);
    assert_eq!(second.status.code(), Some(1));
    assert_told("demo-second-on-the-same-data", world.data(), &all(&second));
}

#[test]
fn what_is_wrong_in_the_data_folder_is_said() {
    let damages: [(&str, fn(&Path)); 4] = [
        ("store", |data| std::fs::write(data.join("partywall.sqlite"), "no database").unwrap()),
        ("master-key", |data| private(&data.join("master.key"), "short")),
        ("another-master-key", |data| private(&data.join("master.key"), &"A".repeat(43))),
        ("open-master-key", |data| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(data.join("master.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let data = World::demo().stop();
        damage(data.path());
        let refused = demo(data.path(), &[]);
        assert_eq!(refused.status.code(), Some(1), "{name}: {}", all(&refused));
        assert_told(&format!("demo-damaged-{name}"), data.path(), &stderr(&refused));
    }
}

fn private(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_restart_keeps_notes_tenants_keys_and_what_a_person_changed() {
    let world = World::demo();
    let add = json!({"name": "add", "arguments": {"text": "kept"}});
    let added = Ask::modern(&world.url("notes"), &world.token("acme", "ann"), "tools/call", add).send().await;
    assert_eq!(added.status, 200, "{added:?}");
    let before = (ids(&world), issuer_key(&world));
    let tenants = world.data().join("tenants.toml");
    let text = std::fs::read_to_string(&tenants).unwrap();
    std::fs::write(&tenants, format!("{text}\n[tenant.acme.limits]\nstreams_open_max = 3\n")).unwrap();

    let world = World::start(world.stop(), &[]);
    assert_eq!((ids(&world), issuer_key(&world)), before);
    let list = json!({"name": "list", "arguments": {}});
    let listed = Ask::modern(&world.url("notes"), &world.token("acme", "ann"), "tools/call", list).send().await;
    assert_eq!(
        listed.json().pointer("/result/structuredContent/notes/0/first_line"),
        Some(&json!("kept")),
        "{listed:?}"
    );
    let shown = stdout(&world.run(&["tenant", "show", "acme"]));
    let streams = shown.lines().find(|line| line.starts_with("streams_open_max")).unwrap_or_default();
    assert_eq!(streams.split_whitespace().collect::<Vec<_>>(), ["streams_open_max", "3", "3", "tenant"], "{shown}");
}

/// The tenants, each with its id.
fn ids(world: &World) -> Vec<(Value, Value)> {
    let tenants: Value = serde_json::from_slice(&world.run(&["tenant", "list", "--output", "json"]).stdout).unwrap();
    let tenants = tenants["tenants"].as_array().unwrap();
    tenants.iter().map(|tenant| (tenant["name"].clone(), tenant["id"].clone())).collect()
}

/// The public key of the demo's issuer, as its document has it.
fn issuer_key(world: &World) -> String {
    let platform = std::fs::read_to_string(world.data().join("platform.toml")).unwrap();
    platform.lines().find(|line| line.starts_with("jwks")).unwrap().to_owned()
}
