//! The wall between two tenants: what is the other's and what does not exist answer alike, to the byte, by whatever
//! way somebody asks.

mod claims;
mod hidden;
mod sessions;
mod tokens;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::{Answer, Ask};
use crate::world::World;

/// Somebody with a token, in one era, before one server.
struct Visitor {
    url: String,
    token: String,
    /// The session of a legacy client.
    session: Option<String>,
}

impl Visitor {
    fn modern(world: &World, server: &str, token: &str) -> Self {
        Self { url: world.url(server), token: token.to_owned(), session: None }
    }

    async fn legacy(world: &World, server: &str, token: &str) -> Self {
        let opened = Ask::initialize(&world.url(server), token).send().await;
        assert_eq!(opened.status, 200, "{opened:?}");
        Self { session: Some(opened.session()), ..Self::modern(world, server, token) }
    }

    /// The same person in both eras.
    async fn in_both_eras(world: &World, server: &str, token: &str) -> [Self; 2] {
        [Self::modern(world, server, token), Self::legacy(world, server, token).await]
    }

    /// The same person at another URL.
    fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), token: self.token.clone(), session: self.session.clone() }
    }

    fn ask(&self, method: &str, params: Value) -> Ask {
        match &self.session {
            Some(session) => Ask::legacy(&self.url, &self.token, session, method, params),
            None => Ask::modern(&self.url, &self.token, method, params),
        }
    }

    async fn send(&self, method: &str, params: Value) -> Answer {
        self.ask(method, params).send().await
    }

    async fn tool(&self, name: &str, arguments: Value) -> Answer {
        self.send("tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// Adds a note; gives its id.
    async fn note(&self, text: &str) -> String {
        let added = self.tool("add", json!({"text": text})).await;
        let id = added.json().pointer("/result/structuredContent/id").and_then(Value::as_str).map(str::to_owned);
        id.unwrap_or_else(|| panic!("{added:?}"))
    }
}

/// An answer without what must differ: when it was given, the request's own id, what is left of the caller's own limits,
/// an event's number within the session, and the name that was asked for.
fn without_name(answer: &Answer, name: &str) -> (u16, BTreeMap<String, String>, String) {
    let differ = ["date", "partywall-request-id", "ratelimit"];
    let headers = answer.headers.iter().filter(|(header, _)| !differ.contains(&header.as_str()));
    let headers = headers.map(|(header, value)| (header.to_string(), format!("{value:?}"))).collect();
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    let body: String = body.split_inclusive('\n').filter(|line| !line.starts_with("id: ")).collect();
    (answer.status.as_u16(), headers, if name.is_empty() { body } else { body.replace(name, "NAME") })
}

/// Both answers are the same, apart from the name that each is about.
#[track_caller]
fn assert_alike((one, named): (&Answer, &str), (other, other_named): (&Answer, &str)) {
    assert_eq!(without_name(one, named), without_name(other, other_named));
}

/// An id of the same form that nobody was ever given.
fn never_given(id: &str) -> String {
    let other: String = id.chars().rev().map(|char| if char == 'a' { 'b' } else { char }).collect();
    assert_ne!(other, id);
    other
}

#[tokio::test]
async fn another_tenants_note_does_not_exist() {
    let world = World::demo();
    let ann = Visitor::modern(&world, "notes", &world.token("acme", "ann"));
    let id = ann.note("the secret of acme").await;
    let none = never_given(&id);
    for gus in Visitor::in_both_eras(&world, "notes", &world.token("globex", "gus")).await {
        for tool in ["delete", "search"] {
            let argument = if tool == "delete" { "id" } else { "query" };
            let (theirs, nobodys) =
                (gus.tool(tool, json!({argument: id})).await, gus.tool(tool, json!({argument: none})).await);
            assert_eq!(theirs.status, 200, "{theirs:?}");
            assert_alike((&theirs, &id), (&nobodys, &none));
        }
        let read = |id: &str| gus.ask("resources/read", json!({"uri": format!("note://{id}")}));
        let (theirs, nobodys) = (read(&id).send().await, read(&none).send().await);
        assert!(theirs.json().get("error").is_some(), "{theirs:?}");
        assert_alike((&theirs, &id), (&nobodys, &none));
        for lists in [gus.tool("list", json!({})).await, gus.send("resources/list", json!({})).await] {
            assert_eq!(lists.status, 200, "{lists:?}");
            let text = String::from_utf8_lossy(&lists.body);
            assert!(!text.contains(&id) && !text.contains("secret"), "{text}");
        }
    }
    let read = ann.send("resources/read", json!({"uri": format!("note://{id}")})).await;
    assert_eq!(read.json().pointer("/result/contents/0/text"), Some(&json!("the secret of acme")), "{read:?}");
}

#[tokio::test]
async fn another_tenants_cursor_opens_nothing() {
    let world = World::demo();
    let gus = Visitor::modern(&world, "notes", &world.token("globex", "gus"));
    for number in 0..101 {
        gus.note(&format!("note {number} of globex")).await;
    }
    let page = gus.send("resources/list", json!({})).await.json();
    let cursor = page.pointer("/result/nextCursor").and_then(Value::as_str).expect("a second page").to_owned();
    let second = gus.send("resources/list", json!({"cursor": cursor})).await.json();
    assert_eq!(second.pointer("/result/resources").and_then(Value::as_array).map(Vec::len), Some(1), "{second}");
    for ann in Visitor::in_both_eras(&world, "notes", &world.token("acme", "ann")).await {
        let stolen = ann.send("resources/list", json!({"cursor": cursor})).await;
        let first = ann.send("resources/list", json!({})).await;
        assert_eq!(first.json().pointer("/result/resources"), Some(&json!([])), "{first:?}");
        assert_alike((&stolen, ""), (&first, ""));
    }
    let ann = Visitor::modern(&world, "notes", &world.token("acme", "ann"));
    let id = ann.note("the only one of acme").await;
    let stolen = ann.send("resources/list", json!({"cursor": "9"})).await.json();
    let uris = stolen.pointer("/result/resources").and_then(Value::as_array).unwrap();
    assert!(uris.iter().all(|resource| resource["uri"] == format!("note://{id}")), "{stolen}");
}
