//! A legacy session is its principal's. In any other hands its id is no id, whatever is done with it.

use http::Method;
use serde_json::json;

use super::{Visitor, assert_alike, never_given};
use crate::corporate::{Corporate, write_documents};
use crate::http::{Answer, Ask, LEGACY};
use crate::world::World;

/// What can be done with a session.
const DEEDS: [&str; 6] = ["list", "call", "notify", "answer", "resume", "end"];

/// Does one of [`DEEDS`] with a session and a token.
async fn attempt(deed: &str, url: &str, token: &str, session: &str) -> Answer {
    let post =
        |body| Ask::post(url, token, &body).header("mcp-session-id", session).header("mcp-protocol-version", LEGACY);
    let bare = |method| {
        let ask = Ask::new(method, url).header("authorization", &format!("Bearer {token}"));
        ask.header("mcp-session-id", session).header("mcp-protocol-version", LEGACY)
    };
    let ask = match deed {
        "list" => Ask::legacy(url, token, session, "tools/list", json!({})),
        "call" => Ask::legacy(url, token, session, "tools/call", json!({"name": "list", "arguments": {}})),
        "notify" => post(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})),
        "answer" => post(json!({"jsonrpc": "2.0", "id": 1, "result": {"action": "accept"}})),
        "resume" => bare(Method::GET).header("accept", "text/event-stream").header("last-event-id", "0/0"),
        _ => bare(Method::DELETE),
    };
    ask.send().await
}

#[tokio::test]
async fn a_session_in_other_hands_does_not_exist() {
    let world = World::demo();
    let corporate = Corporate::new();
    let tenant = |name: &str, plan: &str| {
        let identities = json!([{"issuer": "development", "value": name}, {"issuer": "corporate", "value": name}]);
        json!({"plan": plan, "identities": identities, "limits": {"calls_burst": 1000, "calls_per_second": 1000}})
    };
    let tenants = json!({"acme": tenant("acme", "standard"), "globex": tenant("globex", "enterprise")});
    let documents = json!({"issuer": {"corporate": corporate.document()}, "tenant": tenants});
    let applied = world.run(&["apply", "-f", &write_documents(world.data(), &documents)]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));

    let public = &world.public;
    let ann = Visitor::legacy(&world, "notes", &corporate.token(public, "acme", "ann")).await;
    let session = ann.session.clone().unwrap();
    let by_another_client = corporate.claims(public, "acme", "ann").client("another agent");
    let thieves = [
        ("another tenant's user", corporate.token(public, "globex", "gus")),
        ("another tenant's user of the same name", corporate.token(public, "globex", "ann")),
        ("another user of the tenant", corporate.token(public, "acme", "bob")),
        ("the user by another client", corporate.0.token(by_another_client)),
        ("the user's name at another issuer", world.token("acme", "ann")),
    ];
    for (who, token) in &thieves {
        for deed in DEEDS {
            let stolen = attempt(deed, &ann.url, token, &session).await;
            assert_eq!(stolen.status, 404, "{deed} by {who}: {stolen:?}");
            assert_alike((&stolen, ""), (&attempt(deed, &ann.url, token, &never_given(&session)).await, ""));
        }
    }
    let alive = ann.send("tools/list", json!({})).await;
    assert_eq!(alive.status, 200, "the session goes on for whom it was opened: {alive:?}");
}

#[tokio::test]
async fn a_session_counts_for_nothing_in_place_of_a_token() {
    let world = World::demo();
    let ann = Visitor::legacy(&world, "notes", &world.token("acme", "ann")).await;
    let session = ann.session.clone().unwrap();
    let without = ann.ask("tools/list", json!({})).without("authorization").send().await;
    assert_eq!(without.status, 401, "{without:?}");
    let strange = Ask::legacy(&ann.url, "strange", &session, "tools/list", json!({})).send().await;
    assert_eq!(strange.status, 401, "{strange:?}");
}
