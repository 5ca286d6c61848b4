//! Limits as clients meet them: each class by itself, what the answers say of them, and what operators see.

use http::Method;
use http_body_util::BodyExt;
use partywall_testkit::fixture::Options;
use serde_json::{Value, json};

use crate::http::{Answer, Ask};
use crate::scripted::{Events, Scripted, until};
use crate::world::{Fixture, World};

/// A demo with a fixture behind it, and acme with limits that a test meets at once: what is used up does not come back
/// while a test runs, but for one a second.
struct Stage {
    world: World,
    url: String,
    ann: String,
    _fixture: Fixture,
}

impl Stage {
    async fn set(limits: &str, tool_limits: &str) -> Self {
        let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
        let world = World::demo();
        let tenant = |name: &str, limits: &str| {
            format!(
                "[tenant.{name}]\nplan = \"standard\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
                 limits = {{ {limits} }}\n[tenant.{name}.servers.fixture]\nplacement = \"shared\"\n\
                 tools = {{ allow = [\"*\"] }}\ntool_limits = {{ {tool_limits} }}\n"
            )
        };
        let server = format!("[server.fixture]\nurl = \"{}\"\nsharing = \"stateless\"\n", fixture.url);
        world.must_apply(&[server, tenant("acme", limits), tenant("globex", "")].join("\n"));
        let (url, ann) = (world.url("fixture"), world.token("acme", "ann"));
        Self { world, url, ann, _fixture: fixture }
    }

    fn call(&self, tool: &str) -> Ask {
        Ask::modern(&self.url, &self.ann, "tools/call", json!({ "name": tool, "arguments": {} }))
    }

    fn ask(&self, method: &str) -> Ask {
        Ask::modern(&self.url, &self.ann, method, json!({}))
    }

    /// Sends until the limit refuses, at most `max` times.
    async fn exhaust(&self, ask: &Ask, max: usize) -> Answer {
        for _ in 0..max {
            let answer = ask.send().await;
            if answer.status != 200 {
                return answer;
            }
        }
        panic!("{max} were let in");
    }
}

