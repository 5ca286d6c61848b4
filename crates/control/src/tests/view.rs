//! What operators see of tenants.

use axum::http::StatusCode;
use serde_json::json;

use super::world::{ACME, BASE, world};

#[tokio::test]
async fn a_tenant_is_shown_as_it_is_enforced_and_who_set_it() {
    let world = world();
    let acme = format!("{ACME}servers.files.placement = {{ remote = \"http://127.0.0.1:9002/mcp\" }}\n");
    world.applied(&[("base.toml", BASE), ("acme.toml", &acme)]).await;
    let (status, mut acme) = world.get("/api/v1/tenants/acme").await;
    assert_eq!(status, StatusCode::OK);
    let id = acme["id"].take();
    let expected = json!({
        "revision": 1,
        "name": "acme",
        "id": null,
        "plan": "standard",
        "suspended": false,
        "identities": [{ "issuer": "corporate", "value": "acme" }],
        "limits": [
            { "name": "calls_per_second", "value": 5, "left": null, "origin": "plan" },
            { "name": "calls_burst", "value": 7, "left": 7, "origin": "tenant" },
            { "name": "subject_calls_per_second", "value": 1_000_000, "left": null, "origin": "default" },
            { "name": "calls_in_flight_max", "value": 16, "left": 16, "origin": "default" },
            { "name": "lists_per_second", "value": 10, "left": null, "origin": "default" },
            { "name": "lists_burst", "value": 100, "left": 100, "origin": "default" },
            { "name": "handshakes_per_second", "value": 10, "left": null, "origin": "default" },
            { "name": "handshakes_burst", "value": 100, "left": 100, "origin": "default" },
            { "name": "sessions_open_max", "value": 10_000, "left": 10_000, "origin": "default" },
            { "name": "streams_open_max", "value": 32, "left": 32, "origin": "default" },
            { "name": "bodies_bytes_max", "value": 67_108_864, "left": 67_108_864, "origin": "default" },
        ],
        "servers": [
            {
                "name": "files", "placement": "remote", "upstream": "http://127.0.0.1:9002/mcp",
                "tools": "", "prompts": "", "resources": "", "scopes": [],
            },
            {
                "name": "notes", "placement": "shared", "upstream": "http://127.0.0.1:9001/mcp",
                "tools": "* but not delete_*", "prompts": "", "resources": "",
                "scopes": [{ "tools": "create_*", "needed": ["notes:write"] }],
            },
        ],
    });
    assert_eq!(acme, expected);

    let line =
        json!({ "name": "acme", "id": id, "plan": "standard", "suspended": false, "servers": ["files", "notes"] });
    assert_eq!(world.get("/api/v1/tenants").await, (StatusCode::OK, json!({ "revision": 1, "tenants": [line] })));
}

#[tokio::test]
async fn what_another_process_wrote_is_seen() {
    let world = world();
    world.applied(&[("base.toml", BASE)]).await;
    assert_eq!(world.get("/api/v1/tenants").await.1["tenants"], json!([]));
    world.applied(&[("acme.toml", ACME)]).await;
    assert_eq!(world.get("/api/v1/tenants").await.1["revision"], 2);
}
