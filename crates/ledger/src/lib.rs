//! The books: reserve before, settle after; the journal. Limits, metering and audit are one motion.
//!
//! A call reserves its place, and its beginning is on disk before the first byte goes upstream; it settles exactly
//! once, also when it is dropped. What is refused is booked too, also before a tenant is known. The ledger knows no
//! HTTP and no MCP: what was called comes in as plain words.

mod addresses;
mod busiest;
mod call;
mod gcra;
mod hold;
mod journal;
mod meter;
mod place;
mod policy;
mod reservation;
mod sampled;
mod sessions;
mod settlement;
mod spans;
mod strangers;
mod subjects;
mod tally;
mod tools;
mod turns;

use std::collections::{HashMap, hash_map};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use partywall_domain::{Outcome, RefusalCode, RequestId, TenantId, TenantName, event};
use partywall_tenancy::{Grant, TenantConfig, TenantContext};

pub use addresses::network_of;
pub use busiest::Busiest;
pub use call::{Call, Ids, Weight};
pub use gcra::Rate;
pub use hold::{Claim, Room};
pub use journal::{Entry, InstanceSpent, JournalError, Tail};
pub use meter::Left;
pub use place::Place;
pub use policy::{Policy, Quota, Standing, Throttled};
pub use reservation::Reservation;
pub use sessions::SESSION_LIFETIME;
pub use settlement::Settlement;
pub use spans::{Span, Spans};
pub use strangers::Stranger;
pub use tally::{BUCKETS_US, InstanceUse, NodeSums, Sums, Timing};

use addresses::Addresses;
use busiest::{Names, Roll};
use journal::Journal;
use meter::{Meter, REFUSALS_BOOKED};
use strangers::Strangers;
use tally::NodeTally;
use turns::Turns;

/// The books of one node. Cheap to clone.
#[derive(Clone)]
pub struct Ledger(Arc<Books>);

struct Books {
    /// Bounded by the tenants there are: only a context, which only a configured tenant yields, makes an entry.
    meters: Mutex<HashMap<TenantId, Arc<Meter>>>,
    journal: Journal,
    strangers: Strangers,
    addresses: Addresses,
    turns: Turns,
    roll: Roll,
    names: Names,
    tally: NodeTally,
    spans: OnceLock<Arc<dyn Spans>>,
}

impl Ledger {
    /// Opens the books in `directory` and closes the calls that a crash left open; returns how many those were.
    pub fn open(directory: &Path) -> Result<(Self, usize), JournalError> {
        let (journal, closed) = Journal::open(directory)?;
        let books = Books {
            meters: Mutex::default(),
            journal,
            strangers: Strangers::default(),
            addresses: Addresses::default(),
            turns: Turns::default(),
            roll: Roll::default(),
            names: Names::default(),
            tally: NodeTally::default(),
            spans: OnceLock::new(),
        };
        Ok((Self(Arc::new(books)), closed))
    }

    /// Tells the ends of calls to `spans` from now on. The first one to be told is the only one.
    pub fn tell(&self, spans: Arc<dyn Spans>) {
        let _ = self.0.spans.set(spans);
    }

    /// Whether the span of this request is kept; `None` where nobody takes spans.
    pub fn keeps_span(&self, request: RequestId) -> Option<bool> {
        self.0.spans.get().map(|spans| spans.keeps(request))
    }

    /// Takes a place. Nothing is written down yet: [`Place::begin`] books the beginning, [`Self::deny`] a refusal.
    pub fn take(&self, tenant: &TenantContext, claim: &Claim<'_>) -> Result<Place, Throttled> {
        Place::take(self, tenant, claim)
    }

    /// Takes a place for a call whose words are at hand, and books its beginning or its refusal.
    pub fn reserve(&self, tenant: &TenantContext, call: Call) -> Result<Reservation, Throttled> {
        let claim = Claim { weight: call.weight, server: &call.server, tool: call.name.as_deref() };
        match self.take(tenant, &claim) {
            Ok(place) => Ok(place.begin(call)),
            Err(throttled) => {
                self.deny(tenant, throttled.code, || throttled.settlement(), || call);
                Err(throttled)
            }
        }
    }

    /// Books a refusal of a known tenant's request that never began, up to a rate: one that is over its limits, or asks
    /// for what it may not have, must not fill journal and log. What is left out is counted, and its answer is to wait for
    /// so long as this returns.
    pub fn deny(
        &self,
        tenant: &TenantContext,
        code: RefusalCode,
        settlement: impl FnOnce() -> Settlement,
        call: impl FnOnce() -> Call,
    ) -> Duration {
        self.deny_at(&self.meter(tenant.config()), tenant, code, settlement, call)
    }

    fn deny_at(
        &self,
        meter: &Arc<Meter>,
        tenant: &TenantContext,
        code: RefusalCode,
        settlement: impl FnOnce() -> Settlement,
        call: impl FnOnce() -> Call,
    ) -> Duration {
        let Some(left_out) = meter.refusals.admit(REFUSALS_BOOKED) else {
            // It is counted all the same, like those that are written down.
            meter.tally.ended(Outcome::Refused(code), 0, 0, None);
            self.0.tally.refused(code);
            return meter.pause(tenant.limits());
        };
        let call = call();
        if left_out > 0 {
            tracing::warn!(
                event = event::DROPPED,
                tenant_id = %tenant.id(),
                request_id = %call.ids.request,
                trace_id = %call.ids.trace,
                what = "refusal",
                count = left_out,
            );
        }
        Reservation::without_place(self.clone(), Arc::clone(meter), tenant.clone(), call).settle(settlement());
        Duration::ZERO
    }

