//! A tenant that is named anywhere but in the token decides nothing, and where it is named as one and is not the token's
//! the call is refused. What the client says of itself goes no further than the gateway.

use http::Method;
use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};

use super::{Visitor, assert_alike, never_given};
use crate::http::{Ask, LEGACY, MODERN};
use crate::scripted::until;
use crate::world::{Fixture, World};

#[tokio::test]
async fn naming_another_tenant_is_refused_and_tells_nothing() {
    let world = World::demo();
    let ann = Visitor::modern(&world, "notes", &world.token("acme", "ann"));
    ann.note("the secret of acme").await;
    let (acme, globex) = (id_of(&world, "acme"), id_of(&world, "globex"));
    let token = world.token("globex", "gus");
    for gus in Visitor::in_both_eras(&world, "notes", &token).await {
        let list = |arguments: Value| gus.ask("tools/call", json!({"name": "list", "arguments": arguments}));
        let named = |name: &Value, text: &str| {
            [
                list(json!({"tenant_id": name})),
                list(json!({"Tenant_ID": name})),
                list(json!({})).header("partywall-tenant", text),
                list(json!({})).header("x-tenant-id", text),
                with_meta(&gus, "partywall/tenant", name),
            ]
        };
        // By its name or by its id it is the tenant's own, and all is as if nothing had been said.
        let plain = list(json!({})).send().await;
        assert_eq!(plain.json().pointer("/result/structuredContent/total"), Some(&json!(0)), "{plain:?}");
        for own in ["globex", &globex] {
            for ask in named(&json!(own), own) {
                assert_alike((&ask.send().await, ""), (&plain, ""));
            }
        }
        // Another tenant, one that does not exist, and what is no name at all answer alike, wherever they stand.
        let refused = list(json!({"tenant_id": "acme"})).send().await;
        assert_eq!((refused.status.as_u16(), refused.code()), (403, Some(40_300)), "{refused:?}");
        assert_eq!(refused.header("www-authenticate"), None, "a challenge would send the client for another token");
        for other in ["acme", &acme, "nobody-at-all", &never_given(&acme), "", "GLOBEX", " globex2"] {
            for ask in named(&json!(other), other) {
                assert_alike((&ask.send().await, ""), (&refused, ""));
            }
        }
        for other in [json!(null), json!(7), json!(["globex"]), json!({"id": globex})] {
            let others = [list(json!({"tenant_id": other})), with_meta(&gus, "partywall/tenant", &other)];
            for ask in others {
                assert_alike((&ask.send().await, ""), (&refused, ""));
            }
        }
        let twice = list(json!({})).header("x-tenant-id", "globex").header("x-tenant-id", "globex");
        assert_alike((&twice.send().await, ""), (&refused, ""));
        let body = r#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"list","arguments":{"tenant_id":"globex","tenant_id":"acme"},"_meta":{META}}}"#;
        let twice = list(json!({})).body(filled(body, &gus));
        assert_alike((&twice.send().await, ""), (&refused, ""));
        let body = r#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"list","_meta":{META,"partywall/tenant":"globex","partywall/tenant":"globex"}}}"#;
        assert_eq!(list(json!({})).body(filled(body, &gus)).send().await.status, 400);
    }
    let refused = until("the refusals are booked", || {
        Some(world.log_lines("\"tenant_mismatch\"")).filter(|lines| lines.len() == 92)
    });
    for line in refused.await {
        assert_eq!((&line["tenant_id"], &line["outcome"]), (&json!(globex), &json!("refused")), "{line}");
        assert!(line["cause"].as_str().unwrap().ends_with("is not the tenant's"), "{line}");
    }
}

/// A stream and the end of a session have no body; their headers count.
#[tokio::test]
async fn naming_another_tenant_is_refused_without_a_body_too() {
    let world = World::demo();
    let ann = Visitor::legacy(&world, "notes", &world.token("acme", "ann")).await;
    let bare = |method| {
        let ask = Ask::new(method, &ann.url).header("authorization", &format!("Bearer {}", ann.token));
        let ask = ask.header("mcp-session-id", ann.session.as_deref().unwrap()).header("accept", "text/event-stream");
        ask.header("mcp-protocol-version", LEGACY)
    };
    for method in [Method::GET, Method::DELETE] {
        let refused = bare(method.clone()).header("partywall-tenant", "globex").send().await;
        assert_eq!((refused.status.as_u16(), refused.code()), (403, Some(40_300)), "{method}: {refused:?}");
    }
    assert!(bare(Method::DELETE).header("partywall-tenant", "acme").send().await.status.is_success());
}

