//! Bytes pass a server on stdio untouched: only ids and progress tokens are the gateway's own on the channel, and a message
//! is one line there. Between two eras the members that docs/protocol.md lists change as well, and no other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::boxed::{Boxed, documents_of};
use crate::fidelity::{Era, IDS, ODD, TOKEN, any_json, body};
use crate::http::{Ask, MODERN};
use crate::legacy::Session;
use crate::world::World;

/// Calls of any JSON. Few: each is four calls of a real process.
const CASES: usize = 48;

/// What the client has in `_meta` beside what the eras want there.
const OWN_MEMBER: &str = r#""a/b":"\u0061""#;

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

/// An answer of `verbatim`, whatever its id is.
#[derive(Deserialize)]
struct Said {
    result: Got,
}

#[derive(Deserialize)]
struct Got {
    got: String,
}

struct Stage {
    _world: World,
    /// A client of each era before a server of each: the client's era, the server's, and how it asks.
    routes: Vec<(Era, Era, Ask)>,
}

impl Stage {
    async fn set() -> Self {
        let world = World::demo();
        world.must_apply(&documents_of(&ERAS.map(|era| Boxed::scripted(name(era))), "\"process\""));
        let token = world.token("acme", "ann");
        let mut routes = Vec::new();
        for server in ERAS {
            let url = world.url(name(server));
            let modern = Ask::post(&url, &token, &json!({})).header("mcp-protocol-version", MODERN);
            routes.push((Era::Modern, server, modern.header("mcp-method", "tools/call")));
            routes.push((Era::Legacy, server, Session::open(&url, &token).await.post(&json!({}))));
        }
        Self { _world: world, routes }
    }

    /// What a client wrote reaches a server of either era.
    async fn sent(&self, id: &str, arguments: &str) {
        for (client, server, ask) in &self.routes {
            let ask = if *client == Era::Modern { ask.clone().header("mcp-name", "verbatim") } else { ask.clone() };
            let answer = ask.body(body(*client, id, arguments)).send().await;
            let said =
                serde_json::from_slice::<Said>(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
            let got = String::from_utf8(STANDARD.decode(said.result.got).unwrap()).unwrap();
            let wire = id_of(&got);
            if client == server {
                let expected = body(*client, &wire, arguments).replace(TOKEN, &wire);
                assert_eq!(got.trim(), one_line(&expected).trim(), "{client:?}");
            } else {
                // `_meta` gains or loses what the other era has; the rest stands as it stood.
                let expected = body(*client, &wire, arguments);
                let (before, after) = expected.rsplit_once("\"_meta\":{").unwrap();
                let (_, after) = after.split_once(OWN_MEMBER).unwrap();
                for part in [before, OWN_MEMBER, after] {
                    assert!(got.contains(one_line(part).trim()), "{client:?} to {server:?}: {got}\nlacks {part}");
                }
                assert!(got.contains(&format!("\"progressToken\":{wire}")), "{got}");
            }
        }
    }

    /// What a server of either era wrote reaches the client.
    async fn said(&self, id: &str, odd: &str) {
        let odd = one_line(odd);
        let content =
            format!("\"structuredContent\":{odd},\"tools\":[{{\"name\":\"\\u0061\"}}],\"cacheScope\":\"public\"");
        let line = |id: &str| {
            format!(
                "{{ \"result\":{{{content}, \"resultType\" : \"complete\"}} ,\"id\" :{id} ,\"\\u006asonrpc\":\"2.0\", \"x\":1e400 }}"
            )
        };
        for (client, server, ask) in &self.routes {
            let meta = "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}";
            let meta = if *client == Era::Modern { meta } else { "" };
            let arguments = json!({"line": STANDARD.encode(line("@id@"))});
            let call = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"say\",\"arguments\":{arguments},\"_meta\":{{{meta}}}}}}}"
            );
            let ask = if *client == Era::Modern { ask.clone().header("mcp-name", "say") } else { ask.clone() };
            let answer = ask.body(call).send().await;
            // The line says what both eras need, so that nothing is lacking between two eras either.
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
            assert_eq!(String::from_utf8_lossy(&answer.body), line(id), "{client:?} from {server:?}");
        }
    }
}

fn name(era: Era) -> &'static str {
    if era == Era::Modern { "modern" } else { "legacy" }
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

fn id_of(line: &str) -> String {
    #[derive(Deserialize)]
    struct HasId {
        id: Box<RawValue>,
    }
    serde_json::from_str::<HasId>(line).unwrap().id.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_client_wrote_reaches_a_server_on_stdio_and_what_that_wrote_reaches_the_client() {
    let stage = Stage::set().await;
    for odd in ODD {
        stage.sent("7", odd).await;
        stage.said("7", odd).await;
    }
    for id in IDS {
        stage.sent(id, "{}").await;
        stage.said(id, "{}").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn any_json_passes_a_server_on_stdio() {
    let stage = Stage::set().await;
    // Nothing is made smaller here: what does not pass is shown as it was.
    let mut runner = TestRunner::default();
    for _ in 0..CASES {
        let mut any = || any_json().new_tree(&mut runner).unwrap().current();
        let (arguments, result) = (any(), any());
        stage.sent("7", &arguments).await;
        stage.said("7", &result).await;
    }
}
