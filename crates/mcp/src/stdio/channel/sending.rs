//! A call whose time has come: answered here, or on to the server.

use super::call::{State, Wire};
use super::{Channel, Reply};
use crate::Method;
use crate::error::error_body;
use crate::stdio::splice::{self, Bridge, member, text_of};
use crate::version::Era;

/// JSON-RPC 2.0.
pub(super) const METHOD_NOT_FOUND: i64 = -32_601;
pub(super) const INTERNAL_ERROR: i64 = -32_603;

impl<O: Clone + Eq> Channel<O> {
    pub(super) fn send(&mut self, number: u64) {
        let (Some(call), Some(described)) = (self.calls.get(&number), &self.described) else { return };
        let sole_legacy = self.options.sole && described.era() == Era::Legacy;
        match call.method {
            Method::Initialize => {
                let params: Option<&serde_json::value::RawValue> = serde_json::from_str(&call.body).ok();
                let asked = text_of(member(member(params, "params"), "protocolVersion"));
                let result = described.initialize_result(asked.as_deref(), self.options.sole);
                self.answer_here(number, &result);
            }
            Method::Discover => {
                let result = described.discover_result();
                self.answer_here(number, &result);
            }
            method if method == Method::Unknown || (call.client.era() == Era::Modern && method.is_legacy_only()) => {
                self.fail(number, METHOD_NOT_FOUND, "Method not found");
            }
            Method::Ping => self.answer_here(number, "{}"),
            Method::SetLevel if !sole_legacy => self.fail(number, METHOD_NOT_FOUND, "Method not found"),
            Method::Listen if described.era() == Era::Legacy => self.listen_here(number),
            Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => self.subscribe(number),
            _ => self.forward(number, ""),
        }
    }

    /// Sends a call on, with more members in its parameters where the server asked for them.
    pub(super) fn forward(&mut self, number: u64, params_members: &str) {
        let wire = self.number();
        let (peer, turns) = (self.peer(), self.takes_turns());
        let Some(call) = self.calls.get_mut(&number) else { return };
        let meta = call.client.meta();
        let bridge = match (call.client.era(), peer) {
            (Era::Modern, Some(Era::Legacy)) => Bridge::ToLegacy,
            (Era::Legacy, Some(Era::Modern)) => Bridge::ToModern(&meta),
            _ => Bridge::None,
        };
        let Some(line) = splice::request(&call.body, wire, bridge, params_members) else {
            return self.fail(number, INTERNAL_ERROR, "the request cannot be passed on");
        };
        call.wire = wire;
        call.state = State::Sent;
        if !matches!(bridge, Bridge::ToModern(_)) {
            // Only a modern server has a legacy client's call brought to it again.
            call.body = String::new();
        }
        if turns {
            self.turns.hold(call.owner.clone());
        }
        self.wires.insert(wire, Wire::Call(number));
        self.write(line);
    }

    pub(super) fn answer_here(&mut self, number: u64, result: &str) {
        if let Some(call) = self.calls.get(&number) {
            let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", call.id);
            self.finish(number, body);
        }
    }

    pub(super) fn fail(&mut self, number: u64, code: i64, message: &str) {
        if let Some(call) = self.calls.get(&number) {
            let body = error_body(Some(&call.id), code, message, None);
            self.finish(number, body);
        }
    }

    /// Gives a call its answer.
    pub(super) fn finish(&mut self, number: u64, answer: String) {
        self.reply(number, Reply::Answer(answer));
        self.remove(number);
    }
}
