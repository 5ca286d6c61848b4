//! A JSON-RPC message, read once and without a copy: who it is for and what it asks, never what it carries.
//!
//! Members that the gateway decides by may stand once only, under any escape and in one spelling: two readers that
//! disagree on which of two counts are how a rule is walked around.

pub(crate) mod members;
mod tenants;

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::method::Method;
use members::{Text, members};

/// One message of a client.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// What it is.
    pub message: Message<'a>,
    params: Params<'a>,
}

/// What a message is.
#[derive(Debug)]
pub enum Message<'a> {
    /// A request, which has an id and an answer.
    Request {
        /// The id, as it was written: a text or a number.
        id: &'a RawValue,
        /// The method.
        method: Method,
        /// The method as it was written.
        name: Cow<'a, str>,
    },
    /// A notification, which has neither.
    Notification {
        /// The method as it was written.
        name: Cow<'a, str>,
    },
    /// The answer to a request of the server.
    Response,
}

/// Why a body is not one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnEnvelope {
    /// It is not JSON.
    Syntax,
    /// It is JSON, and not one JSON-RPC 2.0 message (batches left MCP with 2025-06-18).
    Shape,
}

members! {
    struct Wire {
        jsonrpc: Text<'a> = "jsonrpc",
        id: &'a RawValue = "id",
        method: Option<Text<'a>> = "method",
        params: Option<Params<'a>> = "params",
        result: &'a RawValue = "result",
        error: &'a RawValue = "error",
    }
}

members! {
    struct Params {
        name: Option<Text<'a>> = "name",
        uri: Option<Text<'a>> = "uri",
        reference: Option<Reference<'a>> = "ref",
        notifications: Option<Listening<'a>> = "notifications",
        arguments: &'a RawValue = "arguments",
        request_state: &'a RawValue = "requestState",
        meta: Option<Meta<'a>> = "_meta",
    }
}

members! {
    struct Reference {
        name: Option<Text<'a>> = "name",
        uri: Option<Text<'a>> = "uri",
    }
}

members! {
    struct Listening {
        resources: Vec<Text<'a>> = "resourceSubscriptions",
    }
}

members! {
    struct Meta {
        version: Option<Text<'a>> = "io.modelcontextprotocol/protocolVersion",
        capabilities: &'a RawValue = "io.modelcontextprotocol/clientCapabilities",
        tenant: &'a RawValue = "partywall/tenant",
    }
}

fn text<'a>(text: Option<&'a Option<Text<'_>>>) -> Option<&'a str> {
    text?.as_ref().map(|text| &*text.0)
}

impl<'a> Envelope<'a> {
    /// Reads one message.
    pub fn parse(body: &'a [u8]) -> Result<Self, NotAnEnvelope> {
        let wire: Wire<'a> = serde_json::from_slice(body)
            .map_err(|error| if error.is_data() { NotAnEnvelope::Shape } else { NotAnEnvelope::Syntax })?;
        if wire.jsonrpc.is_none_or(|version| version.0 != "2.0") {
            return Err(NotAnEnvelope::Shape);
        }
        let answered = wire.result.is_some() != wire.error.is_some();
        let message = match (wire.id, wire.method.flatten()) {
            (Some(id), Some(name)) if is_id(id) && wire.result.is_none() && wire.error.is_none() => {
                Message::Request { id, method: Method::of(&name.0), name: name.0 }
            }
            (None, Some(name)) if wire.result.is_none() && wire.error.is_none() => {
                Message::Notification { name: name.0 }
            }
            (Some(id), None) if is_id(id) && answered => Message::Response,
            _ => return Err(NotAnEnvelope::Shape),
        };
        Ok(Self { message, params: wire.params.flatten().unwrap_or_default() })
    }

    /// The id of a request.
    pub fn id(&self) -> Option<&'a RawValue> {
        match self.message {
            Message::Request { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The method of a request.
    pub fn method(&self) -> Option<Method> {
        match self.message {
            Message::Request { method, .. } => Some(method),
            _ => None,
        }
    }

    /// What the request is about, as the `Mcp-Name` header must repeat it: a tool, a prompt or a resource.
    pub fn name(&self) -> Option<&str> {
        match self.method()? {
            Method::ToolsCall | Method::PromptsGet => text(self.params.name.as_ref()),
            Method::ResourcesRead => text(self.params.uri.as_ref()),
            _ => None,
        }
    }

    /// The resource that `resources/read`, `subscribe` or `unsubscribe` is about.
    pub fn uri(&self) -> Option<&str> {
        text(self.params.uri.as_ref())
    }

    /// The prompt that `completion/complete` refers to.
    pub fn referred_prompt(&self) -> Option<&str> {
        text(self.params.reference.as_ref()?.as_ref()?.name.as_ref())
    }

    /// The resource template that `completion/complete` refers to.
    pub fn referred_resource(&self) -> Option<&str> {
        text(self.params.reference.as_ref()?.as_ref()?.uri.as_ref())
    }

    /// The resources that `subscriptions/listen` asks for.
    pub fn listens_to(&self) -> impl Iterator<Item = &str> {
        self.params
            .notifications
            .iter()
            .flatten()
            .flat_map(|filter| filter.resources.iter().flatten())
            .map(|text| &*text.0)
    }

    /// What an incomplete answer gave the client to bring back (2026-07-28, multi-round-trip requests).
    pub fn request_state(&self) -> Option<String> {
        serde_json::from_str(self.params.request_state?.get()).ok()
    }

    /// The protocol version in `_meta` (2026-07-28, basic).
    pub fn version(&self) -> Option<&str> {
        text(self.params.meta.as_ref()?.as_ref()?.version.as_ref())
    }

    /// Whether `_meta` says what the client can do.
    pub fn has_capabilities(&self) -> bool {
        self.params.meta.iter().flatten().any(|meta| meta.capabilities.is_some_and(|raw| raw.get().starts_with('{')))
    }
}

fn is_id(id: &RawValue) -> bool {
    id.get().starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Envelope<'_>, NotAnEnvelope> {
        Envelope::parse(body.as_bytes())
    }

    #[test]
    fn a_request_is_read_without_touching_what_it_carries() {
        let body = r#"{"jsonrpc":"2.0","id":12345678901234567890123,"method":"tools/call","params":{"name":"n\u006fte","arguments":{"x":1e400},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
        let envelope = parse(body).unwrap();
        assert_eq!(envelope.id().unwrap().get(), "12345678901234567890123");
        assert_eq!((envelope.method(), envelope.name()), (Some(Method::ToolsCall), Some("note")));
        assert_eq!((envelope.version(), envelope.has_capabilities()), (Some("2026-07-28"), true));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for body in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","m\u0065thod":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{},"name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            // Some readers, among them Go's, take a name in any case, and the last of several.
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"PARAM\u017f":{"name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a","URI":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"name":"a","nAme":"b"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{},"name":"a","arguments":{}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"partywall/tenant":"a","partywall/tenant":"a"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"Partywall/Tenant":"a"}}}"#,
        ] {
            assert_eq!(parse(body).unwrap_err(), NotAnEnvelope::Shape, "{body}");
        }
    }

    #[test]
    fn only_one_whole_message_is_a_message() {
        for body in [
            "[]",
            "{}",
            "1",
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#,
        ] {
            assert_eq!(parse(body).unwrap_err(), NotAnEnvelope::Shape, "{body}");
        }
        for body in ["", "{", "{\"jsonrpc\":\"2.0\"", "\u{feff}{}", r#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#] {
            assert_eq!(parse(body).unwrap_err(), NotAnEnvelope::Syntax, "{body}");
        }
    }
}
