//! How long a token is believed: a stream ends with what it was opened by, a call finds the door as it stands now, and
//! neither is any business of a neighbour's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use partywall_testkit::fixture::Options;
use partywall_testkit::token::{Claims, Issuer};
use serde_json::{Value, json};

use crate::corporate::{self, Corporate, write_documents};
use crate::http::Ask;
use crate::legacy::Session;
use crate::scripted::{Events, Feed, Scripted, until};
use crate::world::{Fixture, World, log_file};

/// Seconds past its end for which a token still counts, since no two clocks agree.
const LEEWAY_S: u64 = 30;

/// A demo with a scripted upstream behind it, and streams of both its tenants.
struct Stage {
    world: World,
    upstream: Scripted,
}

impl Stage {
    async fn set() -> Self {
        let upstream = Scripted::start().await;
        let world = World::demo();
        world.must_apply(&upstream.documents("", ""));
        Self { world, upstream }
    }

    /// What listens for a long time, in either era.
    fn listeners(&self, token: &str) -> [Ask; 2] {
        let url = self.world.url("scripted");
        let modern = Ask::modern(&url, token, "subscriptions/listen", json!({}));
        let session = Session { url, token: token.to_owned(), id: String::new() };
        [modern, session.listen(None).without("mcp-session-id")]
    }

    fn call(&self, token: &str) -> Ask {
        Ask::modern(&self.world.url("scripted"), token, "tools/call", json!({"name": "any"}))
    }

    /// Sends a request, whose answer begins as a stream.
    async fn begin(&mut self, ask: &Ask) -> (Events, Feed) {
        let (answer, feed) = tokio::join!(ask.open(), async { self.upstream.asked().await.stream() });
        (Events::of(answer), feed)
    }

    async fn begin_all(&mut self, token: &str) -> Vec<(Events, Feed)> {
        let mut begun = Vec::new();
        for ask in self.listeners(token) {
            begun.push(self.begin(&ask).await);
        }
        begun
    }

    /// Applies the document of an issuer `corporate` with these keys.
    fn trust(&self, corporate: &Corporate) {
        let path = write_documents(self.world.data(), &json!({"issuer": {"corporate": corporate.document()}}));
        let applied = self.world.run(&["apply", "-f", &path]);
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    }

    /// Sends a call that the upstream answers; its status.
    async fn answered(&mut self, token: &str) -> u16 {
        let ask = self.call(token);
        let (answer, ()) = tokio::join!(ask.send(), async { self.upstream.asked().await.done() });
        answer.status.as_u16()
    }
}

/// All of these streams end, at the client as at the upstream.
async fn end(streams: Vec<(Events, Feed)>) {
    for (mut events, feed) in streams {
        assert_eq!(events.event().await, None);
        feed.closed().await;
    }
}

