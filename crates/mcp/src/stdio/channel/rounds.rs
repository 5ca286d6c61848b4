//! What a modern server asks in an incomplete answer, put to a legacy client as requests on the stream of its call, and
//! the call brought again with what the client said.

use std::time::Instant;

use serde_json::json;
use serde_json::value::RawValue;

use super::questions::{Asker, Kind, Question};
use super::{Channel, Reply};
use crate::edits::Edits;
use crate::error::error_body;
use crate::object::Members;
use crate::stdio::frame::Frame;
use crate::stdio::splice::{member, quoted, text_of};

/// How often a server may ask for one call. Default 16: more rounds than any dialogue has.
const ROUNDS_MAX: u8 = 16;
/// MCP 2026-07-28: the client cannot be asked what the server needs.
const MISSING_CAPABILITY: i64 = -32_021;

impl<O: Clone + Eq> Channel<O> {
    /// The server needs something first.
    pub(super) fn begin_round(&mut self, number: u64, answer: &Frame<'_>, now: Instant) {
        let Frame::Result { result, .. } = answer else { return };
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.rounds += 1;
        if call.rounds > ROUNDS_MAX {
            return self.fail(number, super::sending::INTERNAL_ERROR, "the server asked too often");
        }
        call.request_state = member(Some(result), "requestState").map(ToOwned::to_owned);
        let asked = member(Some(result), "inputRequests").map(Members::of_value);
        let asked = asked.and_then(Result::ok).unwrap_or_default();
        for (_, request) in &asked.0 {
            let kind = text_of(member(Some(request), "method")).and_then(|method| Kind::of(&method));
            if !kind.is_some_and(|kind| call.client.can(kind)) {
                let needed = kind.map_or(json!({}), |kind| json!({kind.capability(): {}}));
                let data = json!({"requiredCapabilities": needed});
                let body =
                    error_body(Some(&call.id), MISSING_CAPABILITY, "the client cannot be asked this", Some(&data));
                return self.finish(number, body);
            }
        }
        for (key, request) in &asked.0 {
            self.ask_legacy(number, key, request, now);
        }
        self.go_on(number);
    }

    fn ask_legacy(&mut self, call: u64, key: &str, request: &RawValue, now: Instant) {
        let number = self.number();
        let mut edits = Edits::of(request.get());
        edits.add(request, &format!("\"jsonrpc\":\"2.0\",\"id\":{number}"), false);
        if let Some(text) = edits.apply() {
            self.questions.insert(number, Question::of_round(call, key.to_owned(), now));
            self.reply(call, Reply::More(text));
        }
    }

    /// The client answered a question of a round.
    pub(super) fn round_answered(&mut self, number: u64, said: &RawValue) {
        let Some(question) = self.questions.get_mut(&number) else { return };
        let call = question.call;
        if let Asker::Round { answer, .. } = &mut question.from {
            *answer = Some(said.to_owned());
        }
        self.go_on(call);
    }

    /// Brings the call again, once nothing is open.
    fn go_on(&mut self, number: u64) {
        let mut said = Vec::new();
        for question in self.questions.values().filter(|question| question.call == number) {
            match &question.from {
                Asker::Round { key, answer: Some(answer) } => said.push(format!("{}:{answer}", quoted(key))),
                _ => return,
            }
        }
        self.questions.retain(|_, question| question.call != number);
        let Some(call) = self.calls.get(&number) else { return };
        let state = call.request_state.as_ref().map(|state| format!(",\"requestState\":{state}"));
        self.forward(number, &format!("\"inputResponses\":{{{}}}{}", said.join(","), state.unwrap_or_default()));
    }
}
