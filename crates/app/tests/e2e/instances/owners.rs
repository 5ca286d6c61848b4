//! Whose message is it? Two principals call one process at once, in both eras, and are asked for a model's and a user's
//! answers. Every message carries the mark of the one it is for, and nobody reads another's.
//!
//! `cargo xtask soak` makes more calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::task::{JoinError, JoinSet};

use super::boxed::{Boxed, documents_of};
use crate::http::{Ask, MODERN};
use crate::legacy::Session;
use crate::scripted::{Events, soon, until};
use crate::world::World;

/// Calls of a scene, half of them at a server of each era, unless the variable says otherwise.
const CALLS: usize = 300;
const CALLS_VARIABLE: &str = "PARTYWALL_SOAK_CALLS";
/// Calls that each owner has under way.
const LANES: usize = 3;
/// Every so many calls of a modern client its client leaves before the answer.
const LEAVES_EVERY: usize = 10;
/// Times that one call is asked anything. A question of another call of the same owner may come to it as well.
const ROUNDS_MAX: usize = 8 * LANES;

/// A principal in one session, or in none: the messages of two of them must never be mixed up.
struct Owner {
    mark: String,
    /// All marks but this one's.
    others: Vec<String>,
    url: String,
    token: String,
    /// None: a modern client.
    session: Option<Session>,
}

