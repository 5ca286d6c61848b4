//! A tenant that is named anywhere but in the token is a name and nothing more. What the client says of itself goes no
//! further than the gateway.

use http::Method;
use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};

use super::{Visitor, assert_alike};
use crate::http::{Ask, LEGACY, MODERN};
use crate::world::{Fixture, World};

#[tokio::test]
async fn naming_another_tenant_changes_nothing() {
    let world = World::demo();
    let ann = Visitor::modern(&world, "notes", &world.token("acme", "ann"));
    ann.note("the secret of acme").await;
    let shown = world.run(&["tenant", "show", "acme", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let acme = shown["id"].as_str().unwrap();

    let token = world.token("globex", "gus");
    let forged = forged_assertion(&world, acme);
    for gus in Visitor::in_both_eras(&world, "notes", &token).await {
        let list = |arguments: Value| gus.ask("tools/call", json!({"name": "list", "arguments": arguments}));
        let plain = list(json!({})).send().await;
        assert_eq!(plain.json().pointer("/result/structuredContent/total"), Some(&json!(0)), "{plain:?}");
        for name in ["acme", acme] {
            let named = [
                list(json!({"tenant": name, "tenant_id": name, "tenantId": name, "org_id": name})),
                list(json!({})).header("x-tenant", name).header("x-tenant-id", name).header("tenant", name),
                list(json!({})).header("partywall-tenant", name).header("partywall-tenant-id", name),
                list(json!({})).header("partywall-assertion", &forged).header("x-forwarded-user", name),
                list(json!({})).header("cookie", &format!("tenant={name}")).header("forwarded", &format!("for={name}")),
                list(json!({})).header("baggage", &format!("tenant={name}")).header("mcp-param-tenant", name),
                with_meta(&gus, name),
                gus.at(&format!("{}?tenant={name}&tenant_id={name}", gus.url))
                    .ask("tools/call", json!({"name": "list", "arguments": {}})),
            ];
            for ask in named {
                assert_alike((&ask.send().await, ""), (&plain, ""));
            }
        }
    }
}

/// `list` with a tenant in `_meta`, beside what belongs there.
fn with_meta(gus: &Visitor, name: &str) -> Ask {
    let mut meta = json!({"tenant": name, "tenant_id": name, "io.modelcontextprotocol/tenant": name});
    if gus.session.is_none() {
        meta["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    }
    let id = if gus.session.is_none() { 1 } else { 2 };
    let params = json!({"name": "list", "arguments": {}, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
    gus.ask("tools/call", json!({"name": "list"})).body(body.to_string())
}

/// What the gateway would sign for a tenant, signed by somebody else.
fn forged_assertion(world: &World, tenant: &str) -> String {
    let issuer = Issuer::new(&world.public);
    let claims = issuer.claims("notes").with("tenant_id", tenant).with("tenant_name", "acme").with("revision", 1);
    let mut header = issuer.header();
    header["typ"] = json!("partywall+jwt");
    issuer.raw(header.to_string(), Value::from(claims).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_of_itself_stays_at_the_gateway() {
    let fixture = Fixture::start(Options::default()).await;
    let world = World::demo();
    world.must_apply(&fixture.documents());
    let token = world.token("acme", "ann");
    let signature = token.rsplit('.').next().unwrap();
    fixture.received.clear();

    let told = |ask: Ask| {
        ["partywall-assertion", "partywall-tenant", "partywall-request-id", "x-tenant", "cookie", "x-forwarded-for"]
            .into_iter()
            .fold(ask, |ask, header| ask.header(header, "told by the client"))
            .header("proxy-authorization", &format!("Bearer {token}"))
            .header("x-api-key", &token)
    };
    let [modern, legacy] = Visitor::in_both_eras(&world, "fixture", &token).await;
    let session = legacy.session.clone().unwrap();
    let bare = |method| {
        let ask = Ask::new(method, &legacy.url).header("authorization", &format!("Bearer {token}"));
        ask.header("mcp-session-id", &session).header("mcp-protocol-version", LEGACY)
    };
    let echo = json!({"name": "echo", "arguments": {"text": "hello"}});
    for ask in [modern.ask("tools/call", echo.clone()), legacy.ask("tools/call", echo)] {
        assert_eq!(told(ask).send().await.status, 200);
    }
    let stream = told(bare(Method::GET).header("accept", "text/event-stream")).open().await;
    assert_eq!(stream.status(), 200);
    drop(stream);
    assert!(told(bare(Method::DELETE)).send().await.status.is_success());

    let received = fixture.received.all();
    let methods: Vec<_> = received.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["POST", "POST", "POST", "GET", "DELETE"], "{received:#?}");
    for request in &received {
        let text = format!("{:?} {}", request.headers, String::from_utf8_lossy(&request.body));
        assert!(!text.contains(signature) && !text.contains("told by the client"), "{text}");
        let ours = request.headers.iter().find(|(name, _)| name.starts_with("partywall-"));
        assert_eq!(ours, None, "a header of ours went on");
        let bearers = request.headers.iter().filter(|(name, _)| name == "authorization").count();
        assert_eq!(bearers, 1, "{text}");
        let claims = claims_of(request.header("authorization").unwrap());
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(world.public), &json!("fixture")), "{claims}");
        assert_eq!((&claims["tenant_name"], &claims["sub"]), (&json!("acme"), &json!("ann")), "{claims}");
    }
}

/// The claims of the token in an `Authorization` header.
fn claims_of(authorization: &str) -> Value {
    use base64::Engine as _;
    let payload = authorization.strip_prefix("Bearer ").and_then(|token| token.split('.').nth(1)).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&payload).unwrap()
}
