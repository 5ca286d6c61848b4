//! What the front door answers: the table of refusals, row by row, as a client reads it from the wire.

mod messages;
mod names;
mod refusals;

use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use partywall_testkit::fixture::Options;
use partywall_testkit::token::{Issuer, LIFETIME_S};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::http::{Answer, Ask};
use crate::node::issuer_document;
use crate::world::{Fixture, World};

/// A demo with a fixture behind it, an issuer of the platform's own, and tenants for each row.
struct Stage {
    world: World,
    fixture: Fixture,
    corporate: Issuer,
    url: String,
    ann: String,
}

impl Stage {
    async fn set() -> Self {
        let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
        let world = World::demo();
        let corporate = Issuer::new("https://login.example.com");
        world.must_apply(&documents(&fixture, &corporate));
        let (url, ann) = (world.url("fixture"), world.token("acme", "ann"));
        Self { world, fixture, corporate, url, ann }
    }

    /// A call that is granted, with this in the place of a token.
    fn call(&self, token: &str) -> Ask {
        Ask::modern(&self.url, token, "tools/call", json!({"name": "echo", "arguments": {}}))
    }

    fn prm(&self) -> String {
        format!("{}/.well-known/oauth-protected-resource/mcp/fixture", self.world.public)
    }

    /// How many messages of clients reached the fixture; the gateway's own questions are none.
    fn reached(&self) -> usize {
        let all = self.fixture.received.all().into_iter().filter(|request| !request.body.is_empty());
        all.filter(|request| !String::from_utf8_lossy(&request.body).contains("partywall-probe")).count()
    }

    async fn check(&self, row: Row<'_>) -> Answer {
        let Row { what, ask, status, challenge, code, id } = row;
        let answer = ask.send().await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        let challenge = challenge.map(|text| text.replace("PRM", &self.prm()));
        assert_eq!(answer.header("www-authenticate"), challenge.as_deref(), "{what}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
        assert_eq!((answer.code(), &answer.json()["id"]), (Some(code), &id), "{what}: {answer:?}");
        let request = answer.header("partywall-request-id").unwrap();
        assert!(request.len() == 32 && request.bytes().all(|byte| byte.is_ascii_hexdigit()), "{what}: {request}");
        answer
    }
}

/// A row of the table: what is asked, and what must be answered. `PRM` stands for the URL of the resource metadata.
struct Row<'a> {
    what: &'a str,
    ask: Ask,
    status: u16,
    challenge: Option<&'a str>,
    code: i64,
    id: Value,
}

impl<'a> Row<'a> {
    /// A row without a challenge, whose answer names the request.
    fn new(what: &'a str, ask: Ask, status: u16, code: i64) -> Self {
        Self { what, ask, status, challenge: None, code, id: json!(1) }
    }

    fn challenge(self, challenge: &'a str) -> Self {
        Self { challenge: Some(challenge), ..self }
    }

    fn no_id(self) -> Self {
        Self { id: Value::Null, ..self }
    }
}

fn documents(fixture: &Fixture, corporate: &Issuer) -> String {
    let (url, issuer) = (&fixture.url, issuer_document(corporate));
    format!(
        r#"
        {issuer}

        [server.fixture]
        url = "{url}"
        sharing = "stateless"
        limits = {{ request_bytes_max = 4096 }}

        [plan.fixture.servers.fixture]
        placement = "shared"
        tools = {{ allow = ["*"], deny = ["verbatim"] }}
        prompts = {{ allow = ["*"], deny = ["test_prompt_with_image"] }}
        resources = {{ allow = ["*"], deny = ["test://static-binary"] }}
        scopes = {{ "region_report" = ["reports:run", "reports:read"], "region_*" = ["regions"] }}

        [tenant.acme]
        plan = "fixture"
        identities = [{{ issuer = "development", value = "acme" }}, {{ issuer = "corporate", value = "acme" }}]

        [tenant.globex]
        plan = "fixture"
        identities = [{{ issuer = "development", value = "globex" }}]
        suspended = true

        [tenant.initech]
        plan = "fixture"
        identities = [{{ issuer = "development", value = "initech" }}]
        limits = {{ calls_per_second = 1, calls_burst = 1 }}
        "#
    )
}

