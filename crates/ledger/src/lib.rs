//! The books: reserve before, settle after; the journal. Limits, metering and audit are one motion.
//!
//! A call reserves its place, and its beginning is on disk before the first byte goes upstream; it settles exactly
//! once, also when it is dropped. What is refused is booked too, also before a tenant is known. The ledger knows no
//! HTTP and no MCP: what was called comes in as plain words.

mod call;
mod gcra;
mod journal;
mod meter;
mod reservation;
mod settlement;
mod strangers;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use partywall_domain::{RefusalCode, RequestId, TenantId};
use partywall_tenancy::{TenantConfig, TenantContext};

pub use call::{Call, Ids, Weight};
pub use journal::{Entry, JournalError};
pub use meter::{Left, Throttled};
pub use reservation::Reservation;
pub use settlement::Settlement;
pub use strangers::Stranger;

use journal::Journal;
use meter::Meter;
use strangers::{Failures, Strangers};

/// The books of one node. Cheap to clone.
#[derive(Clone)]
pub struct Ledger(Arc<Books>);

struct Books {
    /// Bounded by the tenants there are: only a context, which only a configured tenant yields, makes an entry.
    meters: Mutex<HashMap<TenantId, Arc<Meter>>>,
    journal: Journal,
    strangers: Strangers,
    failures: Failures,
}

impl Ledger {
    /// Opens the books in `directory` and closes the calls that a crash left open; returns how many those were.
    pub fn open(directory: &Path) -> Result<(Self, usize), JournalError> {
        let (journal, closed) = Journal::open(directory)?;
        let books =
            Books { meters: Mutex::default(), journal, strangers: Strangers::default(), failures: Failures::default() };
        Ok((Self(Arc::new(books)), closed))
    }

    /// Reserves a place for a call and books its beginning.
    pub fn reserve(&self, tenant: &TenantContext, call: Call) -> Result<Reservation, Throttled> {
        let meter = self.meter(tenant.id());
        match meter.take(tenant.limits(), call.weight) {
            Ok(()) => Ok(Reservation::begin(self.clone(), meter, tenant.clone(), call)),
            Err(throttled) => {
                self.deny(tenant, call, throttled.code, "");
                Err(throttled)
            }
        }
    }

    /// Books a refusal of a known tenant's request that never got a place.
    pub fn deny(&self, tenant: &TenantContext, call: Call, code: RefusalCode, cause: &str) {
        Reservation::without_place(self.clone(), tenant.clone(), call).settle(Settlement::refused(code, cause));
    }

    /// Books a refusal before a tenant was known: a log line and a journal entry, both limited in rate; what is left
    /// out is counted.
    pub fn stranger(&self, stranger: &Stranger<'_>) {
        if self.0.strangers.may_book() {
            stranger.log();
            self.0.journal.append(&Entry::of_stranger(stranger));
        }
    }

    /// Whether a token from this address may be looked at: too many that failed, and it has to wait.
    pub fn may_try(&self, address: IpAddr) -> Result<(), Throttled> {
        self.0.failures.may_try(address)
    }

    /// Books that a token from this address failed.
    pub fn failed(&self, address: IpAddr) {
        self.0.failures.count(address);
    }

    /// What a tenant has left of its limits now.
    pub fn left(&self, tenant: &TenantConfig) -> Left {
        self.meter(tenant.id()).left(tenant.limits())
    }

    /// The entries of one request, oldest first.
    pub fn find(&self, request: RequestId) -> io::Result<Vec<Entry>> {
        self.0.journal.find(request)
    }

    /// Journal entries that could not be written since start.
    pub fn entries_lost(&self) -> u64 {
        self.0.journal.lost()
    }

    fn meter(&self, tenant: TenantId) -> Arc<Meter> {
        let mut meters = self.0.meters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(meters.entry(tenant).or_default())
    }
}
