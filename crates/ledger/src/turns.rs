//! Turns at an upstream that many tenants share: it serves so many calls at a time, and beyond that they wait, each
//! tenant in a queue of its own.
//!
//! A place that becomes free goes to the waiting tenant that has the fewest calls there, and among those to the one that
//! was served longest ago. What
//! is shared is places and time, so a tenant with long calls pays for them, and one that calls now and then gets the
//! next place that is free, however many calls others have waiting. A queue is bounded in length and time. Places are
//! counted by this node alone.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use partywall_domain::{RefusalCode, ServerLimits, TenantId};
use tokio::sync::oneshot;

use crate::policy::{Policy, Quota, Throttled};

/// Upstreams that are kept before those with nobody there are dropped. Default 10,000: one for each of as many tenants.
const UPSTREAMS_MAX: usize = 10_000;

/// The upstreams, by URL: which there are the configuration says.
#[derive(Default)]
pub(crate) struct Turns(RwLock<HashMap<Arc<str>, Arc<Gate>>>);

impl Turns {
    /// A place at an upstream, at once or in turn.
    pub(crate) async fn take(
        &self,
        upstream: &Arc<str>,
        tenant: TenantId,
        limits: &ServerLimits,
    ) -> Result<Turn, Throttled> {
        let gate = self.gate(upstream);
        let come = gate.lock().come(tenant, limits);
        match come {
            Come::In => Ok(Turn { gate: Some((gate, tenant)), waited: Duration::ZERO }),
            Come::Full => Err(busy("queue_length_max", limits)),
            Come::Wait(called) => {
                let since = Instant::now();
                // A limit that was raised lets in who waited for it.
                gate.call_next();
                match tokio::time::timeout(Duration::from_millis(limits.queue_timeout_ms), called).await {
                    Ok(Ok(mut turn)) => {
                        turn.waited = since.elapsed();
                        Ok(turn)
                    }
                    _ => Err(busy("queue_timeout_ms", limits)),
                }
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

fn busy(field: &'static str, limits: &ServerLimits) -> Throttled {
    Policy { name: "queue", field, quota: Quota::Concurrent(limits.queue_length_max) }.full(RefusalCode::Busy)
}

/// A place at an upstream; the next in turn gets it when it is dropped.
pub(crate) struct Turn {
    gate: Option<(Arc<Gate>, TenantId)>,
    pub(crate) waited: Duration,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some((gate, tenant)) = self.gate.take() {
            gate.lock().leave(tenant);
            gate.call_next();
        }
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
            let turn = Turn { gate: Some((Arc::clone(self), tenant)), waited: Duration::ZERO };
            if let Err(mut missed) = waiting.send(turn) {
                missed.gate = None;
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
}

impl Share {
    fn rank(&self) -> Rank {
        (self.in_flight, self.served, self.since)
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
        let share = self.tenants.entry(tenant).or_default();
        if self.in_flight < self.max && self.waiting.is_empty() {
            self.in_flight += 1;
            self.turn += 1;
            (share.in_flight, share.served) = (share.in_flight + 1, self.turn);
            return Come::In;
        }
        let length_max = usize::try_from(limits.queue_length_max).unwrap_or(usize::MAX);
        if share.queue.len() >= length_max {
            // Those who gave up stay until somebody looks.
            share.queue.retain(|waiting| !waiting.is_closed());
            if share.queue.is_empty() {
                self.waiting.remove(&share.rank());
            }
        }
        if share.queue.len() >= length_max {
            return Come::Full;
        }
        let (call, called) = oneshot::channel();
        if share.queue.is_empty() {
            self.turn += 1;
            share.since = self.turn;
            self.waiting.insert(share.rank(), tenant);
        }
        share.queue.push_back(call);
        Come::Wait(called)
    }

    /// Takes the place of whoever is next, if there is room.
    fn next(&mut self) -> Option<(TenantId, oneshot::Sender<Turn>)> {
        while self.in_flight < self.max {
            let (_, tenant) = self.waiting.pop_first()?;
            let Some(share) = self.tenants.get_mut(&tenant) else { continue };
            let next = std::iter::from_fn(|| share.queue.pop_front()).find(|waiting| !waiting.is_closed());
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

    fn leave(&mut self, tenant: TenantId) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(share) = self.tenants.get_mut(&tenant) else { return };
        let before = share.rank();
        share.in_flight = share.in_flight.saturating_sub(1);
        if !share.queue.is_empty() {
            self.waiting.remove(&before);
            self.waiting.insert(share.rank(), tenant);
        } else if share.in_flight == 0 {
            self.tenants.remove(&tenant);
        }
    }
}

#[cfg(test)]
mod tests;
