//! The nouns of Partywall: ids, names, limits, placement, outcomes, refusal codes and the claim names of the
//! assertion.
//!
//! Plain values only. Nothing here does IO, reads a clock, is async or derives `Serialize`: what crosses a wire is
//! a wire type of the crate that owns that wire.

pub mod assertion;
mod auth;
mod command;
pub mod event;
mod id;
mod isolation;
mod limits;
mod name;
mod outcome;
mod placement;
mod profile;
mod refusal;
mod said;
mod secret;
mod shards;
mod trace;

pub use auth::Auth;
pub use command::{
    Asks, Command, Egress, InstanceLimits, InstancePer, Life, Root, Setting, Transport, no_box_path, no_mount_point,
};
pub use id::{InvalidTenantId, RequestId, Revision, TenantId};
pub use isolation::{Floor, Guarantee, Isolation, UnknownGuarantee, UnknownIsolation};
pub use limits::{Limits, ServerLimits, ToolLimits};
pub use name::{ConnectId, InvalidConnectId, InvalidName, IssuerName, PlanName, SecretName, ServerName, TenantName};
pub use outcome::Outcome;
pub use placement::{Placement, Sharing};
pub use profile::{Profile, Shape};
pub use refusal::RefusalCode;
pub use said::Said;
pub use secret::{Sealed, Secret};
pub use shards::Shards;
pub use trace::{SpanId, TraceId, TraceParent};
