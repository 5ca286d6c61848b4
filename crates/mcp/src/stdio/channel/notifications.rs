//! Notifications of the server: progress by its token, changes by who listens for them, the rest to the only owner there
//! ever was, or to nobody.

use serde_json::value::RawValue;

use super::call::{State, Wire};
use super::turns::Ever;
use super::{Channel, Reply};
use crate::stdio::splice::{self, member, subscription_of, text_of};
use crate::version::Era;

/// By which a server says that a list of its is another.
const LISTS_CHANGED: [&str; 3] =
    ["notifications/tools/list_changed", "notifications/prompts/list_changed", "notifications/resources/list_changed"];

impl<O: Clone + Eq> Channel<O> {
    pub(super) fn told(&mut self, text: &str, method: &str, params: Option<&RawValue>) {
        if LISTS_CHANGED.contains(&method) {
            self.lists_changed += 1;
        }
        let delivered = match (method, params) {
            ("notifications/progress", Some(params)) => self.progressed(text, params),
            ("notifications/cancelled", _) => self.question_withdrawn(member(params, "requestId")),
            (_, Some(params)) if subscription_of(Some(params)).is_some() => self.subscribed(text, method, params),
            _ if LISTS_CHANGED.contains(&method) && self.peer() == Some(Era::Legacy) => self.changed(method, None),
            ("notifications/resources/updated", _) if self.peer() == Some(Era::Legacy) => {
                text_of(member(params, "uri")).is_some_and(|uri| self.changed(method, Some(&uri)))
            }
            _ => self.told_to_the_only_one(text),
        };
        if !delivered {
            self.dropped.nobodys += 1;
        }
    }

    fn progressed(&mut self, text: &str, params: &RawValue) -> bool {
        let wire = member(Some(params), "progressToken").and_then(|token| token.get().parse().ok());
        let Some(number) = wire.and_then(|wire| self.call_of(wire)) else { return false };
        let Some(call) = self.calls.get(&number).filter(|call| matches!(call.state, State::Sent)) else { return false };
        let Some(told) = call.token.as_ref().and_then(|token| splice::progress(text, params, token)) else {
            return false;
        };
        self.reply(number, Reply::More(told));
        true
    }

    fn call_of(&self, wire: u64) -> Option<u64> {
        match self.wires.get(&wire) {
            Some(Wire::Call(number)) => Some(*number),
            _ => None,
        }
    }

    /// A message of a modern server's subscription: to the client that subscribed, or where that is us, to those we
    /// subscribed for.
    fn subscribed(&mut self, text: &str, method: &str, params: &RawValue) -> bool {
        let wire = subscription_of(Some(params)).and_then(|id| id.get().parse().ok());
        let Some(wire) = wire.and_then(|wire: u64| self.wires.get(&wire).copied()) else { return false };
        match wire {
            Wire::Call(number) => {
                let Some(call) = self.calls.get(&number).filter(|call| matches!(call.state, State::Sent)) else {
                    return false;
                };
                let Some(told) = splice::subscribed(text, params, &call.id) else { return false };
                self.reply(number, Reply::More(told));
                true
            }
            Wire::Listen if method == "notifications/subscriptions/acknowledged" => true,
            Wire::Listen => {
                let uri = text_of(member(Some(params), "uri"));
                self.changed(method, uri.as_deref())
            }
            Wire::Handshake | Wire::Own => false,
        }
    }

    /// What names no call is for the owner that is the only one there ever was, and of its era; otherwise it may be
    /// anybody's, also of one who called before.
    fn told_to_the_only_one(&mut self, text: &str) -> bool {
        let (Ever::One(owner), peer) = (&self.ever, self.peer()) else { return false };
        let hears = |state: &State| matches!(state, State::Sent | State::Stream(_));
        let fits =
            |call: &&super::Call<O>| call.owner == *owner && Some(call.client.era()) == peer && hears(&call.state);
        let Some(number) = self.calls.iter().find(|(_, call)| fits(call)).map(|(number, _)| *number) else {
            return false;
        };
        self.reply(number, Reply::More(text.to_owned()));
        true
    }
}