    /// Takes room for a request's body of so many bytes.
    pub fn hold_body(&self, tenant: &TenantContext, bytes: u64) -> Result<Room, Throttled> {
        Room::take(self, tenant, bytes)
    }

    /// Writes down what an instance used: its tenant's entries are together all that its instances used.
    pub fn book_instance(&self, spent: &InstanceSpent<'_>) {
        self.0.journal.append(&Entry::of_instance(spent));
    }

    /// Counts what instances of a tenant used.
    pub fn instance_used(&self, tenant: &TenantConfig, used: &InstanceUse) {
        self.meter(tenant).tally.used(used);
    }

    /// A session that was opened then is ended.
    pub fn session_ended(&self, tenant: &TenantContext, opened: SystemTime) {
        self.meter(tenant.config()).sessions.end(opened);
    }

    /// Books a refusal before a tenant was known: a log line and a journal entry, both limited in rate; what is left
    /// out is counted.
    pub fn stranger(&self, stranger: &Stranger<'_>) {
        let booked = self.0.strangers.may_book();
        self.0.tally.stranger(stranger.code, booked);
        if booked {
            stranger.log();
            self.0.journal.append(&Entry::of_stranger(stranger));
        }
    }

    /// Counts a request from this address, before anything else is looked at.
    pub fn ask(&self, address: IpAddr, rate: Rate) -> Result<(), Throttled> {
        self.0.addresses.ask(address, rate)
    }

    /// Addresses whose requests are remembered.
    pub fn addresses_known(&self) -> usize {
        self.0.addresses.known()
    }

    /// Whether a token from this address may be looked at: too many that failed, and it has to wait.
    pub fn may_try(&self, address: IpAddr) -> Result<(), Throttled> {
        self.0.addresses.may_try(address)
    }

    /// Books that a token from this address failed.
    pub fn failed(&self, address: IpAddr) {
        self.0.addresses.failed(address);
    }

    /// What a tenant has left of its limits now.
    pub fn left(&self, tenant: &TenantConfig) -> Left {
        self.meter(tenant).left(tenant.limits())
    }

    /// What a tenant's tools have left at one server, in the order of its `tool_limits`: calls that may come at once,
    /// where there is a rate, and calls in flight.
    pub fn tools_left(&self, tenant: &TenantConfig, grant: &Grant) -> Vec<(Option<u32>, u32)> {
        let (meter, now_ns) = (self.meter(tenant), gcra::now_ns());
        let limits = grant.tool_limits().iter();
        let of = |pattern: &str| meter.tools.of(&grant.server().name, pattern, now_ns);
        limits.map(|limit| of(limit.tools.as_str()).left(&limit.limits, now_ns)).collect()
    }

    /// The entries of one request, oldest first.
    pub fn find(&self, request: RequestId) -> io::Result<Vec<Entry>> {
        self.0.journal.find(request)
    }

    /// Journal entries that could not be written since start.
    pub fn entries_lost(&self) -> u64 {
        self.0.journal.lost()
    }

    /// Lets go of the meters of tenants that are gone. A call of theirs that is under way keeps its own to its end.
    pub fn forget(&self, tenants: impl Iterator<Item = TenantId>) {
        let mut tenants = tenants.peekable();
        if tenants.peek().is_some() {
            let mut meters = self.0.meters.lock().unwrap_or_else(PoisonError::into_inner);
            tenants.for_each(|tenant| drop(meters.remove(&tenant)));
        }
    }

    /// Whether the journal takes entries now.
    pub fn journal_writable(&self) -> bool {
        self.0.journal.is_writable()
    }

    /// What this node counted since start. Reads every counter, so it is for watchers and not for calls.
    pub fn node_sums(&self) -> NodeSums {
        self.0.tally.sums()
    }

    /// What was counted since start for the `max` busiest tenants, by name, and for all others together. Looks at every
    /// tenant, so it is for watchers and not for calls. `max` is to be the same at each look.
    pub fn busiest(&self, max: usize) -> Busiest {
        self.0.names.look(&self.0.roll, max, Instant::now())
    }

    /// What was counted since start for every tenant that called, in the order of their first calls, which stays: with
    /// [`Ledger::tenant_at`] for the names. For watchers and not for calls.
    pub fn sums(&self) -> Vec<Sums> {
        self.0.roll.all()
    }

    /// The tenant at this place in that order, and what was counted for it.
    pub fn tenant_at(&self, index: usize) -> Option<(TenantName, Sums)> {
        self.0.roll.named(index)
    }

    pub(crate) fn meter(&self, tenant: &TenantConfig) -> Arc<Meter> {
        let id = tenant.id();
        let meter = {
            let mut meters = self.0.meters.lock().unwrap_or_else(PoisonError::into_inner);
            match meters.entry(id) {
                hash_map::Entry::Occupied(meter) => return Arc::clone(meter.get()),
                hash_map::Entry::Vacant(place) => Arc::clone(place.insert(Arc::default())),
            }
        };
        // Once in a tenant's life, and not under the lock that every call takes.
        self.0.roll.add(tenant.name().clone(), Arc::clone(&meter));
        meter
    }
}
