//! What is hidden and what does not exist: nobody can tell them apart.

use partywall_testkit::fixture::Eras;
use serde_json::{Value, json};

use super::{Row, Stage};
use crate::http::{Answer, Ask};

/// The answer with a name replaced. A server may put it into an event stream, where we never do.
fn plain(answer: &Answer, name: &str) -> (u16, Value) {
    let body = answer.json().to_string().replace(name, "NAME");
    (answer.status.as_u16(), serde_json::from_str(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn hidden_and_unknown_answer_alike() {
    let stage = Stage::set().await;
    let session = Ask::initialize(&stage.url, &stage.ann).send().await.session();
    for (method, member, hidden, unknown) in [
        ("tools/call", "name", "verbatim", "no_such_tool"),
        ("prompts/get", "name", "test_prompt_with_image", "no_such_prompt"),
        ("resources/read", "uri", "test://static-binary", "test://no-such-resource"),
    ] {
        for era in [Eras::Modern, Eras::Legacy] {
            let ask = |name: &str| match era {
                Eras::Legacy => Ask::legacy(&stage.url, &stage.ann, &session, method, json!({member: name})),
                _ => Ask::modern(&stage.url, &stage.ann, method, json!({member: name})),
            };
            let seen = plain(&ask(hidden).send().await, hidden);
            assert_eq!(seen, plain(&ask(unknown).send().await, unknown), "{method} {era:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_hidden_is_refused_in_the_protocols_words() {
    let stage = Stage::set().await;
    let session = Ask::initialize(&stage.url, &stage.ann).send().await.session();
    let modern = |method: &str, params| Ask::modern(&stage.url, &stage.ann, method, params);
    let image = json!({"name": "test_prompt_with_image"});
    let binary = json!({"uri": "test://static-binary"});
    let reference = json!({"ref": {"type": "ref/prompt", "name": "test_prompt_with_image"}, "argument": {"name": "a", "value": ""}});
    let template =
        json!({"ref": {"type": "ref/resource", "uri": "test://static-binary"}, "argument": {"name": "a", "value": ""}});
    let listen = json!({"notifications": {"resourceSubscriptions": ["test://static-text", "test://static-binary"]}});
    for (what, ask, message) in [
        ("tool", modern("tools/call", json!({"name": "verbatim"})), "Unknown tool: verbatim"),
        ("prompt", modern("prompts/get", image), "Unknown prompt: test_prompt_with_image"),
        ("resource", modern("resources/read", binary.clone()), "Resource not found"),
        ("completion of a prompt", modern("completion/complete", reference), "Unknown prompt: test_prompt_with_image"),
        ("completion of a resource", modern("completion/complete", template), "Resource not found"),
        ("listening", modern("subscriptions/listen", listen), "Resource not found"),
    ] {
        let answer = stage.check(Row::new(what, ask, 200, -32_602)).await;
        assert_eq!(answer.json()["error"]["message"], message, "{what}");
    }
    for method in ["resources/read", "resources/subscribe", "resources/unsubscribe"] {
        let ask = Ask::legacy(&stage.url, &stage.ann, &session, method, binary.clone());
        let answer = stage.check(Row { id: json!(2), ..Row::new(method, ask, 200, -32_002) }).await;
        assert_eq!(answer.json()["error"]["data"], binary, "{method}");
    }
    for (method, list, hidden) in [
        ("tools/list", "tools", "verbatim"),
        ("prompts/list", "prompts", "test_prompt_with_image"),
        ("resources/list", "resources", "static-binary"),
    ] {
        for ask in [modern(method, json!({})), Ask::legacy(&stage.url, &stage.ann, &session, method, json!({}))] {
            let answer = ask.send().await.json();
            let names: Vec<_> = answer["result"][list].as_array().unwrap().iter().map(|item| &item["name"]).collect();
            assert!(names.len() > 1 && !names.contains(&&json!(hidden)), "{method}: {names:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_name_that_is_missing_is_no_name() {
    let stage = Stage::set().await;
    for (method, params) in [
        ("tools/call", json!({"arguments": {}})),
        ("prompts/get", json!({})),
        ("resources/read", json!({})),
        ("completion/complete", json!({"argument": {"name": "a", "value": ""}})),
        ("completion/complete", json!({"ref": {"name": "test_simple_prompt", "uri": "test://static-text"}})),
    ] {
        let ask = Ask::modern(&stage.url, &stage.ann, method, params).without("mcp-name");
        stage.check(Row::new(method, ask, 400, -32_602)).await;
    }
}
