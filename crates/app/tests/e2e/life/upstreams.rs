//! Upstreams that are down, that hang, and that say what a client must not hear.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::line;
use crate::http::{Answer, Ask, LEGACY};
use crate::scripted::Scripted;
use crate::world::World;

struct Stage {
    world: World,
    upstream: Scripted,
    url: String,
    token: String,
}

impl Stage {
    async fn set(limits: &str) -> Self {
        let upstream = Scripted::start().await;
        let world = World::demo();
        world.must_apply(&upstream.documents(limits, ""));
        let (url, token) = (world.url("scripted"), world.token("acme", "ann"));
        Self { world, upstream, url, token }
    }

    fn modern(&self, method: &str) -> Ask {
        Ask::modern(&self.url, &self.token, method, json!({"name": "any"}))
    }

    fn legacy(&self) -> Ask {
        Ask::legacy(&self.url, &self.token, "", "tools/call", json!({"name": "any"})).without("mcp-session-id")
    }

    /// Sends a request, which the upstream answers so.
    async fn answered(&mut self, ask: &Ask, status: u16, headers: &[(&str, &str)]) -> Answer {
        let answers = async { self.upstream.asked().await.answer(status, headers, "{\"said\":true}") };
        tokio::join!(ask.send(), answers).0
    }

