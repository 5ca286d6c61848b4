//! Turns at an upstream that many tenants share: it serves so many calls at a time, and beyond that they wait, each
//! tenant in a queue of its own.
//!
//! A place that becomes free goes to the waiting tenant that has the fewest calls there, and among those to the one that
//! was served longest ago. What
//! is shared is places and time, so a tenant with long calls pays for them, and one that calls now and then gets the
//! next place that is free, however many calls others have waiting. A queue is bounded in length and time. Places are
//! counted by this node alone.

mod delay;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use partywall_domain::{RefusalCode, ServerLimits, TenantId};
use tokio::sync::oneshot;

use crate::policy::{Policy, Quota, Throttled};
use delay::{Clock, Part};

/// Upstreams that are kept before those with nobody there are dropped. Default 10,000: one for each of as many tenants.
const UPSTREAMS_MAX: usize = 10_000;

/// The upstreams, by URL: which there are the configuration says.
#[derive(Default)]
pub(crate) struct Turns(RwLock<HashMap<Arc<str>, Arc<Gate>>>);

impl Turns {
    /// A place at an upstream, at once or in turn. How long that takes stands in `queued` all the while, so that it is
    /// known also of a call that gives up.
    pub(crate) async fn take(
        &self,
        upstream: &Arc<str>,
        tenant: TenantId,
        limits: &ServerLimits,
        queued: &mut Queued,
    ) -> Result<Turn, Throttled> {
        let gate = self.gate(upstream);
        let come = gate.lock().come(tenant, limits);
        match come {
            Come::In => Ok(Turn(Some((gate, tenant)))),
            Come::Full => Err(busy("queue_length_max", limits)),
            Come::Wait(called) => {
                let mut waiting = Waiting { gate: &gate, tenant, called };
                *queued = Queued::Since(Instant::now());
                // A limit that was raised lets in who waited for it.
                gate.call_next();
                let time = Duration::from_millis(limits.queue_timeout_ms);
                let turn = tokio::time::timeout(time, &mut waiting.called).await;
                *queued = Queued::For(queued.so_far());
                turn.ok().and_then(Result::ok).ok_or_else(|| busy("queue_timeout_ms", limits))
            }
        }
    }

    fn gate(&self, upstream: &Arc<str>) -> Arc<Gate> {
        if let Some(gate) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(upstream) {
            return Arc::clone(gate);
        }
        let mut gates = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if gates.len() >= UPSTREAMS_MAX {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        Arc::clone(gates.entry(Arc::clone(upstream)).or_default())
    }
}

/// How long a call waits for its turn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Queued {
    /// It did not have to.
    #[default]
    Not,
    /// It does.
    Since(Instant),
    /// It did.
    For(Duration),
}

impl Queued {
    pub(crate) fn so_far(self) -> Duration {
        match self {
            Self::Not => Duration::ZERO,
            Self::Since(since) => since.elapsed(),
            Self::For(time) => time,
        }
    }
}

fn busy(field: &'static str, limits: &ServerLimits) -> Throttled {
    Policy { name: "queue", field, quota: Quota::Concurrent(limits.queue_length_max) }.full(RefusalCode::Busy)
}

/// A call that waits. Dropped, it waits no longer.
struct Waiting<'a> {
    gate: &'a Gate,
    tenant: TenantId,
    called: oneshot::Receiver<Turn>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.called.close();
        self.gate.lock().give_up(self.tenant);
    }
}

/// A place at an upstream; the next in turn gets it when it is dropped.
pub(crate) struct Turn(Option<(Arc<Gate>, TenantId)>);

impl Turn {
    /// Gives the place back. Returns the microseconds for which calls of other tenants have waited for it, with what the
    /// tenant's other calls here have caused since the last time.
    pub(crate) fn end(mut self) -> u64 {
        self.give_back()
    }

