//! Streams: each event passes when it comes, a client that leaves ends what its era says it ends, and every place is
//! given back.

use std::pin::pin;

use http::StatusCode;
use partywall_testkit::fixture::{Fate, Options};
use serde_json::{Value, json};

use crate::http::{Answer, Ask, LEGACY};
use crate::legacy::Session;
use crate::scripted::{Events, Feed, Scripted, soon, until};
use crate::world::{Fixture, World};

/// A demo with a scripted upstream behind it, where a tenant has a place for one call and one for a stream.
struct Stage {
    world: World,
    upstream: Scripted,
    url: String,
    token: String,
}

impl Stage {
    async fn set() -> Self {
        let upstream = Scripted::start().await;
        let world = World::demo();
        world.must_apply(&upstream.documents("", "calls_in_flight_max = 1, streams_open_max = 1"));
        let (url, token) = (world.url("scripted"), world.token("acme", "ann"));
        Self { world, upstream, url, token }
    }

    fn modern(&self, method: &str) -> Ask {
        Ask::modern(&self.url, &self.token, method, json!({"name": "any"}))
    }

    fn legacy(&self, method: &str) -> Ask {
        Ask::legacy(&self.url, &self.token, "", method, json!({"name": "any"})).without("mcp-session-id")
    }

    fn listen(&self) -> Ask {
        let session = Session { url: self.url.clone(), token: self.token.clone(), id: String::new() };
        session.listen(Some("7")).without("mcp-session-id")
    }

    /// Sends a request, whose answer begins as a stream: how the client reads it, and how the upstream goes on with it.
    async fn begin(&mut self, ask: &Ask) -> (Events, Feed) {
        let (answer, feed) = tokio::join!(ask.open(), async { self.upstream.asked().await.stream() });
        assert_eq!(answer.headers()["x-accel-buffering"], "no", "{answer:?}");
        (Events::of(answer), feed)
    }

    /// Sends a request whose client leaves before the answer has begun; gives what reached the upstream.
    async fn leave_early(&mut self, ask: &Ask) -> crate::scripted::Asked {
        let ask = ask.clone();
        let client = tokio::spawn(async move { ask.open().await });
        let asked = self.upstream.asked().await;
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        asked
    }

    /// Sends a call that gets no place.
    async fn is_full(&self, ask: &Ask, sentence: &str) {
        let answer = ask.send().await;
        assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, Some(42_900)));
        assert_eq!((&answer.json()["error"]["message"], answer.header("retry-after")), (&json!(sentence), Some("1")));
    }

    /// Waits until a call gets a place, and is answered.
    async fn has_room(&mut self, ask: &Ask) -> Answer {
        loop {
            let mut answer = pin!(ask.send());
            tokio::select! {
                refused = &mut answer => assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS),
                asked = self.upstream.asked() => {
                    asked.done();
                    return answer.await;
                }
            }
        }
    }

    /// Waits for the end of a call in the log.
    async fn ended(&self, outcome: &str) -> Value {
        let wanted = |line: &Value| line["outcome"] == outcome && line["server"] == "scripted";
        until("the call's end is logged", || self.world.log_lines("\"call\"").into_iter().find(wanted)).await
    }
}

fn progress(at: u64) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": at, "progressToken": "t"}})
}

