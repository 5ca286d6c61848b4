//! The main job, once: two customers, one URL, one shared server.

use serde_json::json;

use crate::http::Ask;
use crate::world::World;

#[tokio::test]
async fn two_customers_call_one_url_and_each_sees_its_own() {
    let world = World::demo();
    let (ann, gus) = (world.token("acme", "ann"), world.token("globex", "gus"));
    let url = world.url("notes");
    let add =
        Ask::modern(&url, &ann, "tools/call", json!({"name": "add", "arguments": {"text": "acme only"}})).send().await;
    assert_eq!(add.status, 200, "{add:?}");
    for (token, total) in [(&ann, 1), (&gus, 0)] {
        let list = Ask::modern(&url, token, "tools/call", json!({"name": "list", "arguments": {}})).send().await;
        assert_eq!(list.json().pointer("/result/structuredContent/total"), Some(&json!(total)), "{list:?}");
    }
}
