//! Refusals before a tenant is known. Anybody on the network can cause them, so booking them is limited.

use partywall_domain::{RefusalCode, TenantId, event};

use crate::call::Ids;
use crate::gcra::Rate;
use crate::sampled::Sampled;

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
pub(crate) struct Strangers(Sampled);

impl Strangers {
    /// Whether one more may be booked now; says first how many were left out since the last one.
    pub(crate) fn may_book(&self) -> bool {
        let left_out = self.0.admit(STRANGERS_BOOKED);
        if let Some(count @ 1..) = left_out {
            tracing::warn!(event = event::DROPPED, what = event::STRANGER, count);
        }
        left_out.is_some()
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
