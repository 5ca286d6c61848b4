//! This node's errands; today one: following the configuration.
//!
//! It takes what the store has and makes it hold here. It changes no configuration, and nothing on the way of a call
//! waits for it: a call reads the snapshot that stands.

mod enforcement;
mod follower;

pub use enforcement::{Enforced, Enforcement};
pub use follower::Follower;

#[cfg(test)]
mod tests;
