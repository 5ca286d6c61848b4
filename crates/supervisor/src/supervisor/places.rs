//! Places for instances: as many as the host is meant to run. Who wants one asks an idle instance to make room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Until an idle instance is looked for again, in case one became idle unnoticed.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub(super) struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    idle: Notify,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        let free = Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)));
        Self { free, waiting: AtomicUsize::new(0), idle: Notify::new() }
    }

    /// An instance has no call now.
    pub(super) fn became_idle(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.idle.notify_one();
        }
    }

    /// A place, in the order in which they were asked for; `make_place` asks somebody to go.
    pub(super) async fn take(&self, make_place: impl Fn()) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(permit);
        }
        let _waits = Waits::begin(&self.waiting);
        let permit = Arc::clone(&self.free).acquire_owned();
        tokio::pin!(permit);
        loop {
            make_place();
            tokio::select! {
                permit = &mut permit => return permit.ok(),
                () = self.idle.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }
}

/// Counts one that waits, until it does so no longer.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
