//! The control plane: what operators ask and change, as an HTTP API and in the process.
//!
//! It writes the configuration and never enforces it: nodes follow the store by themselves, and it asks them through
//! [`Fleet`] what they enforce. It calls no upstream: it asks through [`Prober`]. It does not know the data plane, and
//! starts no instance: what runs it knows through [`Tiers`].

pub mod wire;

mod apply;
mod config;
mod control;
mod difference;
mod door;
mod draft;
mod explain;
mod fleet;
mod health;
mod instances;
mod issuer;
mod metrics;
mod open;
mod probe;
mod refused;
mod routes;
mod secrets;
mod source;
mod tiers;
mod top;
mod view;
mod vitals;

pub use apply::NotApplied;
pub use control::{Control, Parts};
pub use fleet::{Fleet, NodeAck};
pub use open::{OPEN_ROUTES, OpenRoute};
pub use probe::{ProbeFailure, ProbeTarget, Prober};
pub use routes::{ROUTES, Route, router};
pub use secrets::NotDone;
pub use source::Located;
pub use tiers::Tiers;
pub use vitals::{Process, Vitals};

/// A future that can be held without knowing its type: what the traits implemented elsewhere give.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[cfg(test)]
mod tests;
