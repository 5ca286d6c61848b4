//! What pages in a browser may do, by which names the gateway is called, and whose word counts on where a request came
//! from: what `serve` takes from its settings.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use http::{Method, StatusCode};
use partywall_gateway::FRONT_ROUTES;
use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::corporate::{Corporate, write_documents};
use crate::http::{Answer, Ask};
use crate::process::{Process, free_address, partywall};
use crate::scripted::until;
use crate::world::{Fixture, PARTYWALL, log_file};

const PUBLIC: &str = "https://mcp.example.com";
/// The page that may ask.
const APP: &str = "https://app.example.com";
/// Another name of the gateway.
const INTERNAL: &str = "gateway.internal:8443";
/// Where the proxy in front of the gateway is; all of 127.0.0.0/8 is this host, so a test can be there too.
const PROXY: &str = "127.0.0.9:0";
/// Where nobody is whose word counts.
const ANYWHERE: &str = "127.0.0.1:0";
/// Failed tokens that a test sends at most before it gives up. Twenty a second are forgiven, so a slow machine needs more
/// than the hundred that an address has.
const TRIES_MAX: usize = 5_000;

const SETTINGS: &str = r#"
allowed_origins = ["https://app.example.com"]
allowed_hosts = ["gateway.internal:8443"]
trusted_proxies = ["127.0.0.9/32", "10.0.0.0/8"]
"#;

/// A `serve` with these settings and one tenant.
struct House {
    _process: Process,
    data: TempDir,
    address: SocketAddr,
    corporate: Corporate,
    fixture: Fixture,
}

impl House {
    async fn open() -> Self {
        let (data, address, log) = (TempDir::new().unwrap(), free_address(), log_file());
        let config = data.path().join("partywall.toml");
        let (folder, file) = (data.path().display(), log.display());
        let base = format!("data = \"{folder}\"\nlog_file = \"{file}\"\nlisten = \"{address}\"\n");
        let base = format!("{base}admin_listen = \"127.0.0.1:0\"\npublic_url = \"{PUBLIC}\"\n{SETTINGS}");
        std::fs::write(&config, base).unwrap();
        let mut command = Command::new(PARTYWALL);
        let child = command.arg("serve").arg("--config").arg(&config).stderr(Stdio::null()).spawn().unwrap();
        let mut process = Process(child);
        let ready = || {
            assert!(process.0.try_wait().unwrap().is_none(), "the house ended before it was ready");
            std::fs::read_to_string(&log).unwrap_or_default().contains("\"event\":\"ready\"").then_some(())
        };
        until("the house is ready", ready).await;
        let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
        let house = Self { _process: process, address, corporate: Corporate::new(), fixture, data };
        let documents = write_documents(house.data.path(), &house.documents());
        let applied = partywall(&["apply", "--data", &folder_of(&house), "-f", &documents]);
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        house
    }