const FULL: &str = "too many calls at the same time";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn events_pass_one_by_one() {
    let mut stage = Stage::set().await;
    for ask in [stage.modern("tools/call"), stage.legacy("tools/call"), stage.modern("tools/list"), stage.listen()] {
        let (mut events, feed) = stage.begin(&ask).await;
        for at in 0..3 {
            // The next event is not even there when this one arrives.
            feed.event(&progress(at)).await;
            assert_eq!(events.message().await, progress(at));
        }
        drop(feed);
        assert_eq!(events.event().await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_modern_client_that_leaves_has_cancelled() {
    let mut stage = Stage::set().await;
    let call = stage.modern("tools/call");
    let (mut events, feed) = stage.begin(&call).await;
    feed.event(&progress(0)).await;
    events.message().await;
    stage.is_full(&call, FULL).await;
    drop(events);
    feed.closed().await;
    assert_eq!(stage.ended("abandoned").await["method"], "tools/call");
    assert_eq!(stage.has_room(&call).await.status, 200);
    stage.leave_early(&call).await.given_up().await;
    assert_eq!(stage.has_room(&call).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_legacy_client_that_leaves_has_not_cancelled() {
    let mut stage = Stage::set().await;
    let call = stage.legacy("tools/call");
    let (mut events, feed) = stage.begin(&call).await;
    feed.event(&progress(0)).await;
    events.message().await;
    drop(events);
    stage.goes_on(&call, feed).await;
    // Also where it left before the answer had begun.
    let asked = stage.leave_early(&call).await;
    stage.is_full(&call, FULL).await;
    stage.goes_on(&call, asked.stream()).await;
    assert!(stage.world.log_lines("\"abandoned\"").is_empty());
}

impl Stage {
    /// An answer that nobody waits for is taken to its end, and holds its place until then.
    async fn goes_on(&mut self, call: &Ask, feed: Feed) {
        for at in 1..20 {
            feed.event(&progress(at)).await;
            self.is_full(call, FULL).await;
        }
        assert!(feed.is_open());
        drop(feed);
        self.ended("answered").await;
        assert_eq!(self.has_room(call).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_server_sees_the_same() {
    let fixture = Fixture::start(Options::default()).await;
    let world = World::demo();
    world.must_apply(&fixture.documents());
    let (url, token) = (world.url("fixture"), world.token("acme", "ann"));
    let fate = |what: &str| {
        let all = fixture.received.all();
        let found = all.iter().rev().find(|request| String::from_utf8_lossy(&request.body).contains(what));
        found.map(partywall_testkit::fixture::Request::fate)
    };
    let sleep = Ask::modern(&url, &token, "tools/call", json!({"name": "sleep", "arguments": {"ms": 60_000}}));
    let client = tokio::spawn(async move { sleep.send().await });
    until("the call arrives", || fate("\"sleep\"")).await;
    client.abort();
    until("a modern call is abandoned", || fate("\"sleep\"").filter(|fate| *fate == Fate::Abandoned)).await;

    let session = Session::open(&url, &token).await;
    let work = session.call(1, "test_tool_with_progress", &json!({}));
    let client = tokio::spawn(async move { work.send().await });
    until("the call arrives", || fate("test_tool_with_progress")).await;
    client.abort();
    let ended =
        until("a legacy call ends", || fate("test_tool_with_progress").filter(|fate| *fate != Fate::Open)).await;
    assert_eq!(ended, Fate::Complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lists_are_short_in_every_stream() {
    let mut stage = Stage::set().await;
    stage.world.must_apply(&stage.upstream.documents("", "").replace("[\"*\"]", "[\"a*\"]"));
    let listed =
        json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "a"}, {"name": "b"}], "cacheScope": "public"}});
    let shown = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "a"}], "cacheScope": "private"}});
    for ask in [stage.modern("tools/list"), stage.legacy("tools/list"), stage.listen()] {
        let (mut events, feed) = stage.begin(&ask).await;
        feed.event(&progress(1)).await;
        assert_eq!(events.message().await, progress(1));
        feed.event(&listed).await;
        assert_eq!(events.message().await, shown);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_broken_stream_is_asked_for_by_its_last_event() {
    let mut stage = Stage::set().await;
    let ask = stage.listen();
    let (answer, asked) = tokio::join!(ask.open(), async {
        let asked = stage.upstream.asked().await;
        assert_eq!((asked.head.method.as_str(), asked.header("last-event-id")), ("GET", Some("7")));
        assert_eq!(
            (asked.header("accept"), asked.header("mcp-protocol-version")),
            (Some("text/event-stream"), Some(LEGACY))
        );
        asked.stream()
    });
    drop(asked);
    assert_eq!(Events::of(answer).event().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn streams_have_their_own_places() {
    const FULL: &str = "too many open streams";
    let mut stage = Stage::set().await;
    let (get, listen) = (stage.listen(), stage.modern("subscriptions/listen"));
    let (mut events, feed) = stage.begin(&get).await;
    stage.is_full(&get, FULL).await;
    stage.is_full(&listen, FULL).await;
    // Neither takes a call's place, nor a neighbour's.
    let call = stage.modern("tools/call");
    assert_eq!(stage.has_room(&call).await.status, 200);
    let gus = stage.world.token("globex", "gus");
    let neighbour = listen.clone().without("authorization").header("authorization", &format!("Bearer {gus}"));
    drop(stage.begin(&neighbour).await);
    feed.event(&progress(1)).await;
    assert_eq!(events.message().await, progress(1));
    // The server ends one, the client leaves the other.
    drop(feed);
    assert_eq!(events.event().await, None);
    let (events, feed) = soon("there is room", stage.begin_when_free(&listen)).await;
    stage.is_full(&get, FULL).await;
    drop(events);
    feed.closed().await;
    soon("there is room", stage.begin_when_free(&get)).await;
}

impl Stage {
    /// Begins a stream as soon as there is a place for it.
    async fn begin_when_free(&mut self, ask: &Ask) -> (Events, Feed) {
        loop {
            let mut answer = pin!(ask.open());
            tokio::select! {
                refused = &mut answer => assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS),
                asked = self.upstream.asked() => {
                    let feed = asked.stream();
                    return (Events::of(answer.await), feed);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stream_ends_with_the_access_it_was_opened_by() {
    let mut stage = Stage::set().await;
    let (get, listen, call) = (stage.listen(), stage.modern("subscriptions/listen"), stage.modern("tools/call"));
    for ask in [get, listen, call] {
        let (mut events, feed) = stage.begin(&ask).await;
        let documents = stage.upstream.documents("", "");
        stage.world.must_apply(&documents.replace("[tenant.acme]", "[tenant.acme]\nsuspended = true"));
        assert_eq!(events.event().await, None);
        feed.closed().await;
        stage.world.must_apply(&documents);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_subscription_is_told_what_changes() {
    let fixture = Fixture::start(Options::default()).await;
    let world = World::demo();
    world.must_apply(&fixture.documents());
    let (url, token) = (world.url("fixture"), world.token("acme", "ann"));
    let wanted =
        json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": ["test://watched-resource"]}});
    let answer = Ask::modern(&url, &token, "subscriptions/listen", wanted).open().await;
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    let mut events = Events::of(answer);
    assert_eq!(events.message().await["method"], "notifications/subscriptions/acknowledged");
    for (tool, method) in [
        ("test_trigger_tool_change", "notifications/tools/list_changed"),
        ("test_trigger_resource_change", "notifications/resources/updated"),
    ] {
        let call = Ask::modern(&url, &token, "tools/call", json!({"name": tool, "arguments": {}}));
        assert_eq!(call.send().await.status, 200);
        let told = events.message().await;
        assert_eq!(
            (&told["method"], &told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"]),
            (&json!(method), &json!(1))
        );
    }
    drop(events);
    let listening = || {
        let all = fixture.received.all();
        let found = all.iter().find(|request| request.header("mcp-method") == Some("subscriptions/listen"));
        found.map(partywall_testkit::fixture::Request::fate).filter(|fate| *fate == Fate::Abandoned)
    };
    until("the server sees that its listener left", listening).await;
}
