//! Ten thousand calls of principals that share an instance, interleaved at random, with a server that asks, reports
//! progress, answers late and does not always hear that a call was cancelled. Every message carries the name of the owner
//! whose call caused it; no client is ever told another's.

use std::collections::BTreeMap;
use std::time::Duration;

use partywall_mcp::Era;
use serde_json::{Value, json};

use crate::scene::{ALL, Scene, Told};

/// Calls in one run.
const CALLS: usize = 10_000;

/// A small generator of numbers (xorshift), so that a run can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % sides
    }
}

/// A call as the server has it.
struct Job {
    wire: Value,
    owner: String,
    /// The question it waits for.
    asked: Option<u64>,
}

struct Play {
    scene: Scene,
    dice: Dice,
    jobs: Vec<Job>,
    /// Calls whose client waits, with their owner and era.
    open: BTreeMap<u64, (&'static str, Era)>,
    /// What was read so far of what the server was sent, and of what each call was told.
    read: usize,
    heard: BTreeMap<u64, usize>,
    questions: u64,
    counts: BTreeMap<&'static str, usize>,
}

impl Play {
    fn new(modern: bool, seed: u64) -> Self {
        let scene = if modern { Scene::modern() } else { Scene::legacy(ALL) };
        let read = scene.written.len();
        let (jobs, open, heard, counts) = (Vec::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { scene, dice: Dice(seed), jobs, open, read, heard, questions: 0, counts }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn begin(&mut self, owners: &[&'static str], id: usize) {
        let owner = owners[self.dice.roll(owners.len())];
        // Ids and tokens are few, so that those of several clients are the same.
        let meta = json!({"progressToken": id % 3});
        let body = json!({"id": id % 5, "method": "tools/call", "params": {"name": owner, "_meta": meta}});
        let (call, era) = if self.dice.roll(2) == 0 {
            (self.scene.modern_call(owner, &body), Era::Modern)
        } else {
            (self.scene.legacy_call(owner, &body), Era::Legacy)
        };
        self.open.insert(call, (owner, era));
    }

    /// The server reads what it was sent.
    fn serve(&mut self) {
        while self.read < self.scene.written.len() {
            let message: Value = serde_json::from_str(&self.scene.written[self.read]).unwrap();
            self.read += 1;
            match message["method"].as_str() {
                Some("tools/call") => self.jobs.push(Job {
                    wire: message["id"].clone(),
                    owner: message["params"]["name"].as_str().unwrap().to_owned(),
                    asked: None,
                }),
                Some("notifications/cancelled") if self.dice.roll(2) == 0 => {
                    let wire = &message["params"]["requestId"];
                    let before = self.jobs.len();
                    self.jobs.retain(|job| job.wire != *wire);
                    // One that it never answers would end all questions: `routing` has that.
                    if self.jobs.len() < before {
                        self.scene.fails(wire, -32_000);
                    }
                }
                // A server that does not listen goes on with the job, and its questions.
                Some(_) => {}
                None => self.answered(&message),
            }
        }
    }

    /// A question was answered, by whoever it was: the answer carries a name too.
    fn answered(&mut self, message: &Value) {
        let number = message["id"].as_u64();
        let Some(job) = self.jobs.iter_mut().find(|job| job.asked == number) else { return };
        if let Some(by) = message["result"]["by"].as_str() {
            assert_eq!(by, job.owner, "a question of one owner was answered by another");
        }
        job.asked = None;
    }

    /// The server does something for one of its jobs.
    fn work(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        let at = self.dice.roll(self.jobs.len());
        let (wire, owner, busy) =
            (self.jobs[at].wire.clone(), self.jobs[at].owner.clone(), self.jobs[at].asked.is_some());
        match self.dice.roll(6) {
            0 => {
                self.scene.tells("notifications/progress", &json!({"progressToken": wire, "progress": 1, "of": owner}));
            }
            1 => self.scene.tells("notifications/message", &json!({"level": "info", "data": "x", "of": owner})),
            2 | 3 if !busy => {
                self.questions += 1;
                self.jobs[at].asked = Some(self.questions);
                let method = ["sampling/createMessage", "elicitation/create", "roots/list"][self.dice.roll(3)];
                let ask = json!({"jsonrpc": "2.0", "id": self.questions, "method": method, "params": {"of": owner}});
                self.scene.says(&ask.to_string());
            }
            _ if !busy => {
                self.jobs.remove(at);
                self.scene.answers(&wire, &json!({"content": [], "of": owner}));
            }
            _ => {}
        }
    }

    /// Clients read what they were told, and answer what they were asked.
    fn listen(&mut self) {
        for (call, (owner, _)) in self.open.clone() {
            let told = self.scene.told.remove(&call).unwrap_or_default();
            *self.heard.entry(call).or_default() += told.len();
            for told in told {
                match told {
                    Told::More(text) => {
                        let message = mine(&text, owner);
                        if message["id"].is_null() {
                            self.count("progress");
                        } else {
                            self.count("asked, legacy");
                            self.scene.responds(owner, &message["id"], &json!({"by": owner})).unwrap();
                        }
                    }
                    Told::Answer(text) => {
                        mine(&text, owner);
                        self.count("answered");
                        self.open.remove(&call);
                    }
                    Told::Incomplete(text) => {
                        let message = mine(&text, owner);
                        self.count("asked, modern");
                        self.come_back(call, owner, &message);
                    }
                    Told::Failed(why) => panic!("no call failed: {why:?}"),
                }
            }
        }
    }

    fn come_back(&mut self, call: u64, owner: &'static str, asked: &Value) {
        let questions = asked["result"]["inputRequests"].as_object().unwrap();
        let answers: Value = questions.keys().map(|key| (key.clone(), json!({"by": owner}))).collect();
        let params = json!({"name": owner, "inputResponses": answers, "requestState": "s"});
        self.scene.resumes(owner, call, &json!({"id": 4, "method": "tools/call", "params": params})).unwrap();
    }

    /// Now and then the modern client that has waited longest leaves: its call is the likeliest to be with the server. Half
    /// of the time the others then get their turn at once, while a server that did not listen is still about to ask.
    fn leave(&mut self) {
        let Some(call) = self.open.iter().find(|(_, (_, era))| *era == Era::Modern).map(|(call, _)| *call) else {
            return;
        };
        self.scene.leaves(call);
        self.open.remove(&call);
        self.count("left");
        if self.dice.roll(2) == 0 {
            self.scene.wait(Duration::from_secs(3));
        }
    }
}

/// A message that its reader may see: all that it says of owners is the reader's own name.
fn mine(text: &str, owner: &str) -> Value {
    let names: Vec<_> =
        ["ann@acme", "bob@acme", "cleo@globex"].into_iter().filter(|name| text.contains(name)).collect();
    assert!(names.iter().all(|name| *name == owner), "{owner} was told {text}");
    serde_json::from_str(text).unwrap()
}

fn play(owners: &[&'static str], modern: bool, seed: u64) -> BTreeMap<&'static str, usize> {
    let mut play = Play::new(modern, seed);
    let mut begun = 0;
    // Bounded: each turn ends some work, or lets time pass until it is over.
    for _ in 0..CALLS * 40 {
        if begun < CALLS && play.open.len() < 20 {
            play.begin(owners, begun);
            begun += 1;
        }
        play.serve();
        play.work();
        play.listen();
        match play.dice.roll(160) {
            0 => play.leave(),
            1..=8 => play.scene.wait(Duration::from_secs(3)),
            _ => {}
        }
        if begun == CALLS && play.open.is_empty() {
            return play.counts;
        }
    }
    panic!("{} calls are still open: {:?}", play.open.len(), play.counts);
}

fn check(owners: &[&'static str]) {
    for modern in [false, true] {
        let counts = play(owners, modern, 0x2026_1125);
        let (answered, left) = (counts["answered"], counts["left"]);
        assert_eq!(answered + left, CALLS, "{counts:?}");
        let asked = counts.get("asked, modern").copied().unwrap_or_default() > CALLS / 50
            && counts.get("asked, legacy").copied().unwrap_or_default() > CALLS / 50;
        // A modern server has no requests of its own; what this one tries all the same reaches nobody.
        assert_eq!(asked, !modern, "{counts:?}");
        assert!(counts["progress"] > CALLS / 50 && left > CALLS / 200, "{counts:?}");
    }
}

#[test]
fn no_message_of_one_principal_reaches_another_of_the_same_tenant() {
    check(&["ann@acme", "bob@acme"]);
}

#[test]
fn no_message_of_one_tenant_reaches_another() {
    check(&["ann@acme", "cleo@globex"]);
}
