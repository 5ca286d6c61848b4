//! Answers of the server: each to the one call that has its id.

use std::time::Instant;

use serde_json::value::RawValue;

use super::call::{State, Wire};
use super::questions::Asker;
use super::{ANSWER_TIMEOUT, Channel};
use crate::stdio::frame::Frame;
use crate::stdio::splice::{self, member};
use crate::version::Era;

impl<O: Clone + Eq> Channel<O> {
    pub(super) fn answered(&mut self, text: &str, id: &RawValue, frame: &Frame<'_>, now: Instant) {
        let Ok(wire) = id.get().parse::<u64>() else {
            self.dropped.late += 1;
            return;
        };
        match self.wires.remove(&wire) {
            Some(Wire::Handshake) => self.greeted(frame, now),
            Some(Wire::Own) => {}
            Some(Wire::Listen) => self.subscriptions.listen = None,
            Some(Wire::Call(number)) => self.call_answered(number, text, frame, now),
            None if self.turns.cleaned(wire) => {}
            None => self.dropped.late += 1,
        }
    }

    fn call_answered(&mut self, number: u64, text: &str, frame: &Frame<'_>, now: Instant) {
        let peer = self.peer();
        // What a modern server still asks for this call, it does not need any more.
        self.questions.retain(|_, question| question.call != number || matches!(question.from, Asker::Request(_)));
        let Some(call) = self.calls.get_mut(&number) else { return };
        match call.state {
            State::Cancelled { .. } => self.remove(number),
            State::Parked { .. } => {
                call.state = State::Kept { answer: text.to_owned(), until: now + ANSWER_TIMEOUT };
                if self.takes_turns() {
                    self.turns.release();
                }
            }
            _ if call.client.era() == Era::Legacy && peer == Some(Era::Modern) && is_incomplete(frame) => {
                self.begin_round(number, frame, now);
            }
            _ => self.pass_answer(number, text),
        }
    }

    /// The server's answer, as the client's era has it.
    pub(super) fn pass_answer(&mut self, number: u64, text: &str) {
        let Some(call) = self.calls.get(&number) else { return };
        let bridged = call.client.era() == Era::Modern && self.peer() == Some(Era::Legacy);
        match splice::answer(text, &call.id, call.method, bridged) {
            Some(answer) => self.finish(number, answer),
            None => self.fail(number, super::sending::INTERNAL_ERROR, "the server's answer cannot be passed on"),
        }
    }
}

fn is_incomplete(frame: &Frame<'_>) -> bool {
    let Frame::Result { result, .. } = frame else { return false };
    member(Some(result), "resultType").is_some_and(|kind| kind.get() == "\"input_required\"")
}
