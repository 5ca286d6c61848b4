//! A call under way: whose it is, who made it, and how far it is.

use std::sync::Arc;
use std::time::Instant;

use serde_json::value::RawValue;

use super::questions::Kind;
use crate::Method;
use crate::stdio::described::Described;
use crate::stdio::splice::{CAPABILITIES_KEY, INFO_KEY, VERSION_KEY, member, meta_of};
use crate::version::{Era, MODERN_VERSIONS};

/// What a client said of itself: a modern one in each request, a legacy one when its session began.
#[derive(Clone, Debug)]
pub struct Client {
    era: Era,
    /// JSON objects, as they were written.
    capabilities: Arc<str>,
    info: Arc<str>,
}

impl Client {
    /// A modern client, as its request says; anybody else, as one that said nothing.
    pub(super) fn in_request(params: Option<&RawValue>) -> Self {
        let said = |key| meta_of(params, key).map(RawValue::get).filter(|text| text.starts_with('{')).unwrap_or("{}");
        Self { era: Era::Modern, capabilities: said(CAPABILITIES_KEY).into(), info: said(INFO_KEY).into() }
    }

    /// A legacy client, as the parameters of its `initialize` say.
    pub fn initialized(params: Option<&RawValue>) -> Self {
        let said = |key| member(params, key).map(RawValue::get).filter(|text| text.starts_with('{')).unwrap_or("{}");
        Self { era: Era::Legacy, capabilities: said("capabilities").into(), info: said("clientInfo").into() }
    }

    /// What a legacy client said, as the parameters that [`Self::initialized`] reads.
    pub fn said(&self) -> String {
        format!("{{\"capabilities\":{},\"clientInfo\":{}}}", self.capabilities, self.info)
    }

    /// The client's capabilities, as it wrote them.
    pub fn capabilities(&self) -> &str {
        &self.capabilities
    }

    pub(super) fn era(&self) -> Era {
        self.era
    }

    /// Whether the client can be asked this.
    pub(super) fn can(&self, kind: Kind) -> bool {
        let said: Option<&RawValue> = serde_json::from_str(&self.capabilities).ok();
        member(said, kind.capability()).is_some_and(|raw| raw.get().starts_with('{'))
    }

    /// What a modern server must be told with each request.
    pub(super) fn meta(&self) -> String {
        let version = MODERN_VERSIONS[0];
        let info = if self.info.len() > 2 { format!(",\"{INFO_KEY}\":{}", self.info) } else { String::new() };
        format!("\"{VERSION_KEY}\":\"{version}\",\"{CAPABILITIES_KEY}\":{}{info}", self.capabilities)
    }
}

pub(super) struct Call<O> {
    pub(super) owner: O,
    pub(super) client: Client,
    /// The id, as the client wrote it.
    pub(super) id: Box<RawValue>,
    /// The progress token, as the client wrote it.
    pub(super) token: Option<Box<RawValue>>,
    pub(super) method: Method,
    /// The tool, prompt or resource, as the client wrote it.
    pub(super) about: Option<Box<RawValue>>,
    /// The message, as long as it may have to be sent (again).
    pub(super) body: String,
    pub(super) state: State,
    /// Its id on the channel.
    pub(super) wire: u64,
    /// How often a modern server asked on behalf of it, and the server's state of the last time.
    pub(super) rounds: u8,
    pub(super) request_state: Option<Box<RawValue>>,
}

/// How far a call is.
pub(super) enum State {
    /// It waits for the handshake or for its owner's turn.
    Waiting,
    /// The server has it.
    Sent,
    /// A modern client was asked something and will come back.
    Parked { until: Instant },
    /// The server has answered a call whose client has not come back.
    Kept { answer: String, until: Instant },
    /// The client gave up; the server may still be at it.
    Cancelled { until: Instant },
    /// A subscription, or a legacy client's stream, served here.
    Stream(Filter),
}

/// What a stream wants to hear of.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) tools: bool,
    pub(super) prompts: bool,
    pub(super) resources: bool,
    pub(super) uris: Vec<String>,
}

impl Filter {
    /// What a `subscriptions/listen` asks for, of what the server has.
    pub(super) fn of(params: Option<&RawValue>, described: &Described) -> Self {
        let asked = member(params, "notifications");
        let wants = |name, of| {
            member(asked, name).is_some_and(|flag| flag.get() == "true") && described.offers(of, "listChanged")
        };
        let uris = member(asked, "resourceSubscriptions").and_then(|uris| serde_json::from_str(uris.get()).ok());
        Self {
            tools: wants("toolsListChanged", "tools"),
            prompts: wants("promptsListChanged", "prompts"),
            resources: wants("resourcesListChanged", "resources"),
            uris: uris.filter(|_| described.offers("resources", "subscribe")).unwrap_or_default(),
        }
    }

    pub(super) fn wants(&self, method: &str) -> bool {
        match method {
            "notifications/tools/list_changed" => self.tools,
            "notifications/prompts/list_changed" => self.prompts,
            "notifications/resources/list_changed" => self.resources,
            _ => false,
        }
    }

    /// As it is acknowledged.
    pub(super) fn to_json(&self) -> String {
        let mut members = Vec::new();
        for (on, name) in [
            (self.tools, "toolsListChanged"),
            (self.prompts, "promptsListChanged"),
            (self.resources, "resourcesListChanged"),
        ] {
            if on {
                members.push(format!("\"{name}\":true"));
            }
        }
        if !self.uris.is_empty() {
            members.push(format!("\"resourceSubscriptions\":{}", serde_json::Value::from(self.uris.clone())));
        }
        format!("{{{}}}", members.join(","))
    }
}

/// What an id on the channel stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    Handshake,
    Call(u64),
    /// A request of our own.
    Own,
    /// The subscription that all legacy clients of a modern server share.
    Listen,
}
