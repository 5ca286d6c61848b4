//! Questions of a legacy server: to the owner whose turn it is, and to nobody else.
//!
//! A legacy client gets the question as a request on the stream of its call. A modern client gets it as an incomplete
//! answer, and brings the answer with its next try; until then the call stays with the server.

use std::time::Instant;

use serde_json::value::RawValue;

use super::call::State;
use super::{ANSWER_TIMEOUT, Channel, PARKED_MAX, Reply};
use crate::Method;
use crate::error::error_body;
use crate::object::Members;
use crate::stdio::splice;
use crate::version::Era;

/// Questions that are open on one channel. Default 64: a person answers them.
const QUESTIONS_MAX: usize = 64;
/// JSON-RPC code by which a server learns that nobody can be asked: a status of ours, times 100.
const NOBODY: i64 = 40_900;

/// What a server may ask of clients. Default nothing: it is declared absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Answers of the client's model.
    pub sampling: bool,
    /// Answers of the client's user, in a form.
    pub elicitation: bool,
    /// The client's folders.
    pub roots: bool,
}

impl Questions {
    pub(super) fn any(self) -> bool {
        self.sampling || self.elicitation || self.roots
    }

    fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Sampling => self.sampling,
            Kind::Elicitation => self.elicitation,
            Kind::Roots => self.roots,
        }
    }

    /// The capabilities to declare to the server.
    pub(super) fn declared(self) -> String {
        let declared = [Kind::Sampling, Kind::Elicitation, Kind::Roots].into_iter().filter(|kind| self.has(*kind));
        let members: Vec<_> = declared.map(|kind| format!("\"{}\":{{}}", kind.capability())).collect();
        format!("{{{}}}", members.join(","))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sampling,
    Elicitation,
    Roots,
}

impl Kind {
    pub(super) fn of(method: &str) -> Option<Self> {
        match method {
            "sampling/createMessage" => Some(Self::Sampling),
            "elicitation/create" => Some(Self::Elicitation),
            "roots/list" => Some(Self::Roots),
            _ => None,
        }
    }

    pub(super) fn capability(self) -> &'static str {
        match self {
            Self::Sampling => "sampling",
            Self::Elicitation => "elicitation",
            Self::Roots => "roots",
        }
    }
}

pub(super) struct Question {
    pub(super) call: u64,
    pub(super) from: Asker,
    /// The question as an entry of `inputRequests`.
    entry: String,
    pub(super) until: Instant,
}

/// Who asked.
pub(super) enum Asker {
    /// A legacy server, with this id.
    Request(Box<RawValue>),
    /// A modern server, in an incomplete answer under this key; with what the client said.
    Round { key: String, answer: Option<Box<RawValue>> },
}

impl Question {
    pub(super) fn of_round(call: u64, key: String, now: Instant) -> Self {
        let from = Asker::Round { key, answer: None };
        Self { call, from, entry: String::new(), until: now + ANSWER_TIMEOUT }
    }
}

impl<O: Clone + Eq> Channel<O> {
    /// The server asks something.
    pub(super) fn asked(&mut self, text: &str, id: &RawValue, method: &str, params: Option<&RawValue>, now: Instant) {
        if method == "ping" {
            return self.write(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}"));
        }
        let kind = Kind::of(method).filter(|kind| self.options.questions.has(*kind));
        let Some(kind) = kind.filter(|_| self.peer() == Some(Era::Legacy)) else {
            self.dropped.unasked += 1;
            return self.write(error_body(Some(id), super::sending::METHOD_NOT_FOUND, "Method not found", None));
        };
        match self.who_answers(kind) {
            Some(call) if self.questions.len() < QUESTIONS_MAX => self.put(call, text, id, params, now),
            _ => {
                self.dropped.unasked += 1;
                self.turns.refused();
                self.refuse_question(id, "no client whose call is under way can be asked this");
            }
        }
    }

    /// The call whose client is asked: of the owner whose turn it is, the oldest that can answer.
    fn who_answers(&self, kind: Kind) -> Option<u64> {
        let owner = self.turns.asked()?;
        let is_parked = |call: &&super::Call<O>| call.owner == *owner && matches!(call.state, State::Parked { .. });
        let full = self.calls.values().filter(is_parked).count() >= PARKED_MAX;
        let can = |call: &super::Call<O>| {
            call.owner == *owner && call.client.can(kind) && (call.client.era() == Era::Legacy || may_ask(call.method))
        };
        let first = |waits: bool| {
            let mut calls = self.calls.iter().filter(|(_, call)| can(call));
            calls.find(|(_, call)| match call.state {
                State::Sent => !waits && (call.client.era() == Era::Legacy || !full),
                State::Parked { .. } => waits,
                _ => false,
            })
        };
        first(false).or_else(|| first(true)).map(|(number, _)| *number)
    }

