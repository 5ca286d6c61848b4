//! What applying does, and what it refuses.

use axum::body::Body;
use axum::http::StatusCode;
use partywall_documents::{Document, Kind};
use partywall_domain::{Revision, Sharing};
use partywall_store::Change;
use serde_json::json;

use super::world::{ACME, BASE, json as body_of, operator, request, said, told, world};
use crate::{NotApplied, ProbeFailure};

#[tokio::test]
async fn documents_stand_as_they_say_and_what_is_not_mentioned_stays() {
    let world = world();
    insta::assert_snapshot!(world.applied(&[("base.toml", BASE), ("acme.toml", ACME)]).await, @r"
    revision 1
    issuer.corporate created
    server.files created
    server.notes created
    plan.standard created
    tenant.acme created
    ");
    let id = world.get("/api/v1/tenants/acme").await.1["id"].clone();

    let suspended = ACME.replace("[tenant.acme]", "[tenant.acme]\nsuspended = true");
    insta::assert_snapshot!(world.applied(&[("acme.toml", &suspended)]).await, @r"
    revision 2
    tenant.acme changed
    ");
    let (_, acme) = world.get("/api/v1/tenants/acme").await;
    assert_eq!((&acme["suspended"], &acme["id"], &acme["revision"]), (&json!(true), &id, &json!(2)));

    // Nothing new is no new revision.
    insta::assert_snapshot!(world.applied(&[("acme.toml", &suspended)]).await, @r"
    revision 2
    tenant.acme unchanged
    ");
    assert_eq!(world.revision(), Revision(2));
    let history = world.store.platform(&operator("ann")).history(Kind::Tenant, "acme").unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!((history[0].author.as_str(), history[0].reason.as_deref()), ("ann", Some("why not")));
}

#[tokio::test]
async fn every_mistake_is_told_at_once_with_its_place() {
    let world = world();
    world.applied(&[("base.toml", BASE), ("acme.toml", ACME)]).await;
    let wrong = r#"version = 1

[tenant.globex]
plan = "golden"

[tenant.initech]
plan = "standard"
identities = [
  { issuer = "corporate", value = "initech" },
  { issuer = "corporate", value = "acme" },
  { issuer = "unheard" },
]

[tenant.initech.servers.files]
placement = "shared"

[tenant.initech.servers.notes]
tools = { allow = ["list_[*"] }
colour = "blue"

[tenant.initech.limits]
calls_per_second = 0

[tenant.Umbrella]
plan = "standard"

[plans.more]
"#;
    insta::assert_snapshot!(world.mistakes(&[("new/wrong.toml", wrong)]).await, @r#"
    new/wrong.toml:4:8: tenant.globex.plan: no plan `golden`; apply a document `plan.golden` with it
    new/wrong.toml:10:3: tenant.initech.identities.1: tenant `acme` already has this identity, or one that includes it; a token means one tenant
    new/wrong.toml:11:3: tenant.initech.identities.2: no issuer `unheard`; apply a document `issuer.unheard` with it
    new/wrong.toml:15:13: tenant.initech.servers.files.placement: server `files` may not be shared: its document gives no `sharing`; give `initech` an instance of its own, or, if the server verifies the assertion, say `sharing = "assertion"` in `server.files`
    new/wrong.toml:18:1: tenant.initech.servers.notes.tools: `list_[*` is not a pattern: error parsing glob 'list_[*': unclosed character class; missing ']'
    new/wrong.toml:19:10: tenant.initech.servers.notes.colour: unknown field `colour`; known here: `placement`, `tools`, `prompts`, `resources`, `scopes`, `tool_limits`
    new/wrong.toml:22:20: tenant.initech.limits.calls_per_second: a whole number from 1 to 1000000 is expected here
    new/wrong.toml:24:9: tenant.Umbrella: `Umbrella` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`
    new/wrong.toml:27:2: plans: unknown table `plans`; known here: `version`, `issuer`, `server`, `plan`, `tenant`
    "#);
}

#[tokio::test]
async fn a_server_is_shared_only_with_a_reason() {
    let world = world();
    world.applied(&[("base.toml", BASE), ("acme.toml", ACME)]).await;
    // The mistake is in no file: the tenant that would lose its footing stands already.
    let unshared = "version = 1\n[server.notes]\nurl = \"http://127.0.0.1:9001/mcp\"\n";
    insta::assert_snapshot!(world.mistakes(&[("notes.toml", unshared)]).await, @r#"
    -: tenant.acme.servers.notes.placement: server `notes` may not be shared: its document gives no `sharing`; give `acme` an instance of its own, or, if the server verifies the assertion, say `sharing = "assertion"` in `server.notes`
    "#);
    // In the file that says so, it has its place.
    let shared = format!("{ACME}servers.files.placement = \"shared\"\n");
    insta::assert_snapshot!(world.mistakes(&[("acme.toml", &shared)]).await, @r#"
    acme.toml:7:27: tenant.acme.servers.files.placement: server `files` may not be shared: its document gives no `sharing`; give `acme` an instance of its own, or, if the server verifies the assertion, say `sharing = "assertion"` in `server.files`
    "#);
}

#[tokio::test]
async fn an_upstream_proves_itself_before_anybody_is_sent_there() {
    let world = world();
    let broken = |url: &str, why| drop(world.upstreams.broken.lock().unwrap().insert(url.to_owned(), why));
    broken("http://127.0.0.1:9001/mcp", ProbeFailure::Sharing("it served a call without an assertion".to_owned()));
    broken("http://127.0.0.1:9002/mcp", ProbeFailure::Url("nobody listens".to_owned()));
    let acme = format!("{ACME}servers.files.placement = {{ remote = \"http://127.0.0.1:9002/mcp\" }}\n");
    let files = [("base.toml", BASE), ("acme.toml", acme.as_str())];
    insta::assert_snapshot!(world.mistakes(&files).await, @r"
    base.toml:10:11: server.notes.sharing: it served a call without an assertion
    acme.toml:7:15: tenant.acme.servers.files.placement: nobody listens
    ");
    assert_eq!(world.said("http://127.0.0.1:9001/mcp"), None);

    world.upstreams.broken.lock().unwrap().clear();
    world.applied(&files).await;
    assert_eq!(world.said("http://127.0.0.1:9001/mcp"), Some(said()));
    assert_eq!(world.said("http://127.0.0.1:9002/mcp"), Some(said()));
    let mut asked: Vec<_> =
        world.upstreams.asked.lock().unwrap().drain(..).skip(2).map(|target| (target.url, target.sharing)).collect();
    asked.sort_by(|a, b| a.0.cmp(&b.0));
    let expected =
        [("http://127.0.0.1:9001/mcp".into(), Some(Sharing::Assertion)), ("http://127.0.0.1:9002/mcp".into(), None)];
    assert_eq!(asked, expected);

    // One that went down since does not stand in the way of suspending its tenant.
    broken("http://127.0.0.1:9002/mcp", ProbeFailure::Url("nobody listens".to_owned()));
    world.applied(&[("acme.toml", &acme.replace("[tenant.acme]", "[tenant.acme]\nsuspended = true"))]).await;
    assert_eq!(world.upstreams.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_dry_run_does_everything_but_write() {
    let world = world();
    let applied = world.apply(&[("base.toml", BASE)], true).await.unwrap();
    insta::assert_snapshot!(told(&applied), @r"
    revision 0
    issuer.corporate created
    server.files created
    server.notes created
    plan.standard created
    ");
    assert!(applied.enforced.is_none());
    assert_eq!(world.upstreams.asked.lock().unwrap().len(), 1);
    assert_eq!((world.revision(), world.said("http://127.0.0.1:9001/mcp")), (Revision(0), None));
}

#[tokio::test]
async fn an_apply_that_was_overtaken_begins_anew() {
    let world = world();
    let store = world.store.clone();
    let overtake = move || {
        let bob = operator("bob");
        let platform = store.platform(&bob);
        let base = platform.revision().unwrap();
        let plan = Document::new(Kind::Plan, "bobs", None, json!({}));
        platform.apply(base, &[Change::Put(plan)], None).unwrap();
    };
    *world.upstreams.meanwhile.lock().unwrap() = Some(Box::new(overtake));
    // The upstream is asked once, so bob comes first once.
    assert!(world.applied(&[("base.toml", BASE)]).await.starts_with("revision 2\n"));
    assert!(world.store.platform(&operator("ann")).standing(Kind::Plan, "bobs").unwrap().is_some());
}

#[tokio::test]
async fn over_http_it_tells_the_nodes_and_the_mistakes() {
    let world = world();
    let post = async |text: &str| {
        let body = json!({ "files": [{ "name": "base.toml", "text": text }], "reason": "first" }).to_string();
        let response = world.send(request("POST", "/api/v1/apply").body(Body::from(body)).unwrap()).await;
        (response.status(), body_of(response).await)
    };
    let (status, mut answer) = post(BASE).await;
    assert_eq!((status, &answer["revision"]), (StatusCode::OK, &json!(1)));
    assert_eq!(answer["enforced"].take(), json!({ "nodes": 1, "of": 2, "after_ms": null }));
    assert_eq!(answer["changes"][0], json!({ "kind": "issuer", "name": "corporate", "change": "created" }));

    let (status, answer) = post("version = 1\n[plan.standard]\nprice = 3\n").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer["error"]["message"], "1 mistake in the documents; nothing was changed");
    let path = "plan.standard.price";
    let message = "unknown field `price`; known here: `limits`, `servers`, `own_issuer_scopes`, `require`";
    assert_eq!(answer["mistakes"], json!([{ "place": "base.toml:3:9", "path": path, "message": message }]));
}

#[tokio::test]
async fn a_reason_is_no_story() {
    let refused = world().control.apply_as(&operator("ann"), &[], false, Some(&"x".repeat(1001))).await;
    assert!(matches!(refused, Err(NotApplied::Reason)));
}
