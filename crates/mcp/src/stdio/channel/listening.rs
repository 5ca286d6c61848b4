//! Changes, and who listens for them: modern subscriptions at a legacy server, and legacy streams and subscriptions at a
//! server of either era.
//!
//! The server has one client, so what several listen for is asked for once. What they are told is written here and says
//! that something changed, nothing else: the server's own words might be about one of them.

use super::call::{Filter, State, Wire};
use super::{Channel, Reply};
use crate::Method;
use crate::stdio::splice::{self, member, quoted, text_of};
use crate::version::Era;

/// Subscriptions to resources on one channel. Default 1,024: as many as calls.
const SUBSCRIPTIONS_MAX: usize = 1_024;

pub(super) struct Subscriptions<O> {
    /// What legacy owners subscribed to.
    legacy: Vec<(O, String)>,
    /// Our subscription at a modern server, by its id on the channel.
    pub(super) listen: Option<u64>,
}

impl<O> Default for Subscriptions<O> {
    fn default() -> Self {
        Self { legacy: Vec::new(), listen: None }
    }
}

impl<O: Clone + Eq> Channel<O> {
    /// A modern client's subscription at a legacy server.
    pub(super) fn listen_here(&mut self, number: u64) {
        let (Some(call), Some(described)) = (self.calls.get(&number), &self.described) else { return };
        let message: Option<&serde_json::value::RawValue> = serde_json::from_str(&call.body).ok();
        let filter = Filter::of(member(message, "params"), described);
        if self.uris().count() + filter.uris.len() > SUBSCRIPTIONS_MAX {
            return self.fail(number, super::sending::INTERNAL_ERROR, "too many subscriptions");
        }
        let new: Vec<_> = filter.uris.iter().filter(|uri| !self.is_wanted(uri)).map(|uri| quoted(uri)).collect();
        for uri in new {
            self.own("resources/subscribe", &format!("{{\"uri\":{uri}}}"));
        }
        let Some(call) = self.calls.get_mut(&number) else { return };
        let first = splice::acknowledged(&call.id, &filter.to_json());
        call.state = State::Stream(filter);
        call.body = String::new();
        self.reply(number, Reply::More(first));
    }

    /// The stream of a legacy client is open.
    pub(super) fn stream_opened(&mut self) {
        if self.peer() == Some(Era::Modern) {
            self.relisten();
        }
    }

    /// A stream is closed.
    pub(super) fn unlisten(&mut self, filter: Filter) {
        if self.peer() == Some(Era::Modern) {
            return self.relisten();
        }
        for uri in filter.uris {
            if !self.is_wanted(&uri) {
                self.own("resources/unsubscribe", &format!("{{\"uri\":{}}}", quoted(&uri)));
            }
        }
    }

    /// A legacy client's `resources/subscribe` or `resources/unsubscribe`.
    pub(super) fn subscribe(&mut self, number: u64) {
        let Some(call) = self.calls.get(&number) else { return };
        let message: Option<&serde_json::value::RawValue> = serde_json::from_str(&call.body).ok();
        let entry = (call.owner.clone(), text_of(member(member(message, "params"), "uri")).unwrap_or_default());
        let begins = call.method == Method::ResourcesSubscribe;
        self.subscriptions.legacy.retain(|other| *other != entry);
        let full = self.uris().count() >= SUBSCRIPTIONS_MAX;
        match (begins, self.peer()) {
            (true, _) if full => return self.fail(number, super::sending::INTERNAL_ERROR, "too many subscriptions"),
            (true, _) => self.subscriptions.legacy.push(entry),
            // Another still wants it, so the server must not hear of this.
            (false, Some(Era::Legacy)) if self.is_wanted(&entry.1) => return self.answer_here(number, "{}"),
            (false, _) => {}
        }
        if self.peer() == Some(Era::Modern) {
            self.relisten();
            self.answer_here(number, "{}");
        } else {
            self.forward(number, "");
        }
    }

    /// An owner is gone: its session ended.
    pub(super) fn unsubscribe_all(&mut self, owner: &O) {
        let (gone, stay) = std::mem::take(&mut self.subscriptions.legacy).into_iter().partition(|(o, _)| o == owner);
        self.subscriptions.legacy = stay;
        let gone: Vec<(O, String)> = gone;
        self.unlisten(Filter { uris: gone.into_iter().map(|(_, uri)| uri).collect(), ..Filter::default() });
    }

    /// Tells those who listen that something changed; whether there was one.
    pub(super) fn changed(&mut self, method: &str, uri: Option<&str>) -> bool {
        let subscribed = |call: &super::Call<O>, uri: &str| {
            self.subscriptions.legacy.iter().any(|(owner, of)| *owner == call.owner && covers(of, uri))
        };
        let hears = |call: &super::Call<O>| match (&call.state, uri) {
            (State::Stream(filter), None) => filter.wants(method),
            (State::Stream(filter), Some(uri)) => filter.uris.iter().any(|of| covers(of, uri)) || subscribed(call, uri),
            _ => false,
        };
        let told: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, call)| hears(call))
            .map(|(number, call)| {
                let subscription = (call.client.era() == Era::Modern).then_some(&*call.id);
                (*number, splice::change(method, uri, subscription))
            })
            .collect();
        let any = !told.is_empty();
        for (number, message) in told {
            self.reply(number, Reply::More(message));
        }
        any
    }

    fn uris(&self) -> impl Iterator<Item = &str> {
        let streams = self.calls.values().filter_map(|call| match &call.state {
            State::Stream(filter) => Some(filter.uris.iter()),
            _ => None,
        });
        let legacy = self.subscriptions.legacy.iter().map(|(_, uri)| uri.as_str());
        streams.flatten().map(String::as_str).chain(legacy)
    }

    fn is_wanted(&self, uri: &str) -> bool {
        self.uris().any(|wanted| wanted == uri)
    }

    /// Asks a modern server for what legacy clients listen for now, in place of what they listened for before.
    fn relisten(&mut self) {
        let streams = self.calls.values().any(|call| matches!(call.state, State::Stream(_)));
        let mut uris: Vec<_> = self.uris().map(str::to_owned).collect();
        uris.sort_unstable();
        uris.dedup();
        let before = self.subscriptions.listen.take();
        if streams || !uris.is_empty() {
            let wire = self.number();
            let filter = Filter { tools: streams, prompts: streams, resources: streams, uris }.to_json();
            let meta = super::Client::initialized(None).meta();
            self.wires.insert(wire, Wire::Listen);
            self.subscriptions.listen = Some(wire);
            self.write(format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{wire},\"method\":\"subscriptions/listen\",\"params\":{{\"_meta\":{{{meta}}},\"notifications\":{filter}}}}}"
            ));
        }
        // Only now, so that nothing falls between the two.
        if let Some(before) = before {
            self.wires.remove(&before);
            self.write(format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{before}}}}}"
            ));
        }
    }
}

/// Whether a subscription to `of` hears of `uri`, which may be a part of it (2025-11-25, resources).
fn covers(of: &str, uri: &str) -> bool {
    uri.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || of.ends_with('/'))
}
