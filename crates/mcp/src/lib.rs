//! The wire of the Model Context Protocol: JSON-RPC envelopes, routing headers, challenges, SSE framing,
//! eras and versions.
//!
//! Sans-IO: bytes in, values that borrow from them out. It never re-serialises what it can pass on, and it knows no
//! tenants: what a tenant may see comes in as a predicate.

mod challenge;
mod edits;
mod envelope;
mod error;
mod headers;
mod method;
mod object;
mod rewrite;
mod sse;
pub mod stdio;
mod version;

pub use challenge::Challenge;
pub use envelope::{Envelope, Message, NotAnEnvelope};
pub use error::{error_body, modern_status, result_body};
pub use headers::{Conflict, LAST_EVENT_ID, METHOD, NAME, PARAM_PREFIX, PROTOCOL_VERSION, SESSION_ID, check_modern};
pub use method::{Class, Method};
pub use rewrite::{Listed, Unreadable, rewrite, rewrite_result};
pub use sse::{Event, Splitter};
pub use version::{Era, LEGACY_VERSIONS, MODERN_VERSIONS, era};
