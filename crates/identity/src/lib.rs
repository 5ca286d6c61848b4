//! The mint: a bearer token becomes a [`Principal`]; an operator's token becomes an [`Operator`].
//!
//! With `tenancy` this is the trusted base, so it is small, does no IO, takes the time as an argument and has no
//! way to make evidence but to verify it: no `Default`, no `Deserialize`, no back door for tests. It knows no
//! tenants: what a token says of its tenant is a claim that `tenancy` resolves.

mod claims;
mod issuer;
mod keys;
mod object;
mod operator;
mod principal;
mod resource;
mod shape;
mod source;
mod system;
mod token;
mod unauthenticated;
mod verify;

pub use issuer::{Issuer, IssuerSettings, KeyOrigin};
pub use keys::{KeySet, algorithm_of};
pub use operator::{Operator, OperatorKey};
pub use principal::Principal;
pub use resource::Resource;
pub use source::KeySource;
pub use system::{Job, SystemAuthority};
pub use unauthenticated::Unauthenticated;
pub use verify::verify;