    fn documents(&self) -> Value {
        let grant = json!({"placement": "shared", "tools": {"allow": ["*"]}});
        json!({
            "issuer": {"corporate": self.corporate.document()},
            "server": {"fixture": {"url": self.fixture.url, "sharing": "stateless"}},
            "plan": {"standard": {"servers": {"fixture": grant}}},
            "tenant": {"acme": {"plan": "standard", "identities": [{"issuer": "corporate", "value": "acme"}]}},
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A good token that nobody has shown yet.
    fn token(&self, subject: &str) -> String {
        let token = self.corporate.token(PUBLIC, "acme", subject);
        std::fs::write(log_file().with_extension("house.secret"), &token).unwrap();
        token
    }

    fn list(&self, token: &str) -> Ask {
        Ask::modern(&self.url("/mcp/fixture"), token, "tools/list", json!({}))
    }

    /// Knocks with a token from an address of this host, where somebody says that it came from elsewhere.
    async fn knock(&self, from: &str, forwarded: &str, token: &str) -> u16 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(from.parse().unwrap()).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
        let head = format!(
            "POST /mcp/fixture HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             x-forwarded-for: {forwarded}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
             mcp-method: tools/list\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        str::from_utf8(&answer[9..12]).unwrap().parse().unwrap()
    }

    /// Knocks with bad tokens until it is told to wait; `forwarded` says of each where it came from.
    async fn knock_until_it_must_wait(&self, from: &str, token: &str, forwarded: impl Fn(usize) -> String) {
        for at in 0..TRIES_MAX {
            match self.knock(from, &forwarded(at), token).await {
                401 => {}
                429 => return assert!(at >= 100, "told to wait after {at}"),
                other => panic!("{other}"),
            }
        }
        panic!("never told to wait");
    }
}

fn folder_of(house: &House) -> String {
    house.data.path().display().to_string()
}

/// A token of no key that is known here.
fn bad_token() -> String {
    let issuer = Issuer::new(crate::corporate::URL);
    issuer.token(issuer.claims(&format!("{PUBLIC}/mcp")).tenant("acme"))
}

/// The names in a header that lists some.
fn names(answer: &Answer, header: &str) -> BTreeSet<String> {
    let text = answer.header(header).unwrap_or_else(|| panic!("no {header}: {answer:?}"));
    text.split(',').map(|name| name.trim().to_ascii_lowercase()).collect()
}

fn preflight(url: &str, origin: &str) -> Ask {
    let ask = Ask::new(Method::OPTIONS, url).header("origin", origin);
    ask.header("access-control-request-method", "POST")
}

/// The headers of an answer that a browser heeds.
fn granted(answer: &Answer) -> Vec<String> {
    let all = answer.headers.keys().map(ToString::to_string);
    all.filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_of_an_allowed_origin_may_ask_and_read() {
    let house = House::open().await;
    for route in &FRONT_ROUTES {
        let path = route.path.replace("{server}", "any").replace("{connect_id}", "0123456789abcdef0123456789abcdef");
        let wanted = "authorization, content-type, mcp-param-region, x-evil";
        let asked = preflight(&house.url(&path), APP).header("access-control-request-headers", wanted).send().await;
        assert_eq!((asked.status, asked.body.len()), (StatusCode::NO_CONTENT, 0), "{path}: {asked:?}");
        assert_eq!(asked.header("access-control-allow-origin"), Some(APP), "{path}");
        assert_eq!(asked.header("access-control-allow-credentials"), None, "{path}");
        assert!(asked.header("access-control-max-age").is_some() && names(&asked, "vary").contains("origin"), "{path}");
        let sent = names(&asked, "access-control-allow-headers");
        for name in
            ["authorization", "content-type", "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"]
        {
            assert!(sent.contains(name), "{path}: {name}");
        }
        assert!(sent.contains("mcp-param-region") && !sent.contains("x-evil") && !sent.contains("*"), "{sent:?}");
        let methods = names(&asked, "access-control-allow-methods");
        assert_eq!(methods, ["get", "post", "delete"].map(str::to_owned).into(), "{path}");
    }
    // What is refused can be read as well: a client in a page finds its way in by the challenge.
    let good = house.token("ann");
    for (ask, status) in [
        (house.list(&good), 200),
        (house.list(&good).without("authorization"), 401),
        (house.list(&bad_token()), 401),
        (house.list(&good).at(&house.url("/mcp/none")), 404),
        (house.list(&good).at(&house.url("/none")), 404),
        (Ask::new(Method::PUT, &house.url("/mcp/fixture")), 405),
        (Ask::new(Method::GET, &house.url("/.well-known/oauth-protected-resource/mcp")), 200),
    ] {
        let plain = ask.send().await;
        assert_eq!((plain.status.as_u16(), granted(&plain)), (status, Vec::new()), "{plain:?}");
        // What a cache keeps must not be given to a page that asks for it later.
        assert!(plain.header("cache-control").is_none() || plain.header("vary") == Some("Origin"), "{plain:?}");
        let answer = ask.header("origin", APP).send().await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (status, Some(APP)));
        let read = names(&answer, "access-control-expose-headers");
        for name in ["www-authenticate", "mcp-session-id", "retry-after", "partywall-request-id"] {
            assert!(read.contains(name), "{name}");
        }
        assert!(names(&answer, "vary").contains("origin"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_of_any_other_origin_gets_nothing() {
    let house = House::open().await;
    let good = house.token("ann");
    house.fixture.received.clear();
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://evil.app.example.com",
        "https://app.example.com:444",
        "http://app.example.com",
        "https://app.example.com/",
        "HTTPS://app.example.com",
        "app.example.com",
        "null",
        "",
        "https://app.example.com, https://evil.example",
        "file://gateway.internal:8443",
    ] {
        let asks = [
            preflight(&house.url("/mcp/fixture"), origin),
            preflight(&house.url("/.well-known/oauth-protected-resource/mcp"), origin),
            house.list(&good).header("origin", origin),
            house.list(&good).without("authorization").header("origin", origin),
            Ask::new(Method::GET, &house.url("/.well-known/partywall/jwks.json")).header("origin", origin),
            Ask::new(Method::GET, &house.url("/none")).header("origin", origin),
        ];
        for ask in asks {
            let answer = ask.send().await;
            assert_eq!((answer.status.as_u16(), answer.code()), (403, Some(40_300)), "{origin:?}: {answer:?}");
            assert_eq!((granted(&answer), answer.header("www-authenticate")), (Vec::new(), None), "{origin:?}");
        }
    }
    let twice = house.list(&good).header("origin", APP).header("origin", APP).send().await;
    assert_eq!((twice.status, granted(&twice)), (StatusCode::FORBIDDEN, Vec::new()), "two origins are none");
    assert!(house.fixture.received.all().is_empty(), "one of them got as far as the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_gateway_answers_to_its_own_names_alone() {
    let house = House::open().await;
    let good = house.token("ann");
    let metadata = Ask::new(Method::GET, &house.url("/.well-known/oauth-protected-resource/mcp/fixture"));
    let local = house.address.to_string();
    let localhost = format!("localhost:{}", house.address.port());
    for host in [INTERNAL, "GATEWAY.internal:8443", "mcp.example.com", &local, &localhost] {
        assert_eq!(house.list(&good).header("host", host).send().await.status, 200, "{host}");
        let told = metadata.clone().header("host", host).send().await;
        assert_eq!(told.json()["resource"], format!("{PUBLIC}/mcp/fixture"), "the name is the setting's, not {host}");
        let challenge = house.list(&good).without("authorization").header("host", host).send().await;
        assert!(challenge.header("www-authenticate").unwrap().contains(&format!("\"{PUBLIC}/.well-known/")), "{host}");
    }
    for host in ["gateway.internal", "evil.example", "mcp.example.com.evil.example", "mcp.example.com:80", "localhost"]
    {
        for ask in [house.list(&good), metadata.clone(), preflight(&house.url("/mcp/fixture"), APP)] {
            let answer = ask.header("host", host).send().await;
            assert_eq!((answer.status.as_u16(), answer.code(), granted(&answer)), (403, Some(40_300), Vec::new()));
        }
    }
    // What a proxy is said to have been called by is a word like any other.
    let told =
        metadata.header("x-forwarded-host", "evil.example").header("forwarded", "host=evil.example").send().await;
    assert_eq!(told.json()["resource"], format!("{PUBLIC}/mcp/fixture"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_shows_bad_tokens_waits_and_his_neighbour_does_not() {
    let house = House::open().await;
    let (bad, known) = (bad_token(), house.token("ann"));
    let (one, other) = ("198.51.100.7", "198.51.100.8");
    assert_eq!(house.knock(PROXY, one, &known).await, 200);
    house.knock_until_it_must_wait(PROXY, &bad, |_| one.to_owned()).await;
    // Behind the same proxy, and the proxy itself.
    for (forwarded, token, status) in
        [(other, &bad, 401), (other, &house.token("bob"), 200), ("", &bad, 401), ("10.1.2.3", &bad, 401)]
    {
        assert_eq!(house.knock(PROXY, forwarded, token).await, status, "{forwarded:?}");
    }
    // A token that was found good is not looked at again, so its owner goes on beside somebody who tries.
    assert_eq!(house.knock(PROXY, one, &known).await, 200);
    // What he says himself stands before what the proxy saw.
    house.knock_until_it_must_wait(PROXY, &bad, |at| format!("192.0.2.{}, {other}", at % 250)).await;
    assert_eq!(house.knock(PROXY, "192.0.2.1", &bad).await, 401);
    assert_eq!(house.knock(PROXY, "192.0.2.2, 203.0.113.5, 10.0.0.7", &bad).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobody_else_is_believed_on_where_a_request_came_from() {
    let house = House::open().await;
    let bad = bad_token();
    let victim = "198.51.100.7";
    // He cannot be somebody else each time, nor somebody in particular.
    house.knock_until_it_must_wait(ANYWHERE, &bad, |at| format!("192.0.2.{}", at % 250)).await;
    house.knock_until_it_must_wait("127.0.0.10:0", &bad, |_| victim.to_owned()).await;
    for forwarded in [victim, "192.0.2.1"] {
        assert_eq!(house.knock(PROXY, forwarded, &bad).await, 401, "{forwarded} was made to wait by another");
    }
    let answer = refused_by_waiting(&house, &bad).await;
    assert_eq!((answer.code(), answer.header("retry-after")), (Some(42_900), Some("1")), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), None, "a challenge would send the client for more tokens");
    assert_eq!(answer.json()["error"]["message"], "too many tokens were refused; try again later");
}

/// Asks until it is told to wait.
async fn refused_by_waiting(house: &House, token: &str) -> Answer {
    for _ in 0..TRIES_MAX {
        let answer = house.list(token).send().await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return answer;
        }
    }
    panic!("never told to wait");
}