/// All of these streams go on.
async fn go_on(streams: &mut [(Events, Feed)]) {
    for (events, feed) in streams {
        assert!(feed.is_open());
        let message = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
        feed.event(&message).await;
        assert_eq!(events.message().await, message);
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_listener_goes_with_its_token_and_a_call_is_answered() {
    let mut stage = Stage::set().await;
    let gus = stage.world.token("globex", "gus");
    let mut neighbours = stage.begin_all(&gus).await;
    let ends = now_s() + 6;
    let short = stage.world.token_with("acme", "ann", &["--ttl", "6s"]);
    let mut calling = vec![stage.begin(&stage.call(&short)).await];
    let listening = stage.begin_all(&short).await;
    end(listening).await;
    assert!(now_s() >= ends, "a stream ended before its token did");
    // The same person's new token opens new ones, a call that was let in is answered, and the neighbour hears nothing.
    let ann = stage.world.token("acme", "ann");
    let mut again = stage.begin_all(&ann).await;
    go_on(&mut again).await;
    go_on(&mut calling).await;
    go_on(&mut neighbours).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn suspension_ends_the_tenants_streams_and_refuses_its_next_call() {
    let mut stage = Stage::set().await;
    let (ann, gus) = (stage.world.token("acme", "ann"), stage.world.token("globex", "gus"));
    let (listening, mut neighbours) = (stage.begin_all(&ann).await, stage.begin_all(&gus).await);
    assert_eq!(stage.answered(&ann).await, 200);
    let documents = stage.upstream.documents("", "");
    stage.world.must_apply(&documents.replace("[tenant.acme]", "[tenant.acme]\nsuspended = true"));
    // Its token was found good a moment ago. That says who somebody is, not that he may come in.
    let refused = stage.call(&ann).send().await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, Some(40_300)), "{refused:?}");
    assert_eq!(refused.header("www-authenticate"), None, "a challenge would send the client for more scopes");
    end(listening).await;
    go_on(&mut neighbours).await;
    assert_eq!(stage.answered(&gus).await, 200);
    stage.world.must_apply(&documents);
    assert_eq!(stage.answered(&ann).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_an_identity_opened_ends_when_it_is_somebody_elses() {
    let mut stage = Stage::set().await;
    let (ann, gus) = (stage.world.token("acme", "ann"), stage.world.token("globex", "gus"));
    let (listening, mut neighbours) = (stage.begin_all(&ann).await, stage.begin_all(&gus).await);
    assert_eq!(stage.answered(&ann).await, 200);
    let documents = stage.upstream.documents("", "");
    let [acme, globex] = ["acme", "globex"].map(|name| format!("{{ issuer = \"development\", value = \"{name}\" }}"));
    let moved = documents.replace(&acme, "{ issuer = \"development\", value = \"acme-of-old\" }");
    stage.world.must_apply(&moved.replace(&globex, &format!("{globex}, {acme}")));
    // What was acme's ends, though the same token is let in: as somebody else.
    end(listening).await;
    go_on(&mut neighbours).await;
    assert_eq!(stage.answered(&ann).await, 200);
    let lines = || stage.world.log_lines("\"tools/call\"");
    let lines = until("both calls are logged", || Some(lines()).filter(|lines| lines.len() == 2)).await;
    assert_ne!(lines[0]["tenant_id"], lines[1]["tenant_id"], "{lines:#?}");
    // And what nobody has any more opens nothing at all.
    let listening = stage.begin_all(&ann).await;
    stage.world.must_apply(&moved);
    end(listening).await;
    let refused = stage.call(&ann).send().await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, Some(40_300)), "{refused:?}");
    go_on(&mut neighbours).await;
}

/// Whoever stole an issuer's key chose the end of the token, so the streams go with the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_replaced_key_opened_ends_with_the_key() {
    let mut stage = Stage::set().await;
    let (stolen, fresh) = (Corporate::new(), Corporate::new());
    stage.trust(&stolen);
    let of_acme = "{ issuer = \"development\", value = \"acme\" }";
    let both = format!("{of_acme}, {{ issuer = \"corporate\", value = \"acme\" }}");
    stage.world.must_apply(&stage.upstream.documents("", "").replace(of_acme, &both));
    let forged = stolen.0.token(stolen.claims(&stage.world.public, "acme", "thief").with("exp", 9_999_999_999_u64));
    let ann = stage.world.token("acme", "ann");
    let (listening, mut neighbours) = (stage.begin_all(&forged).await, stage.begin_all(&ann).await);
    stage.trust(&fresh);
    end(listening).await;
    assert_eq!(stage.call(&forged).send().await.status, 401);
    go_on(&mut neighbours).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_is_taken_away_takes_its_streams_along() {
    let mut stage = Stage::set().await;
    let (ann, gus) = (stage.world.token("acme", "ann"), stage.world.token("globex", "gus"));
    let (listening, mut neighbours) = (stage.begin_all(&ann).await, stage.begin_all(&gus).await);
    let documents = stage.upstream.documents("", "");
    let (before, grants) = documents.split_once("[tenant.acme.servers.scripted]").unwrap();
    let (_, after) = grants.split_once("[tenant.globex]").unwrap();
    stage.world.must_apply(&format!("{before}\n[tenant.globex]{after}"));
    end(listening).await;
    assert_eq!(stage.call(&ann).send().await.status, 404);
    go_on(&mut neighbours).await;
}

/// A demo that acme also enters by an issuer whose keys its document gives.
struct Own {
    world: World,
    fixture: Fixture,
}

impl Own {
    async fn set(corporate: &Corporate) -> Self {
        let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
        let own = Self { world: World::demo(), fixture };
        own.apply(&corporate.document());
        own
    }

    fn apply(&self, issuer: &Value) {
        let grant = json!({"fixture": {"placement": "shared", "tools": {"allow": ["*"]}}});
        let identities = json!([{"issuer": "corporate", "value": "acme"}]);
        let documents = json!({
            "issuer": {"corporate": issuer},
            "server": {"fixture": {"url": self.fixture.url, "sharing": "stateless"}},
            "tenant": {"acme": {"plan": "standard", "identities": identities, "servers": grant}},
        });
        let applied = self.world.run(&["apply", "-f", &write_documents(self.world.data(), &documents)]);
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    }

    fn token(&self, corporate: &Corporate, change: impl Fn(Claims) -> Claims) -> String {
        let token = corporate.0.token(change(corporate.claims(&self.world.public, "acme", "ann")));
        std::fs::write(log_file().with_extension("ends.secret"), &token).unwrap();
        token
    }

    async fn status(&self, token: &str) -> u16 {
        Ask::modern(&self.world.url("fixture"), token, "tools/list", json!({})).send().await.status.as_u16()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_is_believed_under_the_document_of_now() {
    let (old, new) = (Corporate::new(), Corporate::new());
    let own = Own::set(&old).await;
    let (by_old, by_new) = (own.token(&old, |claims| claims), own.token(&new, |claims| claims));
    let statuses = async || [own.status(&by_old).await, own.status(&by_new).await];
    assert_eq!(statuses().await, [200, 401]);
    // Twice, so that both have been found good before; the key's id stays the same.
    for _ in 0..2 {
        own.apply(&new.document());
        assert_eq!(statuses().await, [401, 200]);
        own.apply(&old.document());
        assert_eq!(statuses().await, [200, 401]);
    }
    // While keys are changed over, both count.
    let next = Corporate(Issuer::with(corporate::URL, "key-2", partywall_testkit::token::Algorithm::Rs256));
    let by_next = own.token(&next, |claims| claims);
    let mut both = old.document();
    both["jwks"] = json!({"keys": [old.0.jwk(), next.0.jwk()]});
    own.apply(&both);
    assert_eq!([own.status(&by_old).await, own.status(&by_next).await], [200, 200]);
    own.apply(&next.document());
    assert_eq!([own.status(&by_old).await, own.status(&by_next).await], [401, 200]);
    // Whatever else the document says of tokens holds for those that came before it, too.
    for (name, value) in [
        ("clients", json!(["another"])),
        ("algorithms", json!(["ES256"])),
        ("profile", json!("entra")),
        ("tenant_claim", json!("org")),
        ("url", json!("https://login.elsewhere.example")),
    ] {
        let mut stricter = next.document();
        stricter[name] = value;
        own.apply(&stricter);
        assert!(matches!(own.status(&by_next).await, 401 | 403), "{name}");
        own.apply(&next.document());
        assert_eq!(own.status(&by_next).await, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_is_not_believed_past_its_end() {
    let corporate = Corporate::new();
    let own = Own::set(&corporate).await;
    // What is left of it: six seconds, all but those for which clocks may differ have gone by.
    let expires = now_s() + 6 - LEEWAY_S;
    let token = own.token(&corporate, |claims| claims.with("iat", expires - 60).with("exp", expires));
    let mut accepted = 0;
    loop {
        let before = now_s();
        match own.status(&token).await {
            200 => assert!(before < expires + LEEWAY_S, "it was let in {} s late", before - expires - LEEWAY_S),
            401 => break assert!(now_s() >= expires + LEEWAY_S, "it was refused too early"),
            other => panic!("{other}"),
        }
        accepted += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(accepted > 0, "this machine was too slow for the test to say anything");
    assert_eq!(own.status(&token).await, 401);
}
