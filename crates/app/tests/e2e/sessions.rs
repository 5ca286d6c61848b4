//! Sessions of the handshake versions: sealed for the one who opened them, kept by nobody, good on any node.

use http::StatusCode;
use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::json;
use tempfile::TempDir;

use crate::legacy::Session;
use crate::node::{Node, issuer_document};
use crate::scripted::Events;
use crate::world::{Fixture, World};

struct Stage {
    world: World,
    fixture: Fixture,
    session: Session,
}

impl Stage {
    async fn set() -> Self {
        let fixture = Fixture::start(Options::default()).await;
        let world = World::demo();
        world.must_apply(&fixture.documents());
        let session = Session::open(&world.url("fixture"), &world.token("acme", "ann")).await;
        Self { world, fixture, session }
    }

    /// The session's id at the fixture.
    fn upstream_id(&self) -> String {
        upstream_id(&self.fixture)
    }
}

/// The session that the last request that had one named.
fn upstream_id(fixture: &Fixture) -> String {
    let all = fixture.received.all();
    let initialized = all.iter().rev().find(|request| request.body.ends_with(b"\"notifications/initialized\"}"));
    initialized.and_then(|request| request.header("mcp-session-id")).unwrap().to_owned()
}

/// A call that must be served.
async fn works(session: &Session) {
    let answer = session.call(1, "echo", &json!({"text": "hi"})).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["result"]["content"][0]["text"], json!("{\"text\":\"hi\"}"), "{answer:?}");
}

