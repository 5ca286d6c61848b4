//! The clients that people use sign in by themselves, and a real browser shows a person the page.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use axum::Router;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::SCOPED;
use super::flow::{Client, address};
use crate::world::World;

#[test]
fn the_official_clients_sign_in_refresh_and_stay_their_tenants() {
    let world = World::demo();
    let url = world.url("notes");
    for (tenant, person, client) in [("globex", "gus", script("sign-in.mjs")), ("acme", "änn", python("sign_in.py"))] {
        let told = run(client, &[&url, tenant, person]);
        assert_eq!(told["error"], Value::Null, "{tenant}: {told:#}");
        assert_eq!(told["negotiated"], "2026-07-28", "{told:#}");
        assert_eq!((&told["refreshed"], &told["pages"]), (&json!(true), &json!(1)), "{told:#}");
        let notes = told.pointer("/called_again/structuredContent/notes").unwrap();
        let expected = json!([{"author": person, "first_line": format!("{tenant}: from a page")}]);
        assert_eq!(without_ids(notes), expected, "{told:#}");
    }
    // Where a tool needs a scope, one client asks for it when it is refused, and the person is asked again; the other
    // asks at once for all that the issuer has.
    world.must_apply(SCOPED);
    for (client, pages) in [(script("sign-in.mjs"), 2), (python("sign_in.py"), 1)] {
        let told = run(client, &[&url, "acme", "ann"]);
        let expected = (&Value::Null, &json!("notes:write"), &json!(pages));
        assert_eq!((&told["error"], &told["scope"], &told["pages"]), expected, "{told:#}");
    }
}

#[tokio::test]
async fn a_browser_shows_the_page_and_brings_the_answer_back() {
    let world = World::demo();
    world.must_apply(SCOPED);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let callback = format!("http://{}/callback", listener.local_addr().unwrap());
    let served = axum::serve(listener, Router::new().fallback(async || "back"));
    tokio::spawn(async { served.await });
    let client = Client::register(&world).await;
    let query = client.query(&world).with("redirect_uri", &callback).with("scope", "notes:write");
    let arguments = [address(&world, &query), callback.clone(), "globex".to_owned(), "Gus <b>".to_owned()];
    let chromium = tool("PARTYWALL_TOOLS_CHROMIUM");
    let told = tokio::task::spawn_blocking(move || {
        let mut browser = script("browser.mjs");
        browser.env("PARTYWALL_TOOLS_CHROMIUM", chromium);
        run(browser, &arguments.each_ref().map(String::as_str))
    });
    let told = told.await.unwrap();
    assert_eq!((&told["error"], &told["complaints"]), (&Value::Null, &json!([])), "{told:#}");
    assert_eq!(told["tenants"], json!(["acme", "globex"]));
    assert_eq!((&told["styled"], &told["scopes"]), (&json!("448px"), &json!([["notes:write", true]])), "{told:#}");
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("<i>Test</i> asks for access to") && text.contains(&world.url("notes")), "{text}");
    let back = told["came_back_to"].as_str().unwrap().strip_prefix(&format!("{callback}?")).unwrap().to_owned();
    let back: std::collections::HashMap<_, _> = form_urlencoded::parse(back.as_bytes()).into_owned().collect();
    assert_eq!((&*back["state"], &*back["iss"]), ("s t&ate", &*world.issuer));
    let redeeming = client.redeeming(&world, &back["code"]).with("redirect_uri", &callback);
    let tokens = super::flow::token(&world, &redeeming).await.json();
    let called = super::call(&world, tokens["access_token"].as_str().unwrap(), "add").await;
    assert_eq!(called.status, 200, "{called:?}");
}

fn without_ids(notes: &Value) -> Value {
    let mut notes = notes.clone();
    for note in notes.as_array_mut().unwrap() {
        note.as_object_mut().unwrap().remove("id");
    }
    notes
}

fn run(mut command: Command, arguments: &[&str]) -> Value {
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&stdout)
        .unwrap_or_else(|error| panic!("{error}: {stdout} {}", String::from_utf8_lossy(&output.stderr)))
}

fn script(name: &str) -> Command {
    let mut command = Command::new(tool("PARTYWALL_TOOLS_NODE"));
    command.arg(path(name)).env("NODE_PATH", tool("PARTYWALL_TOOLS_MODULES"));
    command
}

fn python(name: &str) -> Command {
    let mut command = Command::new(tool("PARTYWALL_TOOLS_PYTHON"));
    command.arg(path(name));
    command
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(name)
}

/// What `cargo xtask test` installs. A test without it fails: one that is skipped proves nothing and looks green.
fn tool(variable: &str) -> PathBuf {
    let Some(path) = std::env::var_os(variable) else {
        panic!("`{variable}` is not set; run cargo xtask test, which installs what this needs")
    };
    path.into()
}
