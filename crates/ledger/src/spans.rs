//! Ends of calls as spans, for whoever takes them.

use partywall_domain::{RequestId, TenantId};

use crate::call::Call;
use crate::settlement::Settlement;

/// Takes spans. It is asked when a call comes and told when it ends, both on the way of a call: neither may wait.
pub trait Spans: Send + Sync {
    /// Whether the span of this request is kept.
    fn keeps(&self, request: RequestId) -> bool;

    /// A call whose span is kept has ended.
    fn ended(&self, span: &Span<'_>);
}

/// A call that ended, as a span.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// Whose call it was.
    pub tenant_id: TenantId,
    /// The tenant's name.
    pub tenant: &'a str,
    /// The configuration that held for it.
    pub revision: u64,
    /// The call.
    pub call: &'a Call,
    /// How it ended.
    pub settlement: &'a Settlement,
    /// Microseconds from its coming to its end.
    pub duration_us: u64,
    /// Microseconds of these that it waited for its turn.
    pub queue_us: u64,
    /// Microseconds of these that it was with an upstream; none if it went to none.
    pub upstream_us: Option<u64>,
}
