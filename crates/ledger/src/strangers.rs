//! Refusals before a tenant is known. Anybody on the network can cause them, so booking them is limited.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use partywall_domain::{RefusalCode, TenantId, event};
use quick_cache::sync::Cache;

use crate::call::Ids;
use crate::gcra::{Gcra, Rate, now_ns};
use crate::meter::Throttled;

/// Stranger entries booked per second. Default 100: enough to see what is going on, far from filling a disk.
const STRANGERS_BOOKED: Rate = Rate { per_second: 100, burst: 100 };

/// A request that was refused before a tenant was known.
#[derive(Clone, Debug)]
pub struct Stranger<'a> {
    /// Its ids.
    pub ids: Ids,
    /// How it was refused.
    pub code: RefusalCode,
    /// Why, for operators.
    pub cause: &'a str,
    /// The HTTP method and path, cut to a sane length.
    pub target: &'a str,
    /// The tenant whose door stayed shut, if it is suspended.
    pub tenant: Option<TenantId>,
}

#[derive(Default)]
pub(crate) struct Strangers {
    rate: Gcra,
    left_out: AtomicU64,
}

impl Strangers {
    /// Whether one more may be booked now; says first how many were left out since the last one.
    pub(crate) fn may_book(&self) -> bool {
        if self.rate.take(STRANGERS_BOOKED, now_ns()).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            tracing::warn!(event = event::DROPPED, what = event::STRANGER, count = left_out);
        }
        true
    }
}

/// Failed tokens that one address may send: 100 at once, 20 a second. Below it a fleet of clients behind one address
/// whose issuer rotated a key passes; above it somebody is trying, at 50 µs of ours for each.
const FAILURES: Rate = Rate { per_second: 20, burst: 100 };
/// Addresses that are remembered. Default 10,000; whoever has more addresses than that is not stopped by an address.
const ADDRESSES_MAX: usize = 10_000;

/// How often tokens from an address failed lately.
pub(crate) struct Failures(Cache<IpAddr, Arc<Gcra>>);

impl Default for Failures {
    fn default() -> Self {
        Self(Cache::new(ADDRESSES_MAX))
    }
}

impl Failures {
    /// Whether another token from there may be looked at.
    pub(crate) fn may_try(&self, address: IpAddr) -> Result<(), Throttled> {
        let Some(failed) = self.0.get(&address) else { return Ok(()) };
        if failed.left(FAILURES, now_ns()) > 0 {
            return Ok(());
        }
        Err(Throttled { code: RefusalCode::TooManyFailures, retry_after_ms: 1_000 })
    }

    pub(crate) fn count(&self, address: IpAddr) {
        let failed = self.0.get(&address).unwrap_or_else(|| {
            let fresh = Arc::<Gcra>::default();
            self.0.insert(address, Arc::clone(&fresh));
            fresh
        });
        // What matters is what is left; beyond the limit nobody gets here.
        let _ = failed.take(FAILURES, now_ns());
    }
}

impl Stranger<'_> {
    pub(crate) fn log(&self) {
        tracing::info!(
            event = event::STRANGER,
            tenant_id = self.tenant.map(tracing::field::display),
            request_id = %self.ids.request,
            trace_id = %self.ids.trace,
            refusal = self.code.as_str(),
            cause = self.cause,
            target_path = self.target,
        );
    }
}