/// All that one can do with a session is answered as if there were none.
async fn is_unknown(what: &str, session: &Session) {
    for ask in
        [session.call(1, "echo", &json!({})), session.listen(None), session.listen(Some("0/0")), session.delete()]
    {
        let answer = ask.send().await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, Some(40_400)), "{what}");
        assert_eq!(answer.json()["error"]["message"], "no such session; begin with `initialize`", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_session_is_sealed_and_goes_on() {
    let stage = Stage::set().await;
    works(&stage.session).await;
    let (sealed, inner) = (&stage.session.id, stage.upstream_id());
    assert!(sealed.bytes().all(|byte| byte.is_ascii_graphic()), "{sealed}");
    assert!(!sealed.contains(&inner) && *sealed != inner);
    for request in stage.fixture.received.all() {
        assert_ne!(request.header("mcp-session-id"), Some(sealed.as_str()), "the sealed id is for the client alone");
    }
    let other = Session::open(&stage.session.url, &stage.session.token).await;
    assert_ne!(other.id, stage.session.id);
    works(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_session_opens_for_nobody_else() {
    let stage = Stage::set().await;
    let other = Fixture::start(Options::default()).await;
    let documents = stage.fixture.documents();
    let documents = format!("{documents}\n[server.other]\nurl = \"{}\"\nsharing = \"stateless\"\n", other.url);
    let grant = "[tenant.acme.servers.other]\nplacement = \"shared\"\ntools = { allow = [\"*\"] }\n";
    stage.world.must_apply(&format!("{documents}\n{grant}"));
    let session = &stage.session;
    let ids = [
        ("nothing", String::new()),
        ("a word", "abc".to_owned()),
        ("the upstream's own id", stage.upstream_id()),
        ("cut short", session.id[..session.id.len() - 1].to_owned()),
        ("cut very short", session.id[..16].to_owned()),
        ("made longer", format!("{}A", session.id)),
        ("padded", format!("{}=", session.id)),
        ("very long", "A".repeat(5000)),
    ];
    for (what, id) in &ids {
        is_unknown(what, &session.with_id(id)).await;
    }
    for at in [0, 5, 8, 30, session.id.len() - 2] {
        let mut garbled = session.id.clone().into_bytes();
        garbled[at] = if garbled[at] == b'A' { b'B' } else { b'A' };
        is_unknown("garbled", &session.with_id(str::from_utf8(&garbled).unwrap())).await;
    }
    let (bob, gus) = (stage.world.token("acme", "bob"), stage.world.token("globex", "gus"));
    is_unknown("a colleague's", &session.with_token(&bob)).await;
    is_unknown("a neighbour's", &session.with_token(&gus)).await;
    is_unknown("another server's", &Session { url: stage.world.url("other"), ..session.clone() }).await;
    let twice = session.call(1, "echo", &json!({})).header("mcp-session-id", &session.id).send().await;
    assert_eq!(twice.status, StatusCode::NOT_FOUND);
    // None of them, DELETE included, did anything to it; and a new token of the same caller continues it.
    works(session).await;
    works(&session.with_token(&stage.world.token("acme", "ann"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_an_id_the_server_says_what_it_wants() {
    let stage = Stage::set().await;
    let ask = stage.session.call(1, "echo", &json!({})).without("mcp-session-id");
    let (direct, through) = (ask.clone().at(&stage.fixture.url).send().await, ask.send().await);
    assert_eq!((direct.status, direct.body), (through.status, through.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_session_ends_by_delete() {
    let stage = Stage::set().await;
    let ended = stage.session.delete().send().await;
    assert!(ended.status.is_success(), "{ended:?}");
    let inner = stage.upstream_id();
    let deleted = stage.fixture.received.all();
    assert!(
        deleted.iter().any(|request| request.method == "DELETE" && request.header("mcp-session-id") == Some(&inner))
    );
    for ask in [stage.session.call(1, "echo", &json!({})), stage.session.listen(None)] {
        assert_eq!(ask.send().await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_says_things_by_itself_and_a_broken_stream_goes_on() {
    let stage = Stage::set().await;
    let mut stream = Events::of(stage.session.listen(None).open().await);
    for (tool, method) in [
        ("test_trigger_tool_change", "notifications/tools/list_changed"),
        ("test_trigger_prompt_change", "notifications/prompts/list_changed"),
    ] {
        assert_eq!(stage.session.call(1, tool, &json!({})).send().await.status, 200);
        assert_eq!(stream.message().await["method"], method);
    }
    // The fixture closes the stream of this call before it has answered.
    let mut first = Events::of(stage.session.call(2, "test_reconnection", &json!({})).open().await);
    let mut last = None;
    while let Some(event) = first.event().await {
        assert!(!event.contains("\"result\""), "the stream did not break: {event}");
        last = Events::id(&event).map(str::to_owned).or(last);
    }
    let mut second = Events::of(stage.session.listen(last.as_deref()).open().await);
    let answer = second.message().await;
    assert_eq!(
        (&answer["id"], &answer["result"]["content"][0]["text"]),
        (&json!(2), &json!("test_reconnection is done."))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_asks_and_the_client_answers() {
    let stage = Stage::set().await;
    for (tool, method, said, told) in [
        (
            "test_elicitation",
            "elicitation/create",
            json!({"action": "accept", "content": {"username": "ann", "email": "ann@example.com"}}),
            "action=accept",
        ),
        (
            "test_sampling",
            "sampling/createMessage",
            json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "forty-two"}}),
            "forty-two",
        ),
    ] {
        let call = stage.session.call(3, tool, &json!({"message": "who?", "prompt": "what?"}));
        let mut events = Events::of(call.open().await);
        let asked = events.message().await;
        assert_eq!(asked["method"], method, "{asked}");
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": said});
        // Nobody else can answer in its place.
        let bob = stage.session.with_token(&stage.world.token("acme", "bob"));
        assert_eq!(bob.post(&answer).send().await.status, StatusCode::NOT_FOUND);
        let taken = stage.session.post(&answer).send().await;
        assert_eq!((taken.status, taken.body.len()), (StatusCode::ACCEPTED, 0));
        let answer = events.message().await;
        let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
        assert!(answer["id"] == 3 && text.contains(told), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_session_outlives_the_node_and_not_its_placement() {
    let (fixture, own) = (Fixture::start(Options::default()).await, Fixture::start(Options::default()).await);
    let issuer = Issuer::new("https://login.example.com");
    let node = Node::start(TempDir::new().unwrap()).await;
    node.must_apply(&documents(&fixture, &issuer, "\"shared\""));
    let token = node.token(&issuer, "acme", "ann");
    let session = Session::open(&node.url("fixture"), &token).await;
    works(&session).await;
    // A node that knows nothing but the data folder: what it needs of the session, the client carries.
    let node = Node::start(node.stop().await).await;
    let session = Session { url: node.url("fixture"), ..session };
    works(&session).await;
    let node = Node::start(node.crash()).await;
    let session = Session { url: node.url("fixture"), ..session };
    works(&session).await;
    // Where the tenant's calls go elsewhere now, the session is over; where they go back, it is not.
    node.must_apply(&documents(&fixture, &issuer, &format!("{{ remote = \"{}\" }}", own.url)));
    is_unknown("of the old placement", &session).await;
    works(&Session::open(&session.url, &token).await).await;
    node.must_apply(&documents(&fixture, &issuer, "\"shared\""));
    works(&session).await;
    // Another house has another master key.
    let stranger = Node::start(TempDir::new().unwrap()).await;
    stranger.must_apply(&documents(&fixture, &issuer, "\"shared\""));
    is_unknown("of another house", &Session { url: stranger.url("fixture"), ..session }).await;
}

fn documents(fixture: &Fixture, issuer: &Issuer, placement: &str) -> String {
    let (issuer, url) = (issuer_document(issuer), &fixture.url);
    format!(
        r#"
        {issuer}

        [server.fixture]
        url = "{url}"
        sharing = "stateless"

        [plan.standard]

        [tenant.acme]
        plan = "standard"
        identities = [{{ issuer = "corporate", value = "acme" }}]
        servers.fixture = {{ placement = {placement}, tools = {{ allow = ["*"] }} }}
        "#
    )
}
