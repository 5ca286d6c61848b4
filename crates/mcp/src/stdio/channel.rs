//! The state of one instance's channel: events in, actions out, time as an argument.
//!
//! Whoever runs the channel hands in what clients send and what lines the server writes, and performs the actions that
//! [`Channel::next_action`] gives. An owner is a principal's one session; two owners that are equal may be told each
//! other's messages, any others never.

mod answers;
mod call;
mod clients;
mod handshake;
mod listening;
mod notifications;
mod questions;
mod rounds;
mod sending;
mod turns;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::described::Described;
use super::frame::Frame;
use crate::version::Era;
use call::{Call, Wire};
use handshake::Phase;
use listening::Subscriptions;
use questions::Question;
use turns::{Ever, Turns};

pub use call::Client;
pub use questions::Questions;

/// Calls on one channel, those that wait among them. Default 1,024: more than the plans of a hundred tenants let in.
const CALLS_MAX: usize = 1_024;
/// How long a client may take to answer a question of the server. Default 2 minutes: somebody reads it and decides, and
/// others may wait for their turn meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);
/// How long a cancelled call keeps its turn, if the server does not answer it. Default 2 s: a server that hears of it
/// answers at once or never.
const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// Calls of one owner that wait for an answer of its client. Default 16: more dialogues than anybody has open.
const PARKED_MAX: usize = 16;
/// Requests of our own that wait for their answers. Default 1,024; the answers of others count as nobody's.
const OWN_MAX: usize = 1_024;

/// How a channel is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What the server may ask of clients. Owners then take turns, so that each question has one to go to.
    pub questions: Questions,
    /// Which handshake to begin with, where it is known; otherwise `server/discover`, and `initialize` after it.
    pub era: Option<Era>,
    /// Whether the instance serves one owner alone, so that state of the process is that owner's.
    pub sole: bool,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Write this line to the server, and a line end after it.
    Write(String),
    /// Tell the client of this call.
    Reply {
        /// The call's number.
        call: u64,
        /// What to tell it.
        reply: Reply,
    },
    /// The handshake is done.
    Ready(Arc<Described>),
    /// The server cannot be spoken to: end it. The text says why.
    Broken(&'static str),
    /// It has been asked to forget calls and did not say that it has, so that nobody knows any more whom its questions
    /// are for: let another take its place when there is one. No call waits here for a client that has to come back.
    Worn,
}

/// What a client is told.
#[derive(Debug)]
pub enum Reply {
    /// A message; more will come.
    More(String),
    /// The answer, which ends the call.
    Answer(String),
    /// The server asked something of a modern client. This ends its request; the call goes on when it comes back.
    InputRequired {
        /// The request's id.
        id: Box<RawValue>,
        /// The questions, by key, as an object.
        questions: String,
    },
    /// There will be no answer.
    Failed(Failure),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The instance is gone.
    Gone,
    /// The client cancelled the call.
    Cancelled,
}

/// Why a message is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// The instance is gone.
    Gone,
    /// Too many calls.
    Full,
    /// It is no message of the kind.
    Unreadable,
    /// There is no such call or question of this owner.
    Unknown,
}

/// What was dropped, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines that are no messages.
    pub unreadable: u64,
    /// Answers to what nobody asked, or no longer.
    pub late: u64,
    /// Notifications that belong to nobody.
    pub nobodys: u64,
    /// Questions that nobody could be asked.
    pub unasked: u64,
}

/// One instance's channel.
pub struct Channel<O> {
    options: Options,
    phase: Phase,
    described: Option<Arc<Described>>,
    /// The last number given: calls, ids on the channel and questions share them.
    number: u64,
    calls: BTreeMap<u64, Call<O>>,
    wires: HashMap<u64, Wire>,
    questions: BTreeMap<u64, Question>,
    turns: Turns<O>,
    ever: Ever<O>,
    subscriptions: Subscriptions<O>,
    actions: VecDeque<Action>,
    dropped: Dropped,
    lists_changed: u64,
}

impl<O: Clone + Eq> Channel<O> {
    /// A channel to an instance that has just started: begins the handshake.
    pub fn open(options: Options, now: Instant) -> Self {
        let mut channel = Self {
            options,
            phase: Phase::Closed,
            described: None,
            number: 0,
            calls: BTreeMap::new(),
            wires: HashMap::new(),
            questions: BTreeMap::new(),
            turns: Turns::default(),
            ever: Ever::Nobody,
            subscriptions: Subscriptions::default(),
            actions: VecDeque::new(),
            dropped: Dropped::default(),
            lists_changed: 0,
        };
        channel.begin(now);
        channel
    }

    /// The next thing to do. Ask until there is none, after each event.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What was dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// How often the server said that its lists are others.
    pub fn lists_changed(&self) -> u64 {
        self.lists_changed
    }

    /// The server wrote a line. Whether it answers what the server was sent: of such there are no more than requests.
    pub fn line(&mut self, line: &[u8], now: Instant) -> bool {
        let Some((text, frame)) = str::from_utf8(line).ok().and_then(|text| Some((text, Frame::read(text)?))) else {
            self.dropped.unreadable += 1;
            return false;
        };
        let late = self.dropped.late;
        match &frame {
            Frame::Request { id, method, params } => self.asked(text, id, method, *params, now),
            Frame::Notification { method, params } => self.told(text, method, *params),
            Frame::Result { id, .. } | Frame::Error { id, .. } => self.answered(text, id, &frame, now),
        }
        self.advance();
        self.turns_worn();
        matches!(frame, Frame::Result { .. } | Frame::Error { .. }) && self.dropped.late == late
    }

    /// Time has passed. Call it about once a second.
    pub fn tick(&mut self, now: Instant) {
        self.handshake_late(now);
        self.questions_late(now);
        self.cancelled_late(now);
        self.advance();
        self.turns_worn();
    }

    /// The instance is gone: whatever waits for it ends.
    pub fn close(&mut self) {
        self.phase = Phase::Closed;
        for number in std::mem::take(&mut self.calls).into_keys() {
            self.reply(number, Reply::Failed(Failure::Gone));
        }
        self.wires.clear();
        self.questions.clear();
        self.turns = Turns::default();
        self.subscriptions = Subscriptions::default();
    }

    fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn write(&mut self, line: String) {
        self.actions.push_back(Action::Write(line));
    }

    fn reply(&mut self, call: u64, reply: Reply) {
        self.actions.push_back(Action::Reply { call, reply });
    }

    /// The era that the server is spoken to in, once that is known.
    fn peer(&self) -> Option<Era> {
        self.described.as_ref().map(|described| described.era())
    }

    /// A request of our own, whose answer changes nothing.
    fn own(&mut self, method: &str, params: &str) {
        let wire = self.number();
        if self.wires.values().filter(|wire| matches!(wire, Wire::Own)).count() < OWN_MAX {
            self.wires.insert(wire, Wire::Own);
        }
        self.write(format!("{{\"jsonrpc\":\"2.0\",\"id\":{wire},\"method\":\"{method}\",\"params\":{params}}}"));
    }
}