    /// What is answered and logged where the upstream is of no use.
    async fn fails(&self, answer: Answer, status: u16, refusal: &str, cause: &str) {
        assert_eq!((answer.status.as_u16(), answer.code()), (status, Some(i64::from(status) * 100)), "{answer:?}");
        let id = answer.json()["id"].clone();
        assert!(id.is_number() && answer.header("www-authenticate").is_none() && answer.header("location").is_none());
        let line = line(&self.world, &answer).await;
        assert_eq!((&line["outcome"], &line["refusal"]), (&json!("refused"), &json!(refusal)), "{line}");
        assert!(line["cause"].as_str().unwrap().contains(cause), "{line}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(cause), "the cause is for the operator: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_is_down() {
    let Stage { world, upstream, url, token } = Stage::set("").await;
    upstream.go_away().await;
    let stage = Stage { world, upstream: Scripted::start().await, url, token };
    for ask in
        [stage.modern("tools/call"), stage.legacy(), stage.modern("tools/list"), stage.modern("subscriptions/listen")]
    {
        stage.fails(ask.send().await, 502, "upstream_unreachable", "refused").await;
    }
    // What is known of it is told all the same.
    assert_eq!(stage.modern("server/discover").send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_hangs() {
    let mut stage = Stage::set("answer_timeout_ms = 100").await;
    for ask in [stage.modern("tools/call"), stage.legacy(), stage.modern("subscriptions/listen")] {
        let (answer, asked) = tokio::join!(ask.send(), stage.upstream.asked());
        asked.given_up().await;
        stage.fails(answer, 504, "upstream_timeout", "answer_timeout_ms").await;
    }
    // A list is read whole before it is passed on, so it must also end in time.
    let ask = stage.modern("tools/list");
    let (answer, feed) = tokio::join!(ask.send(), async { stage.upstream.asked().await.begin("application/json") });
    feed.closed().await;
    stage.fails(answer, 504, "upstream_timeout", "answer_timeout_ms").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_sends_the_client_elsewhere() {
    let mut stage = Stage::set("").await;
    let challenge = ("www-authenticate", "Bearer resource_metadata=\"https://evil.example\"");
    for (status, headers, cause) in [
        (401, [challenge], "401"),
        (403, [challenge], "403"),
        (302, [("location", "https://evil.example")], "302"),
        (307, [("location", "https://evil.example")], "307"),
        (308, [("location", "https://evil.example")], "308"),
        (304, [("etag", "\"1\"")], "304"),
        (200, [("content-encoding", "gzip")], "encoded"),
    ] {
        for ask in [stage.modern("tools/call"), stage.legacy(), stage.modern("tools/list")] {
            let answer = stage.answered(&ask, status, &headers).await;
            stage.fails(answer, 502, "upstream_invalid", cause).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_server_says_beside_the_answer_stays_here() {
    let mut stage = Stage::set("").await;
    let headers = [
        ("content-type", "application/json"),
        ("retry-after", "7"),
        ("allow", "POST"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-session-id", "upstreams-own"),
        ("cache-control", "public, max-age=60"),
        ("set-cookie", "id=1"),
        ("www-authenticate", "Basic"),
        ("proxy-authenticate", "Basic"),
        ("authentication-info", "x"),
        ("location", "https://evil.example"),
        ("link", "<https://evil.example>; rel=next"),
        ("access-control-allow-origin", "*"),
        ("clear-site-data", "\"*\""),
        ("server", "upstream/1"),
        ("partywall-request-id", "00000000000000000000000000000000"),
        ("x-accel-redirect", "/secret"),
    ];
    for status in [200, 202, 400, 404, 405, 407, 429, 500, 503] {
        for ask in [stage.modern("tools/call"), stage.modern("tools/list")] {
            let answer = stage.answered(&ask, status, &headers).await;
            assert_eq!((answer.status.as_u16(), &answer.body[..]), (status, &b"{\"said\":true}"[..]));
            for (name, value) in &headers[..4] {
                assert_eq!(answer.header(name), Some(*value));
            }
            for (name, value) in &headers[4..] {
                assert_ne!(answer.header(name), Some(*value), "{name} passed");
            }
        }
    }
    // A session is a legacy server's to open, and it comes sealed.
    let answer = stage.answered(&stage.legacy(), 200, &headers).await;
    assert!(answer.session() != "upstreams-own" && !answer.session().contains("upstreams"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_client_says_beside_the_call_stays_here() {
    let mut stage = Stage::set("").await;
    let kept = [
        ("cookie", "id=1"),
        ("partywall-assertion", "forged"),
        ("partywall-tenant", "acme"),
        ("proxy-authorization", "Basic YTpi"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-tenant-id", "acme"),
        ("forwarded", "for=10.0.0.1"),
        ("mcp-session-id", "stray"),
        ("origin", &*stage.world.public.clone()),
        ("accept-encoding", "gzip"),
        ("expect", "x"),
        ("te", "trailers"),
    ];
    let passed = [
        ("mcp-param-region", "eu"),
        ("mcp-name", "any"),
        ("mcp-method", "tools/call"),
        ("user-agent", "e2e/1"),
        ("accept-language", "de"),
        ("tracestate", "a=b"),
        ("baggage", "c=d"),
    ];
    let ask = stage.modern("tools/call").header("mcp-param-region", "eu").header("user-agent", "e2e/1");
    let ask = ask.header("accept-language", "de").header("tracestate", "a=b").header("baggage", "c=d");
    let ask = ask.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let ask = kept.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
    let (answer, asked) = tokio::join!(ask.send(), async {
        let asked = stage.upstream.asked().await;
        let head = asked.head.clone();
        asked.done();
        head.headers
    });
    assert_eq!(answer.status, 200, "{answer:?}");
    for (name, value) in passed {
        assert_eq!(asked.get(name).map(|value| value.to_str().unwrap()), Some(value), "{name}");
    }
    for (name, _) in kept {
        assert!(!asked.contains_key(name), "{name} reached the upstream");
    }
    for (name, value) in &asked {
        assert!(!value.to_str().unwrap().contains(&stage.token), "the token reached the upstream in {name}");
    }
    let assertion = asked["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.decode(assertion.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!((&header["typ"], &header["alg"]), (&json!("partywall+jwt"), &json!("ES256")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn routing_headers_pass_only_where_they_were_checked() {
    let mut stage = Stage::set("").await;
    let ask = stage.legacy().header("mcp-method", "tools/list").header("mcp-name", "other").header("mcp-param-x", "y");
    let (answer, asked) = tokio::join!(ask.send(), async {
        let asked = stage.upstream.asked().await;
        let head = asked.head.clone();
        asked.done();
        head.headers
    });
    assert_eq!((answer.status.as_u16(), asked["mcp-protocol-version"].to_str().unwrap()), (200, LEGACY));
    for name in ["mcp-method", "mcp-name", "mcp-param-x"] {
        assert!(!asked.contains_key(name), "{name}");
    }
}
