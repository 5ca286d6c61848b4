//! Clients of both eras at instances of servers of either.

use serde_json::json;

use super::boxed::Boxed;
use crate::http::Ask;
use crate::legacy::Session;
use crate::scripted::until;
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn clients_of_both_eras_are_served_by_a_process_of_their_tenants_own() {
    for eras in ["legacy", "modern", "both"] {
        let world = World::demo();
        world.must_apply(&Boxed::fixture(eras).documents());
        let (url, token) = (world.url("boxed"), world.token("acme", "ann"));
        let list = Ask::modern(&url, &token, "tools/list", json!({})).send().await;
        assert_eq!(list.status, 200, "{eras}: {list:?}");
        assert!(list.json()["result"]["tools"].as_array().unwrap().len() > 20, "{eras}: {list:?}");
        let echo = json!({"name": "echo", "arguments": {"text": "hi"}});
        let answer = Ask::modern(&url, &token, "tools/call", echo).send().await;
        assert_eq!(answer.json()["result"]["content"][0]["text"], "{\"text\":\"hi\"}", "{eras}: {answer:?}");
        let session = Session::open(&url, &token).await;
        let answer = session.call(1, "echo", &json!({"text": "ho"})).send().await;
        assert_eq!(answer.json()["result"]["content"][0]["text"], "{\"text\":\"ho\"}", "{eras}: {answer:?}");
        let one = || (world.log_lines("instance_ready").len() == 1).then_some(());
        until(&format!("{eras}: one process serves them all"), one).await;
    }
}
