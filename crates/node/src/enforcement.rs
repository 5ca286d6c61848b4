//! What this node enforces, for those who wait for it.

use std::time::{Duration, SystemTime};

use partywall_domain::Revision;
use tokio::sync::watch;

/// The configuration that holds on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enforced {
    /// Its number.
    pub revision: Revision,
    /// Since when.
    pub at: SystemTime,
}

/// Tells what this node enforces. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Enforcement(watch::Receiver<Enforced>);

impl Enforcement {
    pub(crate) fn new(receiver: watch::Receiver<Enforced>) -> Self {
        Self(receiver)
    }

    /// What holds now.
    pub fn now(&self) -> Enforced {
        *self.0.borrow()
    }

    /// Waits until `revision` or a newer one holds; `None` if it does not within `patience`, or the follower is gone.
    pub async fn reached(&self, revision: Revision, patience: Duration) -> Option<Enforced> {
        let mut receiver = self.0.clone();
        let reached = receiver.wait_for(|enforced| enforced.revision >= revision);
        tokio::time::timeout(patience, reached).await.ok()?.ok().map(|enforced| *enforced)
    }
}
