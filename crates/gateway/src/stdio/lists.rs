//! How often a server said that its lists are others, for whoever keeps what it answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often the instances of one place said so. Shared by all that run one after the other.
pub type Changes = Arc<AtomicU64>;

/// The lists as they were at one moment.
pub(crate) struct Lists {
    changes: Changes,
    seen: u64,
}

impl Lists {
    /// As they are now.
    pub(crate) fn now(changes: &Changes) -> Self {
        Self { changes: Arc::clone(changes), seen: changes.load(Ordering::Acquire) }
    }

    /// Whether the server has said nothing else since.
    pub(crate) fn stand(&self) -> bool {
        self.changes.load(Ordering::Acquire) == self.seen
    }
}
