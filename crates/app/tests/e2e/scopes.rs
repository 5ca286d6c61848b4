//! The scopes that every client is told to ask for, before anybody knows who it is: the same at every server there is or
//! is not, and on a customer's own URL in the words of that customer's issuer.

use http::Method;
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Answer, Ask};
use crate::node::{Node, PUBLIC, issuer_document, own_issuer_document};

/// Of hooli, whose issuer has a name of its own for one of the scopes.
const HOOLI: &str = "hooli_9f4c1d2e8b7a605142";
/// Of raviga, whose issuer has none.
const RAVIGA: &str = "raviga_9f4c1d2e8b7a60514";
/// Of globex, which enters by everybody's issuer.
const GLOBEX: &str = "globex-0f4c1d2e8b7a60514";
/// Nobody's.
const NOBODYS: &str = "nobody_1f4c1d2e8b7a60514";

async fn start(settings: &str) -> Node {
    let [corporate, hooli, raviga] =
        ["corporate", "hooli", "raviga"].map(|name| Issuer::new(&format!("https://login.{name}.example")));
    let node = Node::start_with(TempDir::new().unwrap(), settings).await;
    let tenant = |name: &str, id: &str, identity: &str| {
        format!("[tenant.{name}]\nplan = \"free\"\nconnect_id = \"{id}\"\nidentities = [{{ {identity} }}]\n")
    };
    let documents = [
        issuer_document(&corporate).replace("\njwks", "\nlisted = true\njwks"),
        own_issuer_document("hooli", &hooli),
        own_issuer_document("raviga", &raviga),
        "[plan.free]\n".to_owned(),
        tenant("hooli", HOOLI, "issuer = \"hooli\", scopes = { \"Their.Mcp\" = [\"mcp\"] }"),
        tenant("raviga", RAVIGA, "issuer = \"raviga\""),
        tenant("globex", GLOBEX, "issuer = \"corporate\", value = \"globex\""),
    ];
    node.must_apply(&documents.join("\n"));
    node
}

/// The challenge at a path, without a token and with one that is none.
async fn challenges(node: &Node, path: &str) -> [String; 2] {
    let ask = |token| Ask::modern(&node.at(path), token, "tools/list", json!({}));
    let (without, with) = (ask("").without("authorization").send().await, ask("not.a.token").send().await);
    [without, with].map(|answer: Answer| {
        assert_eq!(answer.status, 401, "{answer:?}");
        let metadata = format!("{PUBLIC}/.well-known/oauth-protected-resource{path}");
        answer.header("www-authenticate").unwrap().replace(&metadata, "PRM")
    })
}

/// What the metadata of a path says of scopes.
async fn supported(node: &Node, path: &str) -> Value {
    let url = node.at(&format!("/.well-known/oauth-protected-resource{path}"));
    let answer = Ask::new(Method::GET, &url).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["scopes_supported"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_client_is_told_the_same_scopes_to_ask_for() {
    let node = start("scopes = [\"mcp\", \"openid\"]").await;
    let invalid = "error=\"invalid_token\", error_description=\"the token is not valid here\"";
    for path in ["/mcp/notes", "/mcp/none"] {
        let [without, with] = challenges(&node, path).await;
        assert_eq!(without, "Bearer scope=\"mcp openid\", resource_metadata=\"PRM\"");
        assert_eq!(with, format!("Bearer {invalid}, scope=\"mcp openid\", resource_metadata=\"PRM\""));
    }
    let ours = json!(["mcp", "openid"]);
    for path in ["", "/mcp", "/mcp/notes", "/mcp/none"] {
        assert_eq!(supported(&node, path).await, ours, "{path}");
    }
    // On a customer's own URL the metadata alone speaks of scopes, and only those that its issuer knows. The challenge
    // would tell whose URL it is.
    for (id, told) in [(HOOLI, json!(["Their.Mcp"])), (RAVIGA, json!(null)), (GLOBEX, ours.clone()), (NOBODYS, ours)] {
        let [without, with] = challenges(&node, &format!("/c/{id}/mcp/notes")).await;
        assert_eq!(without, "Bearer resource_metadata=\"PRM\"", "{id}");
        assert_eq!(with, format!("Bearer {invalid}, resource_metadata=\"PRM\""), "{id}");
        for server in ["", "/notes", "/none"] {
            assert_eq!(supported(&node, &format!("/c/{id}/mcp{server}")).await, told, "{id} {server}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_is_said_of_scopes_unless_it_is_set() {
    let node = start("").await;
    for path in ["/mcp/notes".to_owned(), format!("/c/{HOOLI}/mcp/notes"), format!("/c/{NOBODYS}/mcp/notes")] {
        assert!(challenges(&node, &path).await.iter().all(|challenge| !challenge.contains("scope")), "{path}");
        assert_eq!(supported(&node, &path).await, json!(null), "{path}");
    }
}
