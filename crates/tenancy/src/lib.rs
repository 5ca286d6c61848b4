//! The door: documents compile to a [`Snapshot`]; a principal enters it and becomes a [`TenantContext`].
//!
//! With `identity` this is the trusted base: small, no IO, few dependencies. It does not read documents (`documents` does), does not count calls, and has no way to a context but the door.

mod compile;
mod context;
mod draft;
mod grant;
mod instance;
mod owned;
mod scope;
mod snapshot;
mod tenant;
mod trust;

pub use compile::compile;
pub use context::{TenantContext, Upkeep};
pub use draft::Draft;
pub use grant::Grant;
pub use instance::{InstanceKey, Scope};
pub use owned::{Owned, Portable, SealKey, SealKeys};
pub use snapshot::{NotEntered, Snapshot};
pub use tenant::TenantConfig;
