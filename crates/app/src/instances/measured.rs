//! What instances use, looked at while they run and once more at their end, and counted for their tenants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use partywall_gateway::{Gateway, Instances};
use partywall_ledger::{InstanceSpent, InstanceUse, Ledger};
use partywall_supervisor::driver::{End, Usage};
use partywall_supervisor::supervisor::{InstanceInfo, InstanceRecord};
use partywall_tenancy::Snapshot;
use tokio_util::sync::CancellationToken;

/// How often instances are looked at. Default 10 s: memory that comes and goes faster is seen at its mean, and a look
/// takes a few files for each.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How often what an instance used is written into the journal while it runs. Default 60 s: so much a crash of this
/// process loses of it at most, and an entry a minute is little beside one for each call.
const WRITE_EVERY: Duration = Duration::from_mins(1);

/// What was seen of each instance that runs. Bounded by the instances there are.
pub(super) struct Measured {
    ledger: Ledger,
    /// For the names of tenants.
    snapshot: Arc<ArcSwap<Snapshot>>,
    seen: Mutex<HashMap<String, Seen>>,
}

#[derive(Clone, Copy)]
struct Seen {
    usage: Usage,
    at: Instant,
    /// What is not in the journal yet.
    unwritten: InstanceUse,
    written: Instant,
}

impl Measured {
    pub(super) fn new(ledger: Ledger, snapshot: Arc<ArcSwap<Snapshot>>) -> Self {
        Self { ledger, snapshot, seen: Mutex::default() }
    }

    /// An instance answers for the first time.
    pub(super) fn began(&self, instance: &InstanceInfo) {
        let used = InstanceUse { starts: 1, ..InstanceUse::default() };
        self.count(instance, &used);
        self.write(instance, used, None);
    }

    /// An instance has ended, having used this in all.
    pub(super) fn ended(&self, instance: &InstanceInfo, end: &End) {
        let used = self.look(instance, &end.usage, Instant::now());
        self.seen().remove(&instance.id);
        self.write(instance, used, Some(&end.to_string()));
    }

    /// Counts what an instance used since it was looked at last; gives what is not in the journal yet.
    fn look(&self, instance: &InstanceInfo, usage: &Usage, now: Instant) -> InstanceUse {
        let mut seen = self.seen();
        let since = || Seen::began(now.checked_sub(instance.since.elapsed().unwrap_or_default()).unwrap_or(now));
        let seen = seen.entry(instance.id.clone()).or_insert_with(since);
        let used = between(seen, usage, now);
        *seen = Seen { usage: *usage, at: now, unwritten: seen.unwritten.and(used), ..*seen };
        let unwritten = seen.unwritten;
        self.count(instance, &used);
        unwritten
    }

    /// Looks at an instance that runs.
    fn look_on(&self, instance: &InstanceInfo, usage: &Usage, now: Instant) {
        let used = self.look(instance, usage, now);
        let due = {
            let mut seen = self.seen();
            let seen = seen.get_mut(&instance.id).filter(|seen| now.duration_since(seen.written) >= WRITE_EVERY);
            seen.map(|seen| (seen.unwritten, seen.written) = (InstanceUse::default(), now)).is_some()
        };
        if due {
            self.write(instance, used, None);
        }
    }

    fn count(&self, instance: &InstanceInfo, used: &InstanceUse) {
        // What serves all tenants is nobody's own; journal and log say what it used.
        let snapshot = self.snapshot.load();
        let name = instance.key.tenant().and_then(|tenant| snapshot.name_of(tenant));
        if let Some(tenant) = name.and_then(|name| snapshot.tenant(name.as_str())) {
            self.ledger.instance_used(tenant, used);
        }
    }

    fn write(&self, instance: &InstanceInfo, used: InstanceUse, ended: Option<&str>) {
        let (tenant, server) = (instance.key.tenant(), instance.key.server());
        let snapshot = self.snapshot.load();
        let name = tenant.and_then(|tenant| snapshot.name_of(tenant));
        self.ledger.book_instance(&InstanceSpent { tenant, name, server, instance: &instance.id, used, ended });
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at all instances until `stop`.
pub(super) async fn run(gateway: Arc<Gateway>, measured: Arc<Measured>, stop: CancellationToken) {
    while tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_err() {
        let (gateway, measured) = (Arc::clone(&gateway), Arc::clone(&measured));
        // Files are read: not on a thread that serves calls.
        let look = tokio::task::spawn_blocking(move || {
            for InstanceRecord { info, usage, .. } in gateway.instances.iter().flat_map(Instances::list) {
                measured.look_on(&info, &usage, Instant::now());
            }
        });
        let _ = look.await;
    }
}

impl Seen {
    fn began(at: Instant) -> Self {
        Self { usage: Usage::default(), at, unwritten: InstanceUse::default(), written: at }
    }
}

fn between(before: &Seen, usage: &Usage, now: Instant) -> InstanceUse {
    let since = |now: Option<u64>, then: Option<u64>| now.unwrap_or(0).saturating_sub(then.unwrap_or(0));
    let took = now.saturating_duration_since(before.at);
    // An instance that has ended has no memory any more; it is taken for what it was.
    let memory = usage.memory_bytes.filter(|bytes| *bytes > 0).or(before.usage.memory_bytes).unwrap_or(0);
    let byte_ms = u128::from(memory) * took.as_millis();
    InstanceUse {
        starts: 0,
        cpu_us: since(usage.cpu_us, before.usage.cpu_us),
        lived_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        memory_byte_s: u64::try_from(byte_ms / 1000).unwrap_or(u64::MAX),
        read_bytes: since(usage.read_bytes, before.usage.read_bytes),
        written_bytes: since(usage.written_bytes, before.usage.written_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_and_an_end_are_all_that_was_used() {
        let start = Instant::now();
        let usage = |cpu_us: u64, memory| Usage { cpu_us: Some(cpu_us), memory_bytes: memory, ..Usage::default() };
        let after = |seconds| start + Duration::from_secs(seconds);
        let seen = Seen::began(start);
        let first = between(&seen, &usage(300, Some(1000)), after(10));
        let seen = Seen { usage: usage(300, Some(1000)), at: after(10), ..seen };
        let last = between(&seen, &usage(350, None), after(12));
        let expected =
            InstanceUse { cpu_us: 300, lived_us: 10_000_000, memory_byte_s: 10_000, ..InstanceUse::default() };
        assert_eq!(first, expected);
        let expected = InstanceUse { cpu_us: 50, lived_us: 2_000_000, memory_byte_s: 2_000, ..InstanceUse::default() };
        assert_eq!(last, expected);
    }
}
