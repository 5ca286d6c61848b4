//! `explain`: one page says whose call it is, by which rule, what is left, and if it is refused why and what to do.

use serde_json::json;

use crate::corporate::Corporate;
use crate::http::{Answer, Ask};
use crate::process::partywall_with;
use crate::told::{all, assert_told, stdout};
use crate::world::World;

/// The page for a token, asked on standard input.
fn token_page(world: &World, token: &str, arguments: &[&str]) -> String {
    let base = ["explain", "--token", "-", "--data", world.data().to_str().unwrap()];
    let output = partywall_with(&[&base, arguments].concat(), token);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    stdout(&output)
}

#[test]
fn a_token_is_explained() {
    let world = World::demo();
    world.must_apply(
        "[tenant.umbrella]\nplan = \"standard\"\nsuspended = true\n\
         identities = [{ issuer = \"development\", value = \"umbrella\" }]\n\
         [tenant.acme]\nplan = \"standard\"\nidentities = [{ issuer = \"development\", value = \"acme\" }]\n\
         servers.notes = { scopes = { \"add\" = [\"notes:write\"] } }\n",
    );
    let ann = world.token("acme", "ann");
    let add = ["--server", "notes", "--tool", "add"];
    let with_scope = world.token_with("acme", "ann", &["--scope", "notes:write notes:read"]);
    let cases = [
        ("good", &ann, &[][..]),
        ("good-for-a-server", &ann, &["--server", "notes"]),
        ("good-for-a-tool", &with_scope, &add),
        ("without-scope", &ann, &add),
        ("tool-not-granted", &ann, &["--server", "notes", "--tool", "delete"]),
        ("server-not-there", &ann, &["--server", "files"]),
        ("suspended", &world.token("umbrella", "eve"), &[]),
        ("unknown-tenant", &world.token("initech", "bob"), &[]),
        ("wrong-audience", &world.token_with("acme", "ann", &["--server", "files"]), &["--server", "notes"]),
        ("unknown-issuer", &strangers(&world), &[]),
    ];
    for (name, token, arguments) in cases {
        assert_told(&format!("explain-{name}"), world.data(), &token_page(&world, token, arguments));
    }
    // For programs, the same.
    let page = token_page(&world, &ann, &["--server", "notes", "--tool", "delete", "--output", "json"]);
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!((&page["verdict"]["refusal"], &page["tenant"]["name"]), (&json!("unknown_tool"), &json!("acme")));
}

#[tokio::test]
async fn a_request_is_explained() {
    let world = World::demo();
    let url = world.url("notes");
    let ann = world.token("acme", "ann");
    let tool = |token: &str, name: &str| Ask::modern(&url, token, "tools/call", json!({"name": name, "arguments": {}}));
    let cases = [
        ("answered", tool(&ann, "list").send().await),
        ("refused", tool(&ann, "delete").send().await),
        ("of-an-unknown-tenant", tool(&world.token("initech", "bob"), "list").send().await),
        ("of-an-unknown-issuer", tool(&strangers(&world), "list").send().await),
        ("without-a-token", tool(&ann, "list").without("authorization").send().await),
        ("of-a-strange-session", Ask::legacy(&url, &ann, "strange", "tools/list", json!({})).send().await),
    ];
    for (name, answer) in cases {
        assert_told(&format!("explain-request-{name}"), world.data(), &request_page(&world, &answer));
    }
}

/// A token like any other, from an issuer that no document names.
fn strangers(world: &World) -> String {
    Corporate::new().token(&world.public, "acme", "eve")
}

/// The page for the request that was answered so.
fn request_page(world: &World, answer: &Answer) -> String {
    let id = answer.header("partywall-request-id").unwrap();
    let output = world.run(&["explain", id]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    stdout(&output)
}
