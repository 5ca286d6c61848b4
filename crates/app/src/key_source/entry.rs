//! One issuer: what is remembered of its keys, and the one fetch that may be under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use partywall_domain::{IssuerName, event};
use partywall_identity::KeySet;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use super::fetch::{Fetcher, Origin, Outcome};
use super::memory::Memory;

/// Calls that wait for one issuer's keys at a time. Default 1,024; the next is refused at once, as if the keys had not
/// come, and its client tries again.
const WAITING_MAX: usize = 1_024;

/// What the entries have in common.
pub(super) struct Means {
    pub(super) fetcher: Fetcher,
    pub(super) clock: Clock,
}

pub(super) type Clock = Box<dyn Fn() -> Instant + Send + Sync>;

pub(super) struct Entry {
    name: IssuerName,
    origin: Origin,
    means: Arc<Means>,
    waiting: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    memory: Memory,
    flight: Option<Flight>,
}

/// A fetch that is under way. The channel carries nothing: it closes when the fetch has ended, however it ended.
type Flight = watch::Receiver<()>;

impl Entry {
    pub(super) fn new(name: IssuerName, origin: Origin, means: Arc<Means>) -> Self {
        Self { name, origin, means, waiting: Semaphore::new(WAITING_MAX), state: Mutex::default() }
    }

    /// Where these keys are from.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The keys that count now. Where they are not young any more, a fetch begins beside the call.
    pub(super) fn known(self: &Arc<Self>) -> Option<Arc<KeySet>> {
        let (mut state, now) = (self.state(), self.now());
        let keys = state.memory.keys(now).cloned()?;
        if state.memory.is_due(now) && state.under_way().is_none() {
            self.begin(&mut state, now);
        }
        Some(keys)
    }

    /// Waits for the fetch that is under way, or for a new one if the key `kid` is worth it now.
    pub(super) async fn fetch(self: &Arc<Self>, kid: Option<&str>) {
        let Ok(_waiting) = self.waiting.try_acquire() else { return };
        let Some(mut flight) = self.join(kid) else { return };
        while flight.changed().await.is_ok() {}
        self.state().memory.note_absent(kid, self.now());
    }

    /// Why the keys could not be fetched the last time.
    pub(super) fn problem(&self) -> Option<String> {
        self.state().memory.problem().map(str::to_owned)
    }

    fn join(self: &Arc<Self>, kid: Option<&str>) -> Option<Flight> {
        let (mut state, now) = (self.state(), self.now());
        match state.under_way() {
            Some(flight) => (!state.memory.is_absent(kid, now)).then_some(flight),
            None if state.memory.wants(kid, now) => self.begin(&mut state, now),
            None => None,
        }
    }

    /// Begins a fetch that goes on whatever becomes of those who wait for it.
    fn begin(self: &Arc<Self>, state: &mut State, now: Instant) -> Option<Flight> {
        let runtime = Handle::try_current().ok()?;
        let (landing, flight) = watch::channel(());
        state.memory.begin(now);
        state.flight = Some(flight.clone());
        let discovered = state.memory.discovered(now).map(str::to_owned);
        let entry = Arc::clone(self);
        runtime.spawn(async move {
            let outcome = entry.means.fetcher.fetch(&entry.origin, discovered).await;
            entry.land(outcome);
            drop(landing);
        });
        Some(flight)
    }

    /// Takes what came of a fetch.
    fn land(&self, outcome: Outcome) {
        let (memory, now) = (&mut self.state().memory, self.now());
        let issuer = self.name.as_str();
        match outcome {
            Outcome::Keys { keys, digest, discovered } => {
                if let Some(url) = discovered {
                    memory.discover(url, now);
                }
                let recovered = memory.problem().is_some();
                if memory.learn(keys, digest, now) || recovered {
                    tracing::info!(event = event::KEYS_FETCHED, issuer);
                }
            }
            Outcome::Withdrawn(why) => {
                tracing::warn!(event = event::KEYS_UNAVAILABLE, issuer, cause = why);
                memory.withdraw(why, now);
            }
            Outcome::Failed(why) => {
                tracing::warn!(event = event::KEYS_UNAVAILABLE, issuer, cause = why);
                memory.fail(why, now);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        (self.means.clock)()
    }
}

impl State {
    fn under_way(&self) -> Option<Flight> {
        self.flight.as_ref().filter(|flight| flight.has_changed().is_ok()).cloned()
    }
}
