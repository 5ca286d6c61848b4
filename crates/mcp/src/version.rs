//! Protocol versions, and the two eras they fall into.

use crate::envelope::{Envelope, Message};
use crate::method::Method;

/// How a peer speaks: `modern` is stateless, with `_meta` in each request; `legacy` begins with `initialize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// 2026-07-28.
    Modern,
    /// 2025-11-25 and older.
    Legacy,
}

impl Era {
    /// The word in logs and in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy => "legacy",
        }
    }
}

/// The versions without a handshake.
pub const MODERN_VERSIONS: [&str; 1] = ["2026-07-28"];
/// The versions that begin with `initialize`, newest first.
pub const LEGACY_VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The era of a message: the body says it, and the `MCP-Protocol-Version` header where the body does not.
///
/// A version that nobody knows is modern, so that it is refused by number and not taken for an old client.
pub fn era(version_header: Option<&str>, envelope: &Envelope<'_>) -> Era {
    if envelope.version().is_some() {
        return Era::Modern;
    }
    if let Message::Request { method: Method::Initialize, .. } = envelope.message {
        return Era::Legacy;
    }
    match version_header {
        Some(version) if !LEGACY_VERSIONS.contains(&version) => Era::Modern,
        _ => Era::Legacy,
    }
}
