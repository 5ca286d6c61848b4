//! The notes server as a gateway sees it: raw HTTP, both eras, two tenants and whoever else comes.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test that called it")]

mod world;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use world::{ACME, Era, GLOBEX, NOBODY, World};

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

#[tokio::test]
async fn a_tenants_notes_are_shared_by_its_users() {
    for era in ERAS {
        let world = World::new().await;
        let (ann, bob) = (world.enter(ACME, "ann", era).await, world.enter(ACME, "bob", era).await);
        let note = ann.tool("add", json!({"text": "Buy milk\nand eggs"})).await;
        let (id, uri) = (text(&note["id"]), text(&note["uri"]));
        assert_eq!(uri, format!("note://{id}"));

        let listed = bob.tool("list", json!({})).await;
        assert_eq!(listed, json!({"notes": [{"id": id, "first_line": "Buy milk", "author": "ann"}], "total": 1}));
        assert_eq!(bob.tool("search", json!({"query": "EGGS"})).await["total"], 1);
        assert_eq!(bob.tool("search", json!({"query": "%"})).await["total"], 0);
        let resources = bob.result("resources/list", json!({})).await["resources"].clone();
        assert_eq!(resources, json!([{"uri": uri, "name": id, "title": "Buy milk", "mimeType": "text/plain"}]));
        let read = bob.result("resources/read", json!({"uri": uri})).await["contents"].clone();
        assert_eq!(read, json!([{"uri": uri, "mimeType": "text/plain", "text": "Buy milk\nand eggs"}]));

        assert_eq!(bob.tool("delete", json!({"id": id})).await, json!({"id": id}));
        assert_eq!(ann.tool("list", json!({})).await["total"], 0);
    }
}

#[tokio::test]
async fn another_tenants_note_and_no_note_answer_alike() {
    for era in ERAS {
        let world = World::new().await;
        let (ann, eve) = (world.enter(ACME, "ann", era).await, world.enter(GLOBEX, "eve", era).await);
        let secret = text(&ann.tool("add", json!({"text": "the secret of acme"})).await["id"]);
        let nowhere = "0".repeat(32);
        for (method, params) in [
            ("tools/call", json!({"name": "delete", "arguments": {"id": "ID"}})),
            ("resources/read", json!({"uri": "note://ID"})),
            ("tools/call", json!({"name": "search", "arguments": {"query": "ID"}})),
        ] {
            let with = |id: &str| serde_json::from_str(&params.to_string().replace("ID", id)).unwrap();
            let (theirs, nobodys) = (eve.call(method, with(&secret)).await, eve.call(method, with(&nowhere)).await);
            assert_eq!(theirs, nobodys, "{method} {params}");
        }
        assert_eq!(eve.tool("search", json!({"query": "secret"})).await["total"], 0);
        assert_eq!(eve.tool("list", json!({})).await, json!({"notes": [], "total": 0}));
        assert_eq!(eve.result("resources/list", json!({})).await["resources"], json!([]));
        let read = ann.result("resources/read", json!({"uri": format!("note://{secret}")})).await;
        assert_eq!(read["contents"][0]["text"], "the secret of acme", "and it is still there");
    }
}

#[tokio::test]
async fn a_session_is_no_way_into_another_tenant() {
    let world = World::new().await;
    let ann = world.enter(ACME, "ann", Era::Legacy).await;
    ann.tool("add", json!({"text": "the secret of acme"})).await;
    for (tenant, subject) in [(GLOBEX, "ann"), (ACME, "bob")] {
        let thief = world.with_session_of(&ann, tenant, subject);
        let unknown = thief.post(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
        let resume = thief.send(Method::GET, &[("last-event-id", "0/0")], String::new()).await;
        assert_eq!(resume.status, StatusCode::NOT_FOUND);
        thief.send(Method::DELETE, &[], String::new()).await;
    }
    assert_eq!(ann.tool("list", json!({})).await["total"], 1, "nobody else could end it");
}

#[tokio::test]
async fn the_gateways_probe_sees_an_empty_server_and_leaves_no_file() {
    for era in ERAS {
        let world = World::new().await;
        let probe = world.enter(NOBODY, "partywall", era).await;
        if matches!(era, Era::Modern) {
            let discovered = probe.result("server/discover", json!({})).await;
            assert_eq!(discovered["capabilities"], json!({"tools": {}, "resources": {}}));
        }
        let tools = probe.result("tools/list", json!({})).await["tools"].clone();
        let mut names: Vec<_> = tools.as_array().unwrap().iter().map(|tool| text(&tool["name"])).collect();
        names.sort();
        assert_eq!(names, ["add", "delete", "list", "search"]);
        assert_eq!(probe.result("resources/list", json!({})).await["resources"], json!([]));
        assert_eq!(probe.tool("list", json!({})).await["total"], 0);
        assert_eq!(probe.refused("delete", json!({"id": "x"})).await, "no such note; `list` shows the notes there are");
        assert_eq!(probe.refused("add", json!({"text": "x"})).await, "the gateway's probe keeps no notes");
        assert_eq!(world.files(), 0);
    }
}

#[tokio::test]
async fn without_an_assertion_nothing_is_answered() {
    let world = World::new().await;
    let stranger = world.client("Bearer not-an-assertion", Era::Modern);
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let refused = stranger.send(method, &[], "{}".into()).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert_eq!(refused.header("www-authenticate"), r#"Bearer error="invalid_token""#);
    }
}

#[tokio::test]
async fn a_note_has_its_bounds() {
    let world = World::new().await;
    let ann = world.enter(ACME, "ann", Era::Modern).await;
    ann.tool("add", json!({"text": "x".repeat(65_536)})).await;
    for (length, told) in [(65_537, "this one has 65537; split it"), (0, "this one has 0; split it")] {
        let refused = ann.refused("add", json!({"text": "x".repeat(length)})).await;
        assert_eq!(refused, format!("a note has 1 to 65536 bytes, {told}"));
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let world = World::new().await;
    let ann = world.enter(ACME, "ann", Era::Modern).await;
    for n in 0..201 {
        ann.tool("add", json!({"text": format!("note {n}")})).await;
    }
    let (mut sizes, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let params = if cursor.is_null() { json!({}) } else { json!({"cursor": cursor}) };
        let page = ann.result("resources/list", params).await;
        sizes.push(page["resources"].as_array().unwrap().len());
        assert_eq!((&page["ttlMs"], &page["cacheScope"]), (&json!(0), &json!("private")));
        cursor = page["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(sizes, [100, 100, 1]);
    assert_eq!(ann.tool("list", json!({})).await["total"], 201);
    assert_eq!(ann.call("resources/list", json!({"cursor": "-1"})).await["error"]["code"], -32602);
}

#[tokio::test]
async fn plain_modern_answers_are_json_and_it_stops_when_told() {
    let world = World::new().await;
    let (ann, bob) = (world.enter(ACME, "ann", Era::Modern).await, world.enter(ACME, "bob", Era::Legacy).await);
    let answer = ann.post(&ann.message("tools/list", json!({}))).await;
    assert_eq!(answer.header("content-type"), "application/json");
    bob.tool("list", json!({})).await;
    world.stop().await;
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
