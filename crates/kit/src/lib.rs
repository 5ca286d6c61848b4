//! For authors of shared MCP servers: who is calling, and a database in which a forgotten `WHERE` cannot leak.
//!
//! A server that serves several tenants wraps itself in a [`Guard`]. The guard answers 401 to whatever does not carry
//! the gateway's assertion, and puts the verified [`Caller`] into the extensions of every other request. From a
//! `Caller`, and from nothing else, [`sqlite::Databases`] opens the tenant's own file.
//!
//! Deliberately not here: anything of OAuth (the gateway has dealt with the client's token, which never gets this
//! far), rate limits (the gateway has reserved the call already), and a way to make a `Caller` without an assertion.

mod caller;
mod guard;
mod keys;
mod session;
pub mod sqlite;

pub use caller::Caller;
pub use caller::verifier::{NotVerified, Settings, Verifier};
pub use guard::{Guard, Guarded};
pub use keys::{InvalidKeys, Keys};
pub use partywall_domain::{Revision, TenantId};
