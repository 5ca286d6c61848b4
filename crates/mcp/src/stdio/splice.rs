//! What is changed in a message on its way through the channel, byte by byte: ids, progress tokens, subscription ids, and
//! what the other era calls otherwise. Nothing here writes a message anew that somebody else wrote.

use serde_json::value::RawValue;

use crate::Method;
use crate::edits::Edits;
use crate::envelope::members::alike;
use crate::object::Members;

/// Where the modern era keeps what the handshake said before (2026-07-28, basic).
pub(super) const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
pub(super) const INFO_KEY: &str = "io.modelcontextprotocol/clientInfo";
const LOG_LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";
const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";
const MODERN_KEYS: [&str; 4] = [VERSION_KEY, CAPABILITIES_KEY, INFO_KEY, LOG_LEVEL_KEY];

/// JSON-RPC code of an unknown resource before 2026-07-28, and from then on.
const RESOURCE_NOT_FOUND: [&str; 2] = ["-32002", "-32602"];

/// What a request loses or gains on its way to a server of the other era.
#[derive(Clone, Copy)]
pub(super) enum Bridge<'a> {
    /// The server is of the client's era.
    None,
    /// To a legacy server: `_meta` loses what a modern request says of its client.
    ToLegacy,
    /// To a modern server: `_meta` gains these members.
    ToModern(&'a str),
}

/// A client's request as the server gets it. `params_members` are put into its parameters.
pub(super) fn request(text: &str, wire: u64, bridge: Bridge<'_>, params_members: &str) -> Option<String> {
    let message = Members::of(text).ok()?;
    let mut edits = Edits::of(text);
    edits.replace(message.get("id")?, wire.to_string());
    if let Some(params) = message.get("params") {
        edit_params(&mut edits, params, wire, bridge, params_members)?;
    } else {
        let members = joined(&meta_for(bridge).unwrap_or_default(), params_members);
        if !members.is_empty() {
            edits.add_at(text.find('{')?, &format!("\"params\":{{{members}}}"), false);
        }
    }
    edits.apply()
}

fn edit_params(
    edits: &mut Edits<'_>,
    params: &RawValue,
    wire: u64,
    bridge: Bridge<'_>,
    params_members: &str,
) -> Option<()> {
    let members = Members::of_value(params).ok()?;
    let has_meta = members.get("_meta").is_some_and(|meta| meta.get().starts_with('{'));
    // A reader that does not mind case, as Go's, takes `_Meta` for `_meta`: a token that it finds there must be ours too,
    // or a client could write the token of another's call.
    for (_, meta) in members.0.iter().filter(|(name, _)| alike(name, "_meta")) {
        edit_meta(edits, meta, wire, bridge)?;
    }
    let meta = if has_meta { None } else { meta_for(bridge) };
    let added = joined(&meta.unwrap_or_default(), params_members);
    if !added.is_empty() {
        edits.add(params, &added, members.0.is_empty());
    }
    Some(())
}

fn edit_meta(edits: &mut Edits<'_>, meta: &RawValue, wire: u64, bridge: Bridge<'_>) -> Option<()> {
    let members = Members::of_value(meta).ok()?;
    for (_, token) in members.0.iter().filter(|(name, _)| alike(name, "progressToken")) {
        edits.replace(token, wire.to_string());
    }
    let goes = |name: &str| !matches!(bridge, Bridge::None) && MODERN_KEYS.contains(&name);
    let entries: Vec<_> = members.0.iter().map(|(name, raw)| (*raw, !goes(name))).collect();
    edits.thin(meta, &entries);
    if let Bridge::ToModern(added) = bridge
        && meta.get().starts_with('{')
    {
        edits.add(meta, added, entries.iter().all(|(_, stays)| !stays));
    }
    Some(())
}

fn meta_for(bridge: Bridge<'_>) -> Option<String> {
    match bridge {
        Bridge::ToModern(added) => Some(format!("\"_meta\":{{{added}}}")),
        Bridge::None | Bridge::ToLegacy => None,
    }
}

fn joined(one: &str, other: &str) -> String {
    let comma = if one.is_empty() || other.is_empty() { "" } else { "," };
    format!("{one}{comma}{other}")
}