    fn put(&mut self, call: u64, text: &str, id: &RawValue, params: Option<&RawValue>, now: Instant) {
        let number = self.number();
        let Some(asked) = self.calls.get(&call) else { return };
        let (era, parked) = (asked.client.era(), matches!(asked.state, State::Parked { .. }));
        let method = Members::of(text).ok().and_then(|message| message.get("method").map(ToString::to_string));
        let params = params.map_or("{}", RawValue::get);
        let entry = format!("{{\"method\":{},\"params\":{params}}}", method.unwrap_or_default());
        let from = Asker::Request(id.to_owned());
        self.questions.insert(number, Question { call, from, entry, until: now + ANSWER_TIMEOUT });
        if era == Era::Modern {
            if !parked {
                self.park(call, now);
            }
        } else if let Ok(id) = RawValue::from_string(number.to_string())
            && let Some(request) = splice::with_id(text, &id)
        {
            self.reply(call, Reply::More(request));
        }
    }

    /// Ends a modern client's request with the questions that are open for it. The call stays with the server.
    pub(super) fn park(&mut self, number: u64, now: Instant) {
        let open = self.questions.iter().filter(|(_, question)| question.call == number);
        let entries: Vec<_> = open.map(|(key, question)| format!("\"{key}\":{}", question.entry)).collect();
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.state = State::Parked { until: now + ANSWER_TIMEOUT };
        let reply = Reply::InputRequired { id: call.id.clone(), questions: format!("{{{}}}", entries.join(",")) };
        self.reply(number, reply);
    }

    /// The server takes a question back.
    pub(super) fn question_withdrawn(&mut self, id: Option<&RawValue>) -> bool {
        let Some(id) = id else { return false };
        let is = |question: &Question| matches!(&question.from, Asker::Request(asked) if asked.get() == id.get());
        let Some(number) = self.questions.iter().find(|(_, question)| is(question)).map(|(number, _)| *number) else {
            return false;
        };
        let Some(question) = self.questions.remove(&number) else { return false };
        if let Some(call) = self.calls.get(&question.call)
            && call.client.era() == Era::Legacy
        {
            let told = format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{number}}}}}"
            );
            self.reply(question.call, Reply::More(told));
        }
        true
    }

    /// Tells the server that the questions of a call will not be answered.
    pub(super) fn withdraw(&mut self, call: u64) {
        let open: Vec<_> = self.questions.iter().filter(|(_, q)| q.call == call).map(|(number, _)| *number).collect();
        for number in open {
            self.unanswered(number, "the client left");
        }
    }

    /// A call ends that questions were put to. A legacy server names no call, so they may be those of another call of the
    /// owner: a legacy client has them and may still answer, a modern one did not.
    pub(super) fn pass_questions_on(&mut self, number: u64) {
        let open: Vec<_> = self.questions.iter().filter(|(_, q)| q.call == number).map(|(number, _)| *number).collect();
        let Some(call) = self.calls.get(&number).filter(|_| !open.is_empty()) else { return };
        let waits = |other: &super::Call<O>| matches!(other.state, State::Sent | State::Parked { .. });
        let mut others = self.calls.iter().filter(|(other, _)| **other != number);
        let other = others.find(|(_, other)| other.owner == call.owner && waits(other)).map(|(other, _)| *other);
        let legacy = call.client.era() == Era::Legacy;
        for key in open {
            match (self.questions.get_mut(&key), other) {
                (Some(Question { from: Asker::Request(_), call, .. }), Some(other)) if legacy => *call = other,
                (Some(Question { from: Asker::Request(_), .. }), Some(_)) => {
                    self.unanswered(key, "the client did not answer");
                }
                _ => drop(self.questions.remove(&key)),
            }
        }
    }

    fn unanswered(&mut self, number: u64, why: &str) {
        if let Some(Question { from: Asker::Request(id), .. }) = self.questions.remove(&number) {
            self.refuse_question(&id, why);
        }
    }

    fn refuse_question(&mut self, id: &RawValue, why: &str) {
        self.write(error_body(Some(id), NOBODY, why, None));
    }

    /// Questions that were not answered in time, and the calls that wait for them.
    pub(super) fn questions_late(&mut self, now: Instant) {
        let is_over = |state: &State| match state {
            State::Parked { until } | State::Kept { until, .. } => now >= *until,
            _ => false,
        };
        let over = self.calls.iter().filter(|(_, call)| is_over(&call.state));
        for number in over.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.cancel(number, now);
        }
        let late = self.questions.iter().filter(|(_, question)| now >= question.until);
        for (number, call) in late.map(|(number, question)| (*number, question.call)).collect::<Vec<_>>() {
            match self.questions.get(&number).map(|question| &question.from) {
                Some(Asker::Round { .. }) => self.fail(call, NOBODY, "the client did not answer in time"),
                _ => self.unanswered(number, "the client did not answer in time"),
            }
        }
    }
}

/// The methods that an incomplete answer may be given to (2026-07-28, multi round-trip requests).
fn may_ask(method: Method) -> bool {
    matches!(method, Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead)
}
