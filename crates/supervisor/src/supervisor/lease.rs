//! What a call has of an instance, and why it may have none.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::InstanceInfo;
use crate::driver::{Control, End};
use crate::slot::Generation;

/// A call's hold on an instance. While it stands the instance is in use; dropping it gives the instance back.
#[must_use]
pub struct Lease<T> {
    pub(super) connection: T,
    pub(super) info: InstanceInfo,
    pub(super) control: Arc<dyn Control>,
    pub(super) lender: Arc<dyn Lender>,
    pub(super) generation: Generation,
}

/// Who takes an instance back.
pub(super) trait Lender: Send + Sync {
    fn take_back(self: Arc<Self>, generation: Generation);
    fn retire(self: Arc<Self>, generation: Generation);
}

impl<T> Lease<T> {
    /// What the gateway built on the instance's streams.
    pub fn connection(&self) -> &T {
        &self.connection
    }

    /// Which instance.
    pub fn info(&self) -> &InstanceInfo {
        &self.info
    }

    /// Lets no new call have the instance, which ends when those that have it are done; the next call starts another.
    pub fn retire(&self) {
        Arc::clone(&self.lender).retire(self.generation);
    }

    /// Waits for the instance's end, and says how it was.
    pub async fn ended(&self) -> End {
        self.control.ended().await
    }
}

impl<T> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("instance", &self.info.id).finish_non_exhaustive()
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        Arc::clone(&self.lender).take_back(self.generation);
    }
}

/// Why a call gets no instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It did not start in the time that the call had.
    #[error("the instance did not start in time{}; see `partywall instance logs`", because(.0))]
    TimedOut(Option<String>),
    /// Too many calls wait for it already.
    #[error("too many calls wait for the instance to start; try again")]
    TooMany,
    /// It keeps dying.
    #[error("the instance keeps failing{}; it is tried again in {} s", because(why), retry_in.as_secs().max(1))]
    Broken {
        /// What happened last.
        why: Option<String>,
        /// Until it is tried again.
        retry_in: Duration,
    },
    /// It cannot be started as it is configured, or not on this host.
    #[error("{0}")]
    Refused(String),
    /// The gateway ends.
    #[error("the gateway is shutting down; try again")]
    Closing,
}

#[expect(clippy::ref_option, reason = "the error's format hands over a reference to its field")]
fn because(why: &Option<String>) -> String {
    why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default()
}
