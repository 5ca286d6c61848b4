//! Bytes pass untouched: what a client wrote reaches the server as it was written, and what a server wrote reaches the
//! client, but for the few members that must change.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::http::{Ask, LEGACY, MODERN};
use crate::scripted::Scripted;
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    Modern,
    Legacy,
}

/// Spellings that a reader of JSON who writes it again would not keep.
pub(crate) const ODD: [&str; 12] = [
    r#"{"z":1,"a":2,"m":{"y":3,"b":4}}"#,
    r#"{"big":12345678901234567890123,"small":-0,"exact":1.10,"exponent":1e2,"huge":1e400,"tiny":1E-400}"#,
    r#"{"escaped":"\u0041\/\u00e4\ud83d\ude00\u0000\b","raw":"ä😀/"}"#,
    r#"{"\u006eame":"verb\u0061tim","":0,"name":"hidden"}"#,
    "{ \"spaces\" :\t[ 1 ,\r\n2 ]\n, \"empty\" : { } , \"none\" : [ ] }",
    r#"{"twice":1,"twice":2}"#,
    r#"{"lone":"\ud800"}"#,
    r#"{"nested":[[[[[[[[[[[[[[[[{"jsonrpc":"2.0","method":"ping"}]]]]]]]]]]]]]]]]}"#,
    r#"{"name":"other","uri":"other","_meta":{"io.modelcontextprotocol/protocolVersion":"1999-01-01"}}"#,
    r#"{"null":null,"true":true,"false":false}"#,
    r#"{"line":"\r\n\ndata: x\n\n","separator":"\u2028"}"#,
    "{}",
];

/// Ids that few clients give.
pub(crate) const IDS: [&str; 6] = ["\"\\u0061\"", "12345678901234567890123", "-0", "1.50", "1e400", "\"\""];

/// The progress token of [`body`].
pub(crate) const TOKEN: &str = "98765432109876543210";

/// A call of `verbatim` around arguments, with members that nobody knows at each level.
pub(crate) fn body(era: Era, id: &str, arguments: &str) -> String {
    let meta = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28", "io.modelcontextprotocol/clientCapabilities":{"later":[1e400]},"#;
    let meta = if era == Era::Modern { meta } else { "" };
    format!(
        "\n{{ \"future\" : {{\"x\":1.0}},\"params\":{{\"arguments\":{arguments},\"vendor/x\":[ 1e400 ],\"_meta\":{{{meta}\"progressToken\":{TOKEN},\"a/b\":\"\\u0061\"}},\"na\\u006de\":\"verbatim\"}} ,\"id\":{id},\"method\":\"tools\\/call\",\"jsonrpc\":\"2\\u002e0\" }}\r\n "
    )
}

struct Stage {
    _world: World,
    upstream: Scripted,
    ask: Ask,
}

impl Stage {
    async fn set() -> Self {
        let upstream = Scripted::start().await;
        let world = World::demo();
        world.must_apply(&upstream.documents("", ""));
        let ask = Ask::post(&world.url("scripted"), &world.token("acme", "ann"), &json!({}));
        Self { _world: world, upstream, ask }
    }

    fn ask(&self, era: Era) -> Ask {
        match era {
            Era::Modern => (self.ask.clone())
                .header("mcp-protocol-version", MODERN)
                .header("mcp-method", "tools/call")
                .header("mcp-name", "verbatim"),
            Era::Legacy => self.ask.clone().header("mcp-protocol-version", LEGACY),
        }
    }