    fn give_back(&mut self) -> u64 {
        let Some((gate, tenant)) = self.0.take() else { return 0 };
        let caused_us = gate.lock().leave(tenant);
        gate.call_next();
        caused_us
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[derive(Default)]
struct Gate(Mutex<State>);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls in whoever is next, as long as there is room. Who has left meanwhile is passed over.
    fn call_next(self: &Arc<Self>) {
        loop {
            let Some((tenant, waiting)) = self.lock().next() else { return };
            let turn = Turn(Some((Arc::clone(self), tenant)));
            if let Err(mut missed) = waiting.send(turn) {
                missed.0 = None;
                self.lock().leave(tenant);
            }
        }
    }
}

/// Where a tenant stands among those who wait: by its calls there, then by when it was served last, then by when it came.
type Rank = (u32, u64, u64);

#[derive(Default)]
struct State {
    max: u32,
    in_flight: u32,
    turn: u64,
    /// Calls that wait, of all tenants.
    queued: u32,
    clock: Clock,
    /// Tenants with a call here, or waiting for one.
    tenants: HashMap<TenantId, Share>,
    waiting: BTreeMap<Rank, TenantId>,
}

#[derive(Default)]
struct Share {
    in_flight: u32,
    /// When it was served last; never, for one that had no call here.
    served: u64,
    /// When it began to wait.
    since: u64,
    queue: VecDeque<oneshot::Sender<Turn>>,
    delay: Part,
}

impl Share {
    fn rank(&self) -> Rank {
        (self.in_flight, self.served, self.since)
    }

    fn waiting(&self) -> u32 {
        u32::try_from(self.queue.len()).unwrap_or(u32::MAX)
    }

    /// Takes out the calls that gave up; how many those were.
    fn forget_who_gave_up(&mut self) -> u32 {
        let before = self.waiting();
        self.queue.retain(|waiting| !waiting.is_closed());
        before - self.waiting()
    }
}

enum Come {
    In,
    Wait(oneshot::Receiver<Turn>),
    Full,
}

impl State {
    fn come(&mut self, tenant: TenantId, limits: &ServerLimits) -> Come {
        self.max = limits.calls_in_flight_max;
        self.clock.go_on(self.queued, self.in_flight);
        let share = self.tenants.entry(tenant).or_default();
        share.delay.go_on(&self.clock, share.waiting(), share.in_flight);
        if self.in_flight < self.max && self.waiting.is_empty() {
            self.in_flight += 1;
            self.turn += 1;
            (share.in_flight, share.served) = (share.in_flight + 1, self.turn);
            return Come::In;
        }
        if share.waiting() >= limits.queue_length_max {
            return Come::Full;
        }
        let (call, called) = oneshot::channel();
        if share.queue.is_empty() {
            self.turn += 1;
            share.since = self.turn;
            self.waiting.insert(share.rank(), tenant);
        }
        share.queue.push_back(call);
        self.queued += 1;
        Come::Wait(called)
    }

    /// Takes the place of whoever is next, if there is room.
    fn next(&mut self) -> Option<(TenantId, oneshot::Sender<Turn>)> {
        while self.in_flight < self.max {
            let (_, tenant) = self.waiting.pop_first()?;
            self.clock.go_on(self.queued, self.in_flight);
            let Some(share) = self.tenants.get_mut(&tenant) else { continue };
            share.delay.go_on(&self.clock, share.waiting(), share.in_flight);
            let before = share.waiting();
            let next = std::iter::from_fn(|| share.queue.pop_front()).find(|waiting| !waiting.is_closed());
            self.queued -= before - share.waiting();
            if next.is_some() {
                self.in_flight += 1;
                self.turn += 1;
                (share.in_flight, share.served) = (share.in_flight + 1, self.turn);
            }
            if !share.queue.is_empty() {
                self.waiting.insert(share.rank(), tenant);
            } else if share.in_flight == 0 {
                self.tenants.remove(&tenant);
            }
            if let Some(next) = next {
                return Some((tenant, next));
            }
        }
        None
    }

    /// A call waits no longer: it was called, or it gave up.
    fn give_up(&mut self, tenant: TenantId) {
        self.clock.go_on(self.queued, self.in_flight);
        let Some(share) = self.tenants.get_mut(&tenant).filter(|share| !share.queue.is_empty()) else { return };
        share.delay.go_on(&self.clock, share.waiting(), share.in_flight);
        self.queued -= share.forget_who_gave_up();
        if share.queue.is_empty() {
            self.waiting.remove(&share.rank());
            if share.in_flight == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }

    /// A call leaves; how much delay its tenant has caused since the last time, in microseconds.
    fn leave(&mut self, tenant: TenantId) -> u64 {
        self.clock.go_on(self.queued, self.in_flight);
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(share) = self.tenants.get_mut(&tenant) else { return 0 };
        share.delay.go_on(&self.clock, share.waiting(), share.in_flight);
        let caused_us = share.delay.take();
        let before = share.rank();
        share.in_flight = share.in_flight.saturating_sub(1);
        if !share.queue.is_empty() {
            self.waiting.remove(&before);
            self.waiting.insert(share.rank(), tenant);
        } else if share.in_flight == 0 {
            self.tenants.remove(&tenant);
        }
        caused_us
    }
}

#[cfg(test)]
mod tests;