const INVALID: &str =
    r#"Bearer error="invalid_token", error_description="the token is not valid here", resource_metadata="PRM""#;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn tokens_that_do_not_open_the_door() {
    let stage = Stage::set().await;
    let claims = || stage.corporate.claims(&stage.url).tenant("acme");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let stranger = Issuer::new("https://login.example.net");
    let impostor = Issuer::new(stage.corporate.url());
    let unsigned = stage.corporate.raw(json!({"typ": "at+jwt", "alg": "none"}).to_string(), json!({}).to_string());
    let other = stage.world.token_with("acme", "ann", &["--server", "notes"]);
    let good = stage.corporate.token(claims());
    for (what, token) in [
        ("expired", stage.corporate.token(claims().issued_at(now - 2 * LIFETIME_S - 600))),
        ("wrong audience", stage.corporate.token(claims().with("aud", "https://mcp.example.com/mcp"))),
        ("audience is the host alone", stage.corporate.token(claims().with("aud", stage.world.public.as_str()))),
        ("audience is another server", other),
        ("unknown issuer", stranger.token(stranger.claims(&stage.url).tenant("acme"))),
        ("bad signature", impostor.token(claims())),
        ("signature cut", good[..good.len() - 4].to_owned()),
        ("no signature", unsigned),
        (
            "not an access token",
            stage.corporate.raw(
                json!({"typ": "JWT", "alg": "ES256", "kid": "key-1"}).to_string(),
                Value::from(claims()).to_string(),
            ),
        ),
        ("nothing of a token", "a.b.c".to_owned()),
        ("characters that no token has", "a b".to_owned()),
    ] {
        let row = Row::new(what, stage.call(&token), 401, 40_100).no_id();
        stage.check(row.challenge(INVALID)).await;
    }
    let opaque = INVALID.replace("not valid here", "opaque; a JWT access token is needed here");
    stage.check(Row::new("opaque", stage.call("abc"), 401, 40_100).no_id().challenge(&opaque)).await;
    assert_eq!(stage.reached(), 0);
    assert_eq!(stage.call(&good).send().await.status, 200);
    assert_eq!(stage.reached(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn authorization_headers_are_read_strictly() {
    let stage = Stage::set().await;
    let asked = "Bearer resource_metadata=\"PRM\"";
    let malformed = "Bearer error=\"invalid_request\"";
    let bare = stage.call(&stage.ann).without("authorization");
    let in_query = |ask: Ask| ask.at(&format!("{}?access_token={}", stage.url, stage.ann));
    for row in [
        Row::new("no token", bare.clone(), 401, 40_100).challenge(asked),
        Row::new("another scheme", bare.clone().header("authorization", "Basic YTpi"), 401, 40_100).challenge(asked),
        Row::new("an empty header", bare.clone().header("authorization", ""), 401, 40_100).challenge(asked),
        Row::new("an empty token", bare.clone().header("authorization", "Bearer "), 401, 40_100).challenge(asked),
        Row::new("token in the query", in_query(bare.clone()), 400, -32_600).challenge(malformed),
        Row::new("token in both", in_query(stage.call(&stage.ann)), 400, -32_600).challenge(malformed),
        Row::new("two headers", stage.call("x").header("authorization", "Bearer y"), 400, -32_600).challenge(malformed),
    ] {
        stage.check(row.no_id()).await;
    }
    let lower = bare.header("authorization", &format!("bearer {}", stage.ann));
    assert_eq!(lower.send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn good_tokens_that_may_not() {
    let stage = Stage::set().await;
    let nobody = stage.world.token("nobody", "ned");
    let gus = stage.world.token("globex", "gus");
    let region = |token: &str| {
        Ask::modern(&stage.url, token, "tools/call", json!({"name": "region_report", "arguments": {"region": "eu"}}))
            .header("mcp-param-region", "eu")
    };
    let needed =
        "Bearer error=\"insufficient_scope\", scope=\"regions reports:read reports:run\", resource_metadata=\"PRM\"";
    let some = stage.world.token_with("acme", "some", &["--scope", "reports:read regions"]);
    let all = stage.world.token_with("acme", "all", &["--scope", "reports:run reports:read regions more"]);
    for row in [
        Row::new("unknown tenant", stage.call(&nobody), 403, 40_300),
        Row::new("suspended tenant", stage.call(&gus), 403, 40_300),
        Row::new("no scope", region(&stage.ann), 403, 40_300).challenge(needed),
        Row::new("not all scopes", region(&some), 403, 40_300).challenge(needed),
    ] {
        stage.check(row).await;
    }
    assert_eq!(region(&all).send().await.status, 200);
    let url = stage.world.url("notes");
    let ungranted = Ask::modern(&url, &stage.ann, "tools/call", json!({"name": "list", "arguments": {}}));
    let unknown = ungranted.clone().at(&stage.world.url("no-such-server"));
    let ungranted = stage.check(Row::new("a server that others have", ungranted, 404, 40_400)).await;
    let unknown = stage.check(Row::new("no such server", unknown, 404, 40_400)).await;
    assert_eq!(ungranted.body, unknown.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn names_that_are_not_ours() {
    let stage = Stage::set().await;
    let call = || stage.call(&stage.ann);
    let host = stage.world.public.trim_start_matches("http://").to_owned();
    for (what, ask) in [
        ("another host", call().header("host", "evil.example")),
        ("another port", call().header("host", "127.0.0.1:1")),
        ("another site's page", call().header("origin", "https://evil.example")),
        ("a page without a site", call().header("origin", "null")),
        ("two origins", call().header("origin", &stage.world.public).header("origin", &stage.world.public)),
        ("no path", call().header("host", "evil.example").at(&format!("{}/none", stage.world.public))),
    ] {
        stage.check(Row::new(what, ask, 403, 40_300).no_id()).await;
    }
    let port = host.rsplit_once(':').unwrap().1;
    for ask in [call().header("origin", &stage.world.public), call().header("host", &format!("localhost:{port}"))] {
        assert_eq!(ask.send().await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn too_much_at_once() {
    let stage = Stage::set().await;
    let ian = stage.world.token("initech", "ian");
    assert_eq!(stage.call(&ian).send().await.status, 200);
    // Together, as one after the other each may find a second gone by on a busy machine.
    let mut together = JoinSet::new();
    for _ in 0..10 {
        let ask = stage.call(&ian);
        together.spawn(async move { ask.send().await });
    }
    let answer = together.join_all().await.into_iter().find(|answer| answer.status != 200).expect("all went through");
    assert_eq!((answer.status.as_u16(), answer.code(), &answer.json()["id"]), (429, Some(42_900), &json!(1)));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!((1..=1000).contains(&answer.json()["error"]["data"]["retryAfterMs"].as_u64().unwrap()));
    // A client that is refused here takes the server for one of the older era.
    let discover = Ask::modern(&stage.url, &ian, "server/discover", json!({}));
    assert_eq!(discover.send().await.status, 200);
    // And nobody else is held up.
    assert_eq!(stage.call(&stage.ann).send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn before_a_token_is_known_all_servers_answer_alike() {
    let stage = Stage::set().await;
    let bare = |method: Method, token: Option<&str>, server: &str| {
        let ask = stage.call(token.unwrap_or_default()).at(&stage.world.url(server)).method(method);
        if token.is_none() { ask.without("authorization") } else { ask }
    };
    for method in [Method::POST, Method::GET, Method::DELETE, Method::PUT] {
        for token in [None, Some("not-a-token")] {
            let mut seen = Vec::new();
            for server in ["fixture", "nobodys", "notes"] {
                let answer = bare(method.clone(), token, server).send().await;
                seen.push(plain(&answer, server));
            }
            assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:#?}");
        }
    }
    let metadata = |server: &str| format!("{}/.well-known/oauth-protected-resource/mcp/{server}", stage.world.public);
    let known = Ask::new(Method::GET, &metadata("fixture")).send().await;
    let unknown = Ask::new(Method::GET, &metadata("nobodys")).send().await;
    assert_eq!(plain(&known, "fixture"), plain(&unknown, "nobodys"));
}

/// Everything of an answer, with the server's name, the request's id and the time taken out.
fn plain(answer: &Answer, server: &str) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("partywall-request-id");
    headers.remove("date");
    let whole = format!("{} {headers:?} {}", answer.status, String::from_utf8_lossy(&answer.body));
    // A length differs where the name does.
    let length = answer.body.len() - String::from_utf8_lossy(&answer.body).matches(server).count() * server.len();
    whole
        .replace(&format!("\"content-length\": \"{}\"", answer.body.len()), &length.to_string())
        .replace(server, "SERVER")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn metadata_and_keys_are_where_clients_look() {
    let stage = Stage::set().await;
    let public = &stage.world.public;
    for (path, resource) in [
        ("", "/mcp"),
        ("/mcp", "/mcp"),
        ("/mcp/fixture", "/mcp/fixture"),
        ("/mcp/no-such-server", "/mcp/no-such-server"),
    ] {
        let answer =
            Ask::new(Method::GET, &format!("{public}/.well-known/oauth-protected-resource{path}")).send().await;
        let expected = json!({
            "resource": format!("{public}{resource}"),
            // The platform's own issuer is not listed: it is one customer's, and nobody else's business.
            "authorization_servers": [&stage.world.issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": "Partywall",
        });
        assert_eq!((answer.status.as_u16(), answer.json()), (200, expected), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    // Curly braces are no name, also where our own table has them.
    for path in ["/", "/mcp/", "/mcp/{server}", "/c/{connect_id}/mcp", "/mcp/Not_A_Name", "/mcp/fixture/", "/other"] {
        let url = format!("{public}/.well-known/oauth-protected-resource{path}");
        stage.check(Row::new(path, Ask::new(Method::GET, &url), 404, 40_400).no_id()).await;
    }
    let keys = Ask::new(Method::GET, &format!("{public}/.well-known/partywall/jwks.json")).send().await;
    let keys = keys.json();
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("EC"), &json!("P-256"), &json!("ES256")));
    assert!(key["d"].is_null() && key["kid"].is_string(), "{keys}");
}
