//! What instances use, looked at while they run and once more at their end, and counted for their tenants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use partywall_domain::TenantId;
use partywall_gateway::{Gateway, Instances};
use partywall_ledger::{InstanceUse, Ledger};
use partywall_supervisor::driver::Usage;
use partywall_supervisor::supervisor::{InstanceInfo, InstanceRecord};
use tokio_util::sync::CancellationToken;

/// How often instances are looked at. Default 10 s: memory that comes and goes faster is seen at its mean, and a look
/// takes a few files for each.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What was seen of each instance that runs. Bounded by the instances there are.
pub(super) struct Measured {
    ledger: Ledger,
    seen: Mutex<HashMap<String, Seen>>,
}

#[derive(Clone, Copy)]
struct Seen {
    usage: Usage,
    at: Instant,
}

impl Measured {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self { ledger, seen: Mutex::default() }
    }

    /// An instance answers for the first time.
    pub(super) fn began(&self, instance: &InstanceInfo) {
        self.count(instance.key.tenant(), &InstanceUse { starts: 1, ..InstanceUse::default() });
    }

    /// An instance has ended, having used this in all.
    pub(super) fn ended(&self, instance: &InstanceInfo, usage: &Usage) {
        self.look(instance, usage, Instant::now());
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&instance.id);
    }

    /// Counts what an instance used since it was looked at last.
    fn look(&self, instance: &InstanceInfo, usage: &Usage, now: Instant) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let lived = instance.since.elapsed().unwrap_or_default();
        let lived = || Seen { usage: Usage::default(), at: now.checked_sub(lived).unwrap_or(now) };
        let before = seen.insert(instance.id.clone(), Seen { usage: *usage, at: now }).unwrap_or_else(lived);
        drop(seen);
        self.count(instance.key.tenant(), &between(before, Seen { usage: *usage, at: now }));
    }

    fn count(&self, tenant: Option<TenantId>, used: &InstanceUse) {
        // What serves all tenants is nobody's own; the log says what it used.
        if let Some(tenant) = tenant {
            self.ledger.instance_used(tenant, used);
        }
    }
}

/// Looks at all instances until `stop`.
pub(super) async fn run(gateway: Arc<Gateway>, measured: Arc<Measured>, stop: CancellationToken) {
    while tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_err() {
        let (gateway, measured) = (Arc::clone(&gateway), Arc::clone(&measured));
        // Files are read: not on a thread that serves calls.
        let look = tokio::task::spawn_blocking(move || {
            for InstanceRecord { info, usage, .. } in gateway.instances.iter().flat_map(Instances::list) {
                measured.look(&info, &usage, Instant::now());
            }
        });
        let _ = look.await;
    }
}

fn between(before: Seen, now: Seen) -> InstanceUse {
    let since = |now: Option<u64>, then: Option<u64>| now.unwrap_or(0).saturating_sub(then.unwrap_or(0));
    let took = now.at.saturating_duration_since(before.at);
    // An instance that has ended has no memory any more; it is taken for what it was.
    let memory = now.usage.memory_bytes.filter(|bytes| *bytes > 0).or(before.usage.memory_bytes).unwrap_or(0);
    let byte_ms = u128::from(memory) * took.as_millis();
    InstanceUse {
        starts: 0,
        cpu_us: since(now.usage.cpu_us, before.usage.cpu_us),
        lived_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        memory_byte_s: u64::try_from(byte_ms / 1000).unwrap_or(u64::MAX),
        read_bytes: since(now.usage.read_bytes, before.usage.read_bytes),
        written_bytes: since(now.usage.written_bytes, before.usage.written_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_and_an_end_are_all_that_was_used() {
        let start = Instant::now();
        let seen = |seconds: u64, cpu_us: u64, memory: Option<u64>| Seen {
            usage: Usage { cpu_us: Some(cpu_us), memory_bytes: memory, ..Usage::default() },
            at: start + Duration::from_secs(seconds),
        };
        let first = between(Seen { usage: Usage::default(), at: start }, seen(10, 300, Some(1000)));
        let last = between(seen(10, 300, Some(1000)), seen(12, 350, None));
        let expected =
            InstanceUse { cpu_us: 300, lived_us: 10_000_000, memory_byte_s: 10_000, ..InstanceUse::default() };
        assert_eq!(first, expected);
        let expected = InstanceUse { cpu_us: 50, lived_us: 2_000_000, memory_byte_s: 2_000, ..InstanceUse::default() };
        assert_eq!(last, expected);
    }
}