/// A server's answer as the client gets it: with the client's id, and where the client is modern and the server is not
/// (`bridged`), with what a modern answer says of itself.
pub(super) fn answer(text: &str, id: &RawValue, method: Method, bridged: bool) -> Option<String> {
    let message = Members::of(text).ok()?;
    let mut edits = Edits::of(text);
    edits.replace(message.get("id")?, id.get());
    if let (true, Some(result)) = (bridged, message.get("result")) {
        let members = Members::of_value(result).ok()?;
        let lacks = |(name, _): &(&str, &str)| members.get(name).is_none();
        let added: Vec<_> = said_of(method)
            .iter()
            .filter(|said| lacks(said))
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        if !added.is_empty() {
            edits.add(result, &added.join(","), members.0.is_empty());
        }
    }
    if let (true, Some(error)) = (bridged, message.get("error"))
        && let Some(code) =
            Members::of_value(error).ok()?.get("code").filter(|code| code.get() == RESOURCE_NOT_FOUND[0])
    {
        edits.replace(code, RESOURCE_NOT_FOUND[1]);
    }
    if method == Method::Listen
        && let Some(id_of_stream) = subscription_of(message.get("result"))
    {
        edits.replace(id_of_stream, id.get());
    }
    edits.apply()
}

/// What a modern answer says of itself (2026-07-28, basic and caching). A legacy server said nothing of caching, so
/// nothing may be cached.
fn said_of(method: Method) -> &'static [(&'static str, &'static str)] {
    match method {
        Method::ToolsList
        | Method::PromptsList
        | Method::ResourcesList
        | Method::ResourcesTemplatesList
        | Method::ResourcesRead => &[("resultType", "\"complete\""), ("ttlMs", "0"), ("cacheScope", "\"private\"")],
        _ => &[("resultType", "\"complete\"")],
    }
}

/// An answer to a question of the server, with the id that the server knows it by.
pub(super) fn with_id(text: &str, id: &RawValue) -> Option<String> {
    let message = Members::of(text).ok()?;
    let mut edits = Edits::of(text);
    edits.replace(message.get("id")?, id.get());
    edits.apply()
}

/// A progress notification with the client's own token.
pub(super) fn progress(text: &str, params: &RawValue, token: &RawValue) -> Option<String> {
    let mut edits = Edits::of(text);
    edits.replace(Members::of_value(params).ok()?.get("progressToken")?, token.get());
    edits.apply()
}

/// A notification of a subscription with the client's own id of it.
pub(super) fn subscribed(text: &str, params: &RawValue, id: &RawValue) -> Option<String> {
    let mut edits = Edits::of(text);
    edits.replace(subscription_of(Some(params))?, id.get());
    edits.apply()
}

/// The subscription that these parameters, or this result, belong to.
pub(super) fn subscription_of(value: Option<&RawValue>) -> Option<&RawValue> {
    Members::of_value(Members::of_value(value?).ok()?.get("_meta")?).ok()?.get(SUBSCRIPTION_KEY)
}

/// A member of `_meta`.
pub(super) fn meta_of<'a>(params: Option<&'a RawValue>, name: &str) -> Option<&'a RawValue> {
    Members::of_value(Members::of_value(params?).ok()?.get("_meta")?).ok()?.get(name)
}

/// A member of an object.
pub(super) fn member<'a>(value: Option<&'a RawValue>, name: &str) -> Option<&'a RawValue> {
    Members::of_value(value?).ok()?.get(name)
}

/// A text, where a member is one.
pub(super) fn text_of(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

/// A notification of a subscription, made here: what it says is only that something changed.
pub(super) fn change(method: &str, uri: Option<&str>, subscription: Option<&RawValue>) -> String {
    let uri = uri.map(|uri| format!("\"uri\":{}", quoted(uri))).unwrap_or_default();
    let meta = subscription.map(|id| format!("\"_meta\":{{\"{SUBSCRIPTION_KEY}\":{id}}}")).unwrap_or_default();
    let params = joined(&meta, &uri);
    let params = if params.is_empty() { params } else { format!(",\"params\":{{{params}}}") };
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"{params}}}")
}

/// The first message of a subscription that is served here (2026-07-28, subscriptions).
pub(super) fn acknowledged(id: &RawValue, filter: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{{\"_meta\":{{\"{SUBSCRIPTION_KEY}\":{id}}},\"notifications\":{filter}}}}}"
    )
}

/// The answer that asks a modern client for what is missing (2026-07-28, multi round-trip requests). `questions` is the
/// object of [`super::Reply::InputRequired`]; `state` is what the client brings back.
pub fn input_required(id: &RawValue, questions: &str, state: &str) -> String {
    let state = quoted(state);
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"resultType\":\"input_required\",\"inputRequests\":{questions},\"requestState\":{state}}}}}"
    )
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
