//! Refusals before a tenant is known. Anybody on the network can cause them, so booking them is limited.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use partywall_domain::{RefusalCode, TenantId, event};

use crate::call::Ids;
use crate::gcra::{Gcra, Rate};

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
        static START: OnceLock<Instant> = OnceLock::new();
        let now_ns = u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX / 2);
        if self.rate.take(STRANGERS_BOOKED, now_ns).is_err() {
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