/// What happened, to see that something did.
#[derive(Default)]
struct Seen {
    begun: AtomicUsize,
    answered: AtomicUsize,
    asked: AtomicUsize,
    left: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_principals_of_a_tenant_share_a_process_and_no_message() {
    scene(&[("acme", "ann"), ("acme", "bob")], 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_at_one_url_share_neither() {
    scene(&[("acme", "ann"), ("globex", "cleo")], 4).await;
}

/// A server need not answer what was cancelled. Whoever is asked after that is asked at another instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_cancelled_call_does_not_silence_the_server_for_others() {
    let world = World::demo();
    let boxed = Boxed::scripted("legacy").with_command("asks = [\"sampling\", \"elicitation\"]");
    world.must_apply(&documents_of(&[boxed], "\"process\""));
    let owners = owners(&world, &world.url("legacy"), &[("acme", "ann"), ("acme", "bob")]).await;
    let [ann, bob] = [0, 2].map(|modern| &owners[modern]);
    let mut params = ann.params(1, true);
    params["arguments"]["drops"] = true.into();
    drop(Events::of(ann.asks(1, &params, json!({})).open().await).message().await);

    let seen = Seen::default();
    let answer = bob.asks(2, &bob.params(2, false), json!({"sampling": {}, "elicitation": {}})).send().await;
    bob.is_answered(&answer.json());
    assert_eq!(seen.asked.load(Ordering::Relaxed), 0, "the question might have been ann's");
    bob.modern(3, &seen).await;
    assert!(seen.asked.load(Ordering::Relaxed) > 0, "and now it can only be bob's");
    until("another took its place", || (world.log_lines("instance_ready").len() == 2).then_some(())).await;
}

/// Calls of these people at a server of each era, which run as so many processes in all.
async fn scene(people: &[(&str, &str)], processes: usize) {
    let calls = std::env::var(CALLS_VARIABLE).map_or(CALLS, |calls| calls.parse().unwrap());
    let world = World::demo();
    let boxed = |era| Boxed::scripted(era).with_command("asks = [\"sampling\", \"elicitation\"]");
    world.must_apply(&documents_of(&["legacy", "modern"].map(boxed), "\"process\""));
    for era in ["legacy", "modern"] {
        let owners = owners(&world, &world.url(era), people).await;
        let seen = Arc::new(Seen::default());
        let listeners: Vec<_> = owners.iter().map(|owner| tokio::spawn(Arc::clone(owner).listens())).collect();
        let mut lanes = JoinSet::new();
        for (index, owner) in owners.iter().enumerate() {
            for lane in 0..LANES {
                let (owner, seen) = (Arc::clone(owner), Arc::clone(&seen));
                // Owners begin in turn, so that neither has the process to itself first.
                let first = lane * owners.len() + index;
                lanes.spawn(async move { owner.calls(&seen, calls / 2, first).await });
            }
        }
        while let Some(lane) = lanes.join_next().await {
            lane.unwrap();
        }
        for listener in listeners {
            listener.abort();
            let stopped = listener.await;
            assert!(stopped.as_ref().err().is_none_or(JoinError::is_cancelled), "{stopped:?}");
        }
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let (answered, asked, left) = (count(&seen.answered), count(&seen.asked), count(&seen.left));
        #[expect(clippy::print_stdout, reason = "a measurement for whoever runs the soak")]
        {
            println!("{era} server: {answered} calls answered, {asked} questions answered, {left} calls left");
        }
        assert_eq!(answered + left, calls / 2);
        assert!(asked > answered && left > 0, "{era}: {answered} answered, {asked} asked, {left} left");
    }
    until("as many started as there should be", || {
        (world.log_lines("instance_ready").len() == processes).then_some(())
    })
    .await;
}

/// Each of the people as a modern client and in a session.
async fn owners(world: &World, url: &str, people: &[(&str, &str)]) -> Vec<Arc<Owner>> {
    let mut owners = Vec::new();
    for (tenant, subject) in people {
        let token = world.token(tenant, subject);
        let session = Session::open(url, &token).await;
        for session in [None, Some(session)] {
            let era = if session.is_some() { "legacy" } else { "modern" };
            let (mark, url, token) = (format!("{subject}@{tenant}/{era}"), url.to_owned(), token.clone());
            owners.push(Owner { mark, others: Vec::new(), url, token, session });
        }
    }
    let marks: Vec<_> = owners.iter().map(|owner| owner.mark.clone()).collect();
    for owner in &mut owners {
        owner.others = marks.iter().filter(|mark| **mark != owner.mark).cloned().collect();
    }
    owners.into_iter().map(Arc::new).collect()
}

impl Owner {
    /// Calls until there were enough.
    async fn calls(&self, seen: &Seen, enough: usize, first: usize) {
        for own in first.. {
            let number = seen.begun.fetch_add(1, Ordering::Relaxed);
            if number >= enough {
                return;
            }
            let call = async {
                match &self.session {
                    Some(session) => self.legacy(session, number, seen).await,
                    None if own % LEAVES_EVERY == 0 => return self.leaves(number, seen).await,
                    None => self.modern(number, seen).await,
                }
                seen.answered.fetch_add(1, Ordering::Relaxed);
            };
            soon("a call is answered", call).await;
        }
    }

    /// What a client is told is its own, all of it.
    fn mine(&self, text: &str) {
        let theirs = self.others.iter().find(|mark| text.contains(*mark));
        assert!(theirs.is_none(), "{} was told what is for {theirs:?}: {text}", self.mark);
    }

    /// What a model and a user say: whose they are.
    fn says(&self, seen: &Seen) -> Value {
        seen.asked.fetch_add(1, Ordering::Relaxed);
        json!({ "by": self.mark })
    }

    /// The answer is this owner's, and so is all that its questions were answered with. One that met only calls that
    /// cannot be asked, of the same owner, was answered with nothing.
    fn is_answered(&self, answer: &Value) {
        let result = &answer["result"];
        assert_eq!(result["of"], self.mark.as_str(), "{answer}");
        let told = result["told"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let own = |said: &Value| said.is_null() || said["by"] == self.mark.as_str();
        assert!(!told.is_empty() && told.iter().all(own), "{answer}");
    }

    fn params(&self, number: usize, waits: bool) -> Value {
        json!({"name": "work", "arguments": {"of": self.mark, "waits": waits}, "_meta": {"progressToken": number}})
    }

    /// A call of a modern client that can be asked this.
    fn asks(&self, number: usize, params: &Value, capabilities: Value) -> Ask {
        let mut params = params.clone();
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
        let body = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params});
        let ask = Ask::post(&self.url, &self.token, &body).header("mcp-protocol-version", MODERN);
        ask.header("mcp-method", "tools/call").header("mcp-name", "work")
    }

    async fn modern(&self, number: usize, seen: &Seen) {
        let mut params = self.params(number, false);
        for _ in 0..ROUNDS_MAX {
            let answer = self.asks(number, &params, json!({"sampling": {}, "elicitation": {}})).send().await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", self.mark);
            self.mine(str::from_utf8(&answer.body).unwrap());
            let answer = answer.json();
            if answer["result"]["resultType"] != "input_required" {
                return self.is_answered(&answer);
            }
            let asked = answer["result"]["inputRequests"].as_object().unwrap();
            params["inputResponses"] = asked.keys().map(|key| (key.clone(), self.says(seen))).collect();
            params["requestState"] = answer["result"]["requestState"].clone();
        }
        panic!("{} is asked again and again", self.mark);
    }

    /// A client that leaves when its call is under way. It cannot be asked, or it might leave with a question of another
    /// call of its owner, which the server would then wait for.
    async fn leaves(&self, number: usize, seen: &Seen) {
        let mut events = Events::of(self.asks(number, &self.params(number, true), json!({})).open().await);
        self.mine(&events.message().await.to_string());
        seen.left.fetch_add(1, Ordering::Relaxed);
    }

    async fn legacy(&self, session: &Session, number: usize, seen: &Seen) {
        let params = self.params(number, false);
        let call = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params});
        let mut events = Events::of(session.post(&call).open().await);
        loop {
            let message = events.message().await;
            self.mine(&message.to_string());
            if message.get("method").is_none() {
                return self.is_answered(&message);
            }
            if let Some(id) = message.get("id") {
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": self.says(seen)});
                let taken = session.post(&answer).send().await;
                assert_eq!(taken.status, 202, "{}: {taken:?}", self.mark);
            }
        }
    }

    /// Reads the stream of a session, on which there is nothing to hear, until it is stopped.
    async fn listens(self: Arc<Self>) {
        let Some(session) = &self.session else { return };
        let answer = session.listen(None).open().await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let (mut body, mut heard) = (answer.into_body(), String::new());
        while let Some(Ok(frame)) = body.frame().await {
            heard += str::from_utf8(frame.data_ref().map_or(&[], |data| data)).unwrap();
            self.mine(&heard);
        }
    }
}