    /// Sends a call, which must reach the upstream as it was sent, and answers it, which must come back as it was said.
    async fn passes(&mut self, era: Era, sent: &str, kind: &str, said: &[u8]) {
        let ask = self.ask(era).body(sent);
        let upstream = async {
            let asked = self.upstream.asked().await;
            assert_eq!(String::from_utf8_lossy(&asked.body), sent);
            asked.answer(200, &[("content-type", kind)], said.to_vec());
        };
        let (answer, ()) = tokio::join!(ask.send(), upstream);
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(kind)), "{answer:?}");
        assert_eq!(String::from_utf8_lossy(&answer.body), String::from_utf8_lossy(said));
        assert_eq!(answer.body, said);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_client_wrote_reaches_the_server() {
    let mut stage = Stage::set().await;
    for era in [Era::Modern, Era::Legacy] {
        for odd in ODD {
            stage.passes(era, &body(era, "7", odd), "application/json", b"{}").await;
        }
        for id in IDS {
            stage.passes(era, &body(era, id, "{}"), "application/json", b"{}").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_server_wrote_reaches_the_client() {
    let mut stage = Stage::set().await;
    for era in [Era::Modern, Era::Legacy] {
        let call = body(era, "7", "{}");
        for odd in ODD {
            // Members that would be shortened in a list are a tool's own business in its answer.
            let message = format!(
                "{{ \"result\":{{\"structuredContent\":{odd},\"tools\":[{{\"name\":\"\\u0061\"}}],\"cacheScope\":\"public\"}} ,\"id\":7,\"\\u006asonrpc\":\"2.0\"}}"
            );
            let streamed =
                message.split_inclusive('\n').fold(String::new(), |all, line| all + "data:" + line.trim_end() + "\r\n");
            let streamed = format!(
                "\u{feff}: hello\r\n\r\nid: 1\r\nretry:  7\r\nevent: message\r\n{streamed}\r\nbare\n\ndata: half"
            );
            stage.passes(era, &call, "application/json", message.as_bytes()).await;
            stage.passes(era, &call, "text/event-stream", streamed.as_bytes()).await;
        }
        stage.passes(era, &call, "application/octet-stream", &[0, 159, 146, 150]).await;
        stage.passes(era, &call, "application/json", b"").await;
    }
}

/// JSON of any shape, with spellings of numbers and texts that few writers use.
pub(crate) fn any_json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?"
    ];
    let text = "\"([ !#-\\[\\]-~äß😀]|\\\\[\"/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,12}\"";
    let leaf = prop_oneof![number, text, Just("null".to_owned()), Just("true".to_owned())];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        let space = "[ \\t\\r\\n]{0,2}";
        let member = (text, space, inner.clone(), space)
            .prop_map(|(name, before, value, after)| format!("{name}{before}:{value}{after}"));
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// Any JSON at all as arguments and as an answer. Few cases: each is two calls of a real process.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn any_json_passes() {
    let mut stage = Stage::set().await;
    // Nothing is made smaller here: what does not pass is shown as it was.
    let mut runner = TestRunner::default();
    for _ in 0..64 {
        let arguments = any_json().new_tree(&mut runner).unwrap().current();
        let result = any_json().new_tree(&mut runner).unwrap().current();
        let said = format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{result}}}");
        for era in [Era::Modern, Era::Legacy] {
            stage.passes(era, &body(era, "7", &arguments), "application/json", said.as_bytes()).await;
        }
    }
}

