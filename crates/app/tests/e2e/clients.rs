//! The clients that people use, in every era they speak: each tenant finds its own tools and notes, and no other's.

use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use partywall_testkit::fixture::{Eras, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::caller::{Caller, Client, names, node, tool};
use crate::http::{LEGACY, MODERN};
use crate::process::{Process, free_address};
use crate::world::{Fixture, World};

/// How long somebody else's server may take to listen, on a busy machine.
const LISTENS_TIMEOUT: Duration = Duration::from_mins(1);

#[test]
fn the_python_client_sees_its_own_tenant() {
    each_sees_its_own(Client::Python, &[("auto", MODERN), ("legacy", LEGACY)]);
}

#[test]
fn the_typescript_client_sees_its_own_tenant() {
    each_sees_its_own(Client::TypeScript, &[("auto", MODERN), ("legacy", LEGACY), ("modern", MODERN)]);
}

#[test]
fn the_inspector_sees_its_own_tenant() {
    each_sees_its_own(Client::Inspector, &[("auto", MODERN), ("modern", MODERN), ("legacy", LEGACY)]);
}

/// Both tenants in each era, over the same notes: what one era wrote the other one reads, what one tenant wrote the
/// other one never does.
fn each_sees_its_own(client: Client, eras: &[(&'static str, &str)]) {
    let world = World::demo();
    let mut written = [Vec::new(), Vec::new()];
    for &(era, version) in eras {
        let callers = ["acme", "globex"].map(|tenant| Caller::at(&world, client, era, tenant, "notes"));
        for ((tenant, caller), notes) in ["acme", "globex"].into_iter().zip(&callers).zip(&mut written) {
            notes.push(keeps_a_note(caller, tenant, version));
        }
        let [acme, globex] = &written;
        for (caller, own, others) in [(&callers[0], acme, globex), (&callers[1], globex, acme)] {
            finds(caller, own, others);
        }
        let spoken = if version == MODERN { "modern" } else { "legacy" };
        let calls = world.log_lines(&format!("\"subject\":\"ann-{era}\""));
        assert!(calls.iter().any(|call| call["era"] == spoken), "{client:?} {era} did not speak {spoken}: {calls:#?}");
    }
}

/// Lists the tools, adds a note, tries to delete one; gives the note's URI.
fn keeps_a_note(caller: &Caller, tenant: &str, version: &str) -> String {
    let text = format!("of {tenant} by {:?} {}", caller.client, caller.era);
    let (negotiated, results) = caller.take(&[
        json!({"op": "list_tools"}),
        json!({"op": "call", "name": "add", "args": {"text": text}}),
        json!({"op": "call", "name": "delete", "args": {"id": "none"}}),
    ]);
    let [tools, added, deleted] = &results[..] else { panic!("{caller}: {results:#?}") };
    let granted: &[&str] =
        if tenant == "acme" { &["add", "list", "search"] } else { &["add", "delete", "list", "search"] };
    assert_eq!(names(tools, "/result/tools", "name"), granted, "{caller}");
    caller.negotiated(&negotiated, version);
    // A tool that is there says that the note is not; a tool that is not there is an error.
    assert_eq!(deleted["ok"].as_bool(), Some(tenant == "globex"), "{caller}: {deleted}");
    let uri = added.pointer("/result/structuredContent/uri").and_then(Value::as_str);
    uri.unwrap_or_else(|| panic!("{caller}: {added}")).to_owned()
}

/// What the tenant wrote is all there is, in the tool's words and as resources; what the other wrote cannot be read.
fn finds(caller: &Caller, own: &[String], others: &[String]) {
    let (_, results) = caller.take(&[
        json!({"op": "call", "name": "list"}),
        json!({"op": "list_resources"}),
        json!({"op": "read", "uri": own.last()}),
        json!({"op": "read", "uri": others.last()}),
    ]);
    let [listed, resources, mine, theirs] = &results[..] else { panic!("{caller}: {results:#?}") };
    let mut expected = own.to_vec();
    expected.sort();
    let ids = names(listed, "/result/structuredContent/notes", "id");
    assert_eq!(ids.iter().map(|id| format!("note://{id}")).collect::<Vec<_>>(), expected, "{caller}");
    assert_eq!(names(resources, "/result/resources", "uri"), expected, "{caller}");
    assert_eq!(mine.pointer("/result/contents/0/uri"), own.last().map(|uri| json!(uri)).as_ref(), "{caller}: {mine}");
    assert_eq!(theirs["ok"], false, "{caller}: {theirs}");
}

#[test]
fn clients_fall_back_before_a_server_of_the_legacy_era() {
    let (_everything, _home, url) = everything();
    let world = World::demo_with(&["--server", &url]);
    for client in [Client::Python, Client::TypeScript, Client::Inspector] {
        for era in ["auto", "legacy"] {
            let caller = Caller::at(&world, client, era, "acme", "server");
            let (negotiated, results) = caller.take(&[
                json!({"op": "list_tools"}),
                json!({"op": "call", "name": "echo", "args": {"message": "hello"}}),
            ]);
            caller.negotiated(&negotiated, LEGACY);
            assert!(names(&results[0], "/result/tools", "name").contains(&"echo".to_owned()), "{caller}: {results:#?}");
            let echoed = results[1].pointer("/result/content/0/text");
            assert_eq!(echoed, Some(&json!("Echo: hello")), "{caller}: {results:#?}");
        }
    }
    for client in [Client::TypeScript, Client::Inspector] {
        let caller = Caller::at(&world, client, "modern", "acme", "server");
        let told = caller.refused();
        assert!(told.contains("2026-07-28") || told.contains("not initialized"), "{caller}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_modern_era_serves_modern_clients_and_tells_the_others() {
    let fixture = Fixture::start(Options { eras: Eras::Modern, ..Options::default() }).await;
    let world = World::demo_with(&["--server", &fixture.url]);
    for (client, era) in [
        (Client::Python, "auto"),
        (Client::Python, "modern"),
        (Client::TypeScript, "auto"),
        (Client::TypeScript, "modern"),
        (Client::Inspector, "modern"),
    ] {
        let caller = Caller::at(&world, client, era, "globex", "server");
        let echo = json!({"op": "call", "name": "echo", "args": {"text": "hello"}});
        let (negotiated, results) = caller.take(&[json!({"op": "list_tools"}), echo]);
        caller.negotiated(&negotiated, MODERN);
        assert!(names(&results[0], "/result/tools", "name").contains(&"echo".to_owned()), "{caller}: {results:#?}");
        assert_eq!(results[1].pointer("/result/content/0/text"), Some(&json!("{\"text\":\"hello\"}")), "{caller}");
    }
    for client in [Client::Python, Client::TypeScript, Client::Inspector] {
        let caller = Caller::at(&world, client, "legacy", "globex", "server");
        let told = caller.refused();
        assert!(told.contains("this protocol version is not served here"), "{caller}: {told}");
    }
}

/// The reference server of the legacy era, with a home of its own, and its URL.
fn everything() -> (Process, TempDir, String) {
    let (address, home) = (free_address(), TempDir::new().unwrap());
    let mut command = node(&tool("PARTYWALL_TOOLS_MODULES").join(".bin/mcp-server-everything"));
    command.arg("streamableHttp").env("PORT", address.port().to_string()).env("HOME", home.path());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Process(child);
    let since = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(server.0.try_wait().unwrap().is_none(), "server-everything ended before it listened");
        assert!(since.elapsed() < LISTENS_TIMEOUT, "server-everything does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    (server, home, format!("http://{address}/mcp"))
}
