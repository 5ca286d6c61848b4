//! Turns at a server that many tenants share, and what of an address counts before anybody says who they are.

use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::http::{Answer, Ask};
use crate::node::{Node, PUBLIC};
use crate::scripted::{Asked, Scripted, until};
use crate::world::World;

struct Stage {
    world: World,
    upstream: Scripted,
    url: String,
}

impl Stage {
    async fn set(limits: &str) -> Self {
        let upstream = Scripted::start().await;
        let world = World::demo();
        world.must_apply(&upstream.documents(limits, ""));
        let url = world.url("scripted");
        Self { world, upstream, url }
    }

    /// Calls a tool in a task of its own, and waits until the gateway has taken so many calls of its tenant.
    async fn call(&self, tenant: &str, token: &str, tool: &str, in_flight: u64) -> JoinHandle<Answer> {
        let ask = Ask::modern(&self.url, token, "tools/call", json!({ "name": tool, "arguments": {} }));
        let task = tokio::spawn(async move { ask.send().await });
        until("the call is taken", || (self.in_flight(tenant) == in_flight).then_some(())).await;
        task
    }

    fn in_flight(&self, tenant: &str) -> u64 {
        let shown = self.world.run(&["tenant", "show", tenant, "--output", "json"]);
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        let limits = shown["limits"].as_array().unwrap();
        let limit = limits.iter().find(|limit| limit["name"] == "calls_in_flight_max").unwrap();
        limit["value"].as_u64().unwrap() - limit["left"].as_u64().unwrap()
    }
}

fn tool(asked: &Asked) -> String {
    let message: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    message["params"]["name"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_at_a_full_server_goes_to_the_tenant_that_has_none() {
    let mut stage = Stage::set("calls_in_flight_max = 1, queue_timeout_ms = 600000").await;
    let (ann, gus) = (stage.world.token("acme", "ann"), stage.world.token("globex", "gus"));
    let mut calls = vec![stage.call("acme", &ann, "a1", 1).await];
    let first = stage.upstream.asked().await;
    assert_eq!(tool(&first), "a1");
    for (count, tool) in [(2, "a2"), (3, "a3")] {
        calls.push(stage.call("acme", &ann, tool, count).await);
    }
    calls.push(stage.call("globex", &gus, "g1", 1).await);
    first.done();
    for expected in ["g1", "a2", "a3"] {
        let next = stage.upstream.asked().await;
        assert_eq!(tool(&next), expected);
        next.done();
    }
    for call in calls {
        assert_eq!(call.await.unwrap().status, 200);
    }
    // What it waited is told apart from what it took.
    let line = |tool: &str| {
        let lines = stage.world.log_lines(&format!("\"name\":\"{tool}\""));
        lines.into_iter().find(|line| line["event"] == "call")
    };
    for (tool, waited) in [("a1", false), ("g1", true), ("a3", true)] {
        let line = until("the line of the call", || line(tool)).await;
        let (queued, took) = (line["queued_us"].as_u64().unwrap(), line["duration_us"].as_u64().unwrap());
        assert_eq!(queued > 0, waited, "{line}");
        assert!(queued <= took, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_full_or_too_slow_says_that_the_server_is_busy() {
    let mut stage = Stage::set("calls_in_flight_max = 1, queue_length_max = 1, queue_timeout_ms = 3000").await;
    let ann = stage.world.token("acme", "ann");
    let held = stage.call("acme", &ann, "held", 1).await;
    let asked = stage.upstream.asked().await;
    let waits = stage.call("acme", &ann, "waits", 2).await;
    let ask = |tool: &str| Ask::modern(&stage.url, &ann, "tools/call", json!({ "name": tool, "arguments": {} }));
    let full = ask("full").send().await;
    let late = waits.await.unwrap();
    for (answer, cause) in [(full, "over `queue_length_max`"), (late, "over `queue_timeout_ms`")] {
        assert_eq!((answer.status.as_u16(), answer.code(), &answer.json()["id"]), (503, Some(50_300), &json!(1)));
        assert_eq!(answer.header("retry-after"), Some("1"));
        let told = stage.world.run(&["explain", answer.header("partywall-request-id").unwrap()]);
        assert!(String::from_utf8_lossy(&told.stdout).contains(cause), "{told:?}");
    }
    // What gave up has waited all the same.
    let line = until("the line of the call", || stage.world.log_lines("over `queue_timeout_ms`").pop()).await;
    assert!(line["queued_us"].as_u64().unwrap() >= 3_000_000, "{line}");
    // What the gateway answers itself waits for nobody, and a server that is busy is not away.
    assert_eq!(Ask::modern(&stage.url, &ann, "server/discover", json!({})).send().await.status, 200);
    asked.done();
    assert_eq!(held.await.unwrap().status, 200);
}

/// Behind a trusted proxy, so that requests come from addresses beyond this machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_address_may_send_so_much_before_anybody_says_who_they_are() {
    let settings = "trusted_proxies = [\"127.0.0.0/8\"]\n\
                    address_limits = { requests_per_second = 1, requests_burst = 3, connections_max = 2 }\n";
    let node = Node::start_with(TempDir::new().unwrap(), settings).await;
    let host = PUBLIC.trim_start_matches("https://");
    let bare =
        Ask::modern(&node.url("notes"), "none", "tools/list", json!({})).without("authorization").header("host", host);
    let metadata =
        Ask::new(http::Method::GET, &node.url("notes").replace("/mcp/", "/.well-known/oauth-protected-resource/mcp/"))
            .header("host", host);
    let from = |ask: &Ask, address: &str| ask.clone().header("x-forwarded-for", address);
    let mut refused = None;
    for host in 0..50 {
        // Another address each time, of one network.
        let answer = from(&bare, &format!("2001:db8:1:2::{host:x}")).send().await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 401);
    }
    let refused = refused.expect("a network was let in fifty times");
    assert_eq!((refused.code(), refused.header("retry-after")), (Some(42_900), Some("1")));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"address\";q=3;w=3"));
    let other = from(&metadata, "2001:db8:1:3::1").send().await;
    assert_eq!(other.status, 200, "another network has nothing to do with it");
    // This machine is no client.
    for _ in 0..20 {
        assert_eq!(metadata.send().await.status, 200);
    }
}