/// A list as an odd server writes it, and as a tenant gets it that may see `a*` alone.
const LISTS: [(&str, &str, &str); 5] = [
    (
        "tools/list",
        "{ \"x\" : 1e400,\"\\u0072esult\" : { \"tools\" :[ {\"name\":\"b\"} ,{\"\\u006eame\":\"a1\",\"v\":12345678901234567890123}, {\"name\":\"b2\"} ] ,\"cacheScope\" : \"public\",\"ttlMs\":1.0 } ,\"id\":1,\"jsonrpc\":\"2.0\" }\r\n",
        "{ \"x\" : 1e400,\"\\u0072esult\" : { \"tools\" :[{\"\\u006eame\":\"a1\",\"v\":12345678901234567890123} ] ,\"cacheScope\" : \"private\",\"ttlMs\":1.0 } ,\"id\":1,\"jsonrpc\":\"2.0\" }\r\n",
    ),
    (
        "prompts/list",
        r#"{"id":1,"result":{"prompts":[{"name":"a"} , {"name":"b"}], "nextCursor":"\u0041","cacheScope":"private"},"jsonrpc":"2.0"}"#,
        r#"{"id":1,"result":{"prompts":[{"name":"a"}], "nextCursor":"\u0041","cacheScope":"private"},"jsonrpc":"2.0"}"#,
    ),
    (
        "resources/list",
        r#"{"id":1,"result":{"resources":[{"uri":"b"},{"name":"a"}],"later":[{"uri":"b"}]},"jsonrpc":"2.0"}"#,
        r#"{"id":1,"result":{"resources":[],"later":[{"uri":"b"}]},"jsonrpc":"2.0"}"#,
    ),
    (
        "resources/templates/list",
        r#"{"id":1,"result":{"resourceTemplates":[{"uriTemplate":"a{x}","n":1E1},{"uriTemplate":"b{x}"}]},"jsonrpc":"2.0"}"#,
        r#"{"id":1,"result":{"resourceTemplates":[{"uriTemplate":"a{x}","n":1E1}]},"jsonrpc":"2.0"}"#,
    ),
    (
        "tools/list",
        "{\"id\":1, \"error\" : {\"code\":-32603,\"tools\":[{\"name\":\"b\"}]} }",
        "{\"id\":1, \"error\" : {\"code\":-32603,\"tools\":[{\"name\":\"b\"}]} }",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lists_lose_what_is_hidden_and_no_other_byte() {
    let mut upstream = Scripted::start().await;
    let world = World::demo();
    world.must_apply(&upstream.documents("", "").replace("[\"*\"]", "[\"a*\"]"));
    let (url, token) = (world.url("scripted"), world.token("acme", "ann"));
    for (method, said, told) in LISTS {
        for ask in [
            Ask::modern(&url, &token, method, json!({})),
            Ask::legacy(&url, &token, "", method, json!({})).without("mcp-session-id"),
        ] {
            let answers = [
                ("application/json", said.to_owned(), told.to_owned()),
                ("text/event-stream", streamed(said), streamed(told)),
            ];
            for (kind, said, told) in answers {
                let (answer, ()) = tokio::join!(ask.send(), async {
                    upstream.asked().await.answer(200, &[("content-type", kind)], said);
                });
                assert_eq!(
                    (answer.status.as_u16(), String::from_utf8_lossy(&answer.body)),
                    (200, told.into()),
                    "{method}"
                );
            }
        }
    }
}

/// A message as the second event of a stream, over several lines where it has several.
fn streamed(message: &str) -> String {
    let data = message.trim_end().replace("} ,", "} \ndata: ,");
    format!(": hello\n\nretry: 7\n\nevent: message\r\nid: 1\r\ndata: {data}\nodd: x\n\n: bye\n\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_filtered_does_not_pass() {
    let mut upstream = Scripted::start().await;
    let world = World::demo();
    world.must_apply(&upstream.documents("filtered_bytes_max = 1024", "").replace("[\"*\"]", "[\"a*\"]"));
    let (url, token) = (world.url("scripted"), world.token("acme", "ann"));
    let ask = Ask::modern(&url, &token, "tools/list", json!({}));
    let long = format!(r#"{{"id":1,"result":{{"tools":[{{"name":"b","x":"{}"}}]}}}}"#, "x".repeat(1024));
    let unreadable = [
        "not JSON",
        r#"[{"id":1,"result":{"tools":[{"name":"b"}]}}]"#,
        r#"{"id":1,"result":{"tools":[{"name":"b"}]}"#,
        r#"{"id":1,"result":{"\ud800":1,"tools":[{"name":"b"}]}}"#,
    ];
    for said in unreadable.into_iter().chain([&*long]) {
        let (answer, ()) = tokio::join!(ask.send(), async {
            upstream.asked().await.answer(200, &[("content-type", "application/json")], said.to_owned());
        });
        assert_eq!((answer.status.as_u16(), answer.code()), (502, Some(50_200)), "{said}");
    }
    for said in unreadable.map(|said| format!("data: {said}\n\n")).into_iter().chain([format!("data: {long}")]) {
        let (answer, ()) = tokio::join!(ask.send(), async {
            upstream.asked().await.answer(200, &[("content-type", "text/event-stream")], said.clone());
        });
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b""[..]), "{said}");
    }
}
