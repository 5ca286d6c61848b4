//! `auth` of a server: what it asks for beside the assertion.

use http::HeaderName;
use partywall_domain::{Auth, SecretName};

use crate::table::Table;

/// Longest text before a secret, in bytes: the name of a scheme and a space, with room.
const PREFIX_BYTES_MAX: usize = 64;
/// Headers that say how a message is read, that the gateway writes itself, or that a client's own may pass through.
const TAKEN: [&str; 19] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "baggage",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
/// What headers of a protocol begin with that is not the upstream's own: MCP's, ours, and those for the next hop.
const TAKEN_PREFIXES: [&str; 3] = ["mcp-", "partywall-", "proxy-"];

/// `"none"`, or `{ kind = "header", name = "X-Api-Key", secret = "notes-key" }`.
pub(crate) fn auth(table: &mut Table<'_>) -> Auth {
    const EXPECTED: &str =
        "`\"none\"` or `{ kind = \"header\", name = \"X-Api-Key\", secret = \"notes-key\" }` is expected here";
    let Some(value) = table.value("auth") else { return Auth::None };
    if value.is_object() {
        return table.table("auth").and_then(header).unwrap_or_default();
    }
    if value.as_str() != Some("none") {
        table.mistake("auth", EXPECTED);
    }
    Auth::None
}

/// What is wrong makes the document refused, so that no server ever goes without what was meant.
fn header(mut table: Table<'_>) -> Option<Auth> {
    for (field, example) in [("kind", "header"), ("name", "X-Api-Key"), ("secret", "notes-key")] {
        table.required(field, example);
    }
    if let Some(other) = table.text("kind").filter(|kind| *kind != "header") {
        table.mistake("kind", format!("`{other}` is not known here; known: `header`"));
    }
    let name = table.text("name").map(str::to_ascii_lowercase);
    if let Some(why) = name.as_deref().and_then(why_no_credential) {
        table.mistake("name", why);
    }
    let prefix = table.text("prefix").unwrap_or_default();
    if prefix.len() > PREFIX_BYTES_MAX
        || prefix.starts_with(' ')
        || !prefix.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    {
        let why = format!("at most {PREFIX_BYTES_MAX} plain characters are expected here, for example `Bearer `");
        table.mistake("prefix", why);
    }
    let secret: Option<SecretName> = table.parse("secret");
    table.finish();
    Some(Auth::Header { name: name?.into(), prefix: prefix.into(), secret: secret? })
}

/// Why no credential may travel in this header, if so.
fn why_no_credential(name: &str) -> Option<String> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Some(format!("`{name}` is not the name of a header"));
    }
    let taken = TAKEN.contains(&name) || TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    taken.then(|| format!("`{name}` says something else; name the header from which this server reads its key"))
}