fn check(answer: &Answer, policy: &str, quota: &str) {
    assert_eq!((answer.status.as_u16(), answer.code()), (429, Some(42_900)), "{policy}: {answer:?}");
    assert_eq!(answer.json()["id"], json!(1), "{policy}");
    assert_eq!(answer.header("retry-after"), Some("1"), "{policy}");
    assert_eq!(answer.header("ratelimit"), Some(&*format!("\"{policy}\";r=0;t=1")));
    assert_eq!(answer.header("ratelimit-policy"), Some(&*format!("\"{policy}\";{quota}")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_class_has_a_rate_of_its_own_and_says_so() {
    let limits = "calls_per_second = 1, calls_burst = 3, lists_per_second = 1, lists_burst = 3, \
                  handshakes_per_second = 1, handshakes_burst = 3";
    let stage = Stage::set(limits, "").await;
    let first = stage.call("echo").send().await;
    assert_eq!(first.status, 200);
    let left = first.header("ratelimit").unwrap();
    assert!(left == "\"calls\";r=2;t=1", "{left}");
    assert_eq!(first.header("ratelimit-policy"), None);
    check(&stage.exhaust(&stage.call("echo"), 50).await, "calls", "q=3;w=3");
    let list = stage.ask("tools/list").send().await;
    assert_eq!((list.status.as_u16(), list.header("ratelimit")), (200, Some("\"lists\";r=2;t=1")));
    check(&stage.exhaust(&stage.ask("tools/list"), 50).await, "lists", "q=3;w=3");
    let hello = Ask::initialize(&stage.url, &stage.ann);
    assert_eq!(hello.send().await.header("ratelimit"), Some("\"handshakes\";r=2;t=1"));
    check(&stage.exhaust(&hello, 50).await, "handshakes", "q=3;w=3");
    // A client that is refused here takes the server for one of the older era.
    for _ in 0..50 {
        let discover = stage.ask("server/discover").send().await;
        assert_eq!((discover.status.as_u16(), discover.header("ratelimit")), (200, None));
    }
    // And all of it is acme's.
    let gus = stage.world.token("globex", "gus");
    for method in ["tools/list", "server/discover"] {
        assert_eq!(Ask::modern(&stage.url, &gus, method, json!({})).send().await.status, 200, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_tools_limit_holds_in_whatever_case_it_is_called() {
    let stage = Stage::set("", "\"ec*\" = { calls_per_second = 1, calls_burst = 2 }").await;
    let refused = stage.exhaust(&stage.call("echo"), 50).await;
    check(&refused, "tool", "q=2;w=2");
    let told = stage.world.run(&["explain", refused.header("partywall-request-id").unwrap()]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("over `tool_limits.calls_per_second`"), "{told:?}");
    let mut refused = 0;
    for tool in ["ECHO", "Echo", "eCHO", "ec", "ecstatic", "echo2"].repeat(2) {
        refused += usize::from(stage.call(tool).send().await.status == 429);
    }
    assert!(refused >= 6, "other names of it were {} times let in", 12 - refused);
    let other = stage.call("test_simple_text").send().await;
    assert_eq!(other.status, 200, "other tools have nothing to do with it");
    assert!(other.header("ratelimit").unwrap().starts_with("\"calls\";r="));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn sessions_are_counted_until_they_are_ended() {
    let stage = Stage::set("sessions_open_max = 2", "").await;
    let hello = || Ask::initialize(&stage.url, &stage.ann);
    let first = hello().send().await.session();
    hello().send().await.session();
    check(&hello().send().await, "sessions", "q=2;qu=\"concurrent-requests\"");
    let within = Ask::legacy(&stage.url, &stage.ann, &first, "tools/list", json!({})).send().await;
    assert_eq!(within.status, 200, "what is open goes on");
    let end = Ask::new(Method::DELETE, &stage.url)
        .header("authorization", &format!("Bearer {}", stage.ann))
        .header("mcp-session-id", &first);
    assert!(end.send().await.status.is_success());
    hello().send().await.session();
    assert_eq!(hello().send().await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn operators_see_each_limit_who_set_it_and_what_is_left() {
    let tools = "\"echo\" = { calls_per_second = 1, calls_burst = 9, calls_in_flight_max = 4 }";
    let stage = Stage::set("calls_per_second = 1, calls_burst = 7", tools).await;
    assert_eq!(stage.call("echo").send().await.status, 200);
    let shown = stage.world.run(&["tenant", "show", "acme", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let limit = |name: &str| {
        let limits = shown["limits"].as_array().unwrap();
        let limit = limits.iter().find(|limit| limit["name"] == name).unwrap_or_else(|| panic!("no {name} in {shown}"));
        (limit["value"].as_u64().unwrap(), limit["origin"].as_str().unwrap(), limit["left"].as_u64())
    };
    assert_eq!(limit("calls_per_second"), (1, "tenant", None));
    let (value, origin, left) = limit("calls_burst");
    assert_eq!((value, origin), (7, "tenant"));
    assert!((6..=7).contains(&left.unwrap()), "{left:?}");
    assert_eq!(limit("calls_in_flight_max"), (8, "plan", Some(8)));
    assert_eq!(limit("lists_burst"), (100, "default", Some(100)));
    assert_eq!(limit("sessions_open_max"), (10_000, "default", Some(10_000)));
    let (value, origin, left) = limit("servers.fixture.tool_limits.\"echo\".calls_burst");
    assert_eq!((value, origin), (9, "tenant"));
    assert!((8..=9).contains(&left.unwrap()), "{left:?}");
    assert_eq!(limit("servers.fixture.tool_limits.\"echo\".calls_in_flight_max"), (4, "tenant", Some(4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_that_is_too_long_is_cut_off_and_a_stream_is_not() {
    let mut upstream = Scripted::start().await;
    let world = World::demo();
    world.must_apply(&upstream.documents("reply_bytes_max = 2048", ""));
    let (url, ann) = (world.url("scripted"), world.token("acme", "ann"));
    let ask = |tool: &str| Ask::modern(&url, &ann, "tools/call", json!({ "name": tool, "arguments": {} }));
    let long = json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [], "padding": "x".repeat(4096) } });
    // One that says how long it is does not begin.
    let (ask_it, json) = (ask("announced"), [("content-type", "application/json")]);
    let (answer, ()) =
        tokio::join!(ask_it.send(), async { upstream.asked().await.answer(200, &json, long.to_string()) });
    assert_eq!((answer.status.as_u16(), answer.code()), (502, Some(50_200)), "{answer:?}");
    // One that does not say is cut, and its client does not take what came for all of it.
    for kind in ["application/json", "text/event-stream"] {
        let ask_it = ask(kind.split('/').next_back().unwrap());
        let (answer, feed) = tokio::join!(ask_it.open(), async { upstream.asked().await.begin(kind) });
        let send = async {
            feed.event(&long).await;
            feed.closed().await;
        };
        let read = async { answer.into_body().collect().await.map(|body| body.to_bytes().len()) };
        let (read, ()) = tokio::join!(read, send);
        assert!(read.is_err(), "{kind}: {read:?} bytes came, and the end");
        let line = until("the line of the call", || {
            let lines = world.log_lines(&format!("\"name\":\"{}\"", kind.split('/').next_back().unwrap()));
            lines.into_iter().find(|line| line["event"] == "call")
        });
        let line = line.await;
        assert_eq!(line["outcome"], "upstream_error", "{line}");
        assert!(line["cause"].as_str().unwrap().contains("reply_bytes_max"), "{line}");
    }
    // A long-lived stream has no length.
    let listen = Ask::modern(&url, &ann, "subscriptions/listen", json!({}));
    let (answer, feed) = tokio::join!(listen.open(), async { upstream.asked().await.stream() });
    let mut events = Events::of(answer);
    for _ in 0..4 {
        feed.event(&long).await;
        assert_eq!(events.message().await["id"], 1);
    }
}
