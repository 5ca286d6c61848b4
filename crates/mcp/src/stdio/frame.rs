//! One message on the channel, read once and without a copy: what it is, with its parts as they were written.
//!
//! Members that decide may stand once only, as in [`crate::Envelope`]: the gateway and the other side must not read two
//! different messages out of one line.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::envelope::members::{Text, members};

members! {
    struct Wire {
        jsonrpc: Text<'a> = "jsonrpc",
        id: &'a RawValue = "id",
        method: Option<Text<'a>> = "method",
        params: &'a RawValue = "params",
        result: &'a RawValue = "result",
        error: &'a RawValue = "error",
    }
}

/// A message.
#[derive(Debug)]
pub(super) enum Frame<'a> {
    Request { id: &'a RawValue, method: Cow<'a, str>, params: Option<&'a RawValue> },
    Notification { method: Cow<'a, str>, params: Option<&'a RawValue> },
    Result { id: &'a RawValue, result: &'a RawValue },
    Error { id: &'a RawValue },
}

impl<'a> Frame<'a> {
    /// Reads a message; `None` where it is none.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let wire: Wire<'a> = serde_json::from_str(text).ok()?;
        if wire.jsonrpc.is_none_or(|version| version.0 != "2.0") {
            return None;
        }
        let params = wire.params.filter(|params| params.get().starts_with('{'));
        match (wire.id, wire.method.flatten(), wire.result, wire.error) {
            (Some(id), Some(Text(method)), None, None) => Some(Self::Request { id, method, params }),
            (None, Some(Text(method)), None, None) => Some(Self::Notification { method, params }),
            (Some(id), None, Some(result), None) => Some(Self::Result { id, result }),
            (Some(id), None, None, Some(_)) => Some(Self::Error { id }),
            _ => None,
        }
    }
}
