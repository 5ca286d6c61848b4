//! What the control plane asks of the nodes. It does not reach them itself: whoever wires the process knows how.

use std::time::Duration;

use partywall_domain::Revision;

use crate::BoxFuture;

/// The nodes that follow this configuration.
pub trait Fleet: Send + Sync {
    /// What each node enforces, as soon as all enforce `revision` or a newer one, and at the latest after `patience`.
    fn enforced(&self, revision: Revision, patience: Duration) -> BoxFuture<'_, Vec<NodeAck>>;
}

/// What one node says it enforces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAck {
    /// The node.
    pub node: String,
    /// What it enforces.
    pub revision: Revision,
}