/// What stands where nobody looks for a tenant is a word like any other.
#[tokio::test]
async fn naming_a_tenant_elsewhere_changes_nothing() {
    let world = World::demo();
    let ann = Visitor::modern(&world, "notes", &world.token("acme", "ann"));
    ann.note("the secret of acme").await;
    let acme = &*id_of(&world, "acme");
    let token = world.token("globex", "gus");
    let forged = forged_assertion(&world, acme);
    for gus in Visitor::in_both_eras(&world, "notes", &token).await {
        let list = |arguments: Value| gus.ask("tools/call", json!({"name": "list", "arguments": arguments}));
        let plain = list(json!({})).send().await;
        assert_eq!(plain.json().pointer("/result/structuredContent/total"), Some(&json!(0)), "{plain:?}");
        for name in ["acme", acme] {
            let named = [
                list(json!({"tenant": name, "tenantId": name, "org_id": name, "filter": {"tenant_id": name}})),
                list(json!({})).header("x-tenant", name).header("tenant", name).header("partywall-tenant-id", name),
                list(json!({})).header("partywall-assertion", &forged).header("x-forwarded-user", name),
                list(json!({})).header("cookie", &format!("tenant={name}")).header("forwarded", &format!("for={name}")),
                list(json!({})).header("baggage", &format!("tenant={name}")).header("mcp-param-tenant", name),
                with_meta(&gus, "tenant_id", &json!(name)),
                gus.at(&format!("{}?tenant={name}&tenant_id={name}", gus.url))
                    .ask("tools/call", json!({"name": "list", "arguments": {}})),
            ];
            for ask in named {
                assert_alike((&ask.send().await, ""), (&plain, ""));
            }
        }
    }
}

/// Which arguments name a tenant is the server's document's to say: some servers mean something else by the word.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_which_of_its_arguments_name_a_tenant() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let world = World::demo();
    let token = world.token("acme", "ann");
    let ann = Visitor::modern(&world, "fixture", &token);
    for (listed, refused) in [
        ("", &["tenant_id"][..]),
        ("tenant_arguments = []", &[]),
        ("tenant_arguments = [\"org\", \"kunde\"]", &["org", "kunde"]),
    ] {
        world.must_apply(&fixture.documents().replace("[server.fixture]", &format!("[server.fixture]\n{listed}")));
        for name in ["tenant_id", "org", "kunde", "text"] {
            let called = ann.tool("echo", json!({"text": "hello", name: "globex"})).await;
            let expected = if refused.contains(&name) { 403 } else { 200 };
            assert_eq!(called.status, expected, "{name} with `{listed}`: {called:?}");
        }
    }
}

/// The id of one of the demo's tenants.
fn id_of(world: &World, tenant: &str) -> String {
    let shown = world.run(&["tenant", "show", tenant, "--output", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    shown["id"].as_str().unwrap().to_owned()
}

/// A body with the id that this visitor's era wants, and `META` filled with what it wants in `_meta`.
fn filled(body: &str, visitor: &Visitor) -> String {
    let meta = if visitor.session.is_none() { modern_meta() } else { json!({"progressToken": 1}) }.to_string();
    let id = if visitor.session.is_none() { "\"id\":1" } else { "\"id\":2" };
    body.replace("\"id\":0", id).replace("META", &meta[1..meta.len() - 1])
}

fn modern_meta() -> Value {
    json!({"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}})
}

/// `list` with a tenant in `_meta`, beside what belongs there.
fn with_meta(gus: &Visitor, member: &str, name: &Value) -> Ask {
    let mut meta = if gus.session.is_none() { modern_meta() } else { json!({}) };
    meta[member] = name.clone();
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
        ["partywall-assertion", "partywall-tenant-id", "partywall-request-id", "x-tenant", "cookie", "x-forwarded-for"]
            .into_iter()
            .fold(ask, |ask, header| ask.header(header, "told by the client"))
            .header("partywall-tenant", "acme")
            .header("x-tenant-id", "acme")
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
