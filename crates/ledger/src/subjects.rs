//! What one user of a tenant may, where its plan says less than the tenant may: one agent gone wild does not use up what
//! its colleagues have.
//!
//! A user is an issuer and a subject. Who they are the tokens say, and a tenant with an issuer of its own says what it
//! likes, so what is remembered is bounded for each tenant: the user that was quiet longest begins anew.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use partywall_domain::RefusalCode;
use partywall_tenancy::TenantContext;
use quick_cache::sync::Cache;

use crate::gcra::{Gcra, Rate};
use crate::policy::{Policy, Quota, Throttled};

/// Users of a tenant that are remembered. Default 1,000: those of a busy hour.
const SUBJECTS_MAX: usize = 1_000;

/// Made with the first call that it counts for.
#[derive(Default)]
pub(crate) struct Subjects(OnceLock<(RandomState, Cache<u64, Arc<Gcra>>)>);

impl Subjects {
    /// Counts a call of this user; nothing where a user may as much as the tenant.
    pub(crate) fn take(&self, tenant: &TenantContext, now_ns: u64) -> Result<Option<(Arc<Gcra>, Rate)>, Throttled> {
        let (principal, limits) = (tenant.principal(), tenant.limits());
        let per_second = limits.subject_calls_per_second;
        if per_second >= limits.calls_per_second {
            return Ok(None);
        }
        let (hasher, users) = self.0.get_or_init(|| (RandomState::new(), Cache::new(SUBJECTS_MAX)));
        let user = hasher.hash_one((principal.issuer().as_str(), principal.subject()));
        let gcra = users.get(&user).unwrap_or_else(|| {
            let fresh = Arc::<Gcra>::default();
            users.insert(user, Arc::clone(&fresh));
            fresh
        });
        // Two seconds' worth at once, as for a tenant.
        let rate = Rate { per_second, burst: per_second.saturating_mul(2) };
        let policy = Policy { name: "subject", field: "subject_calls_per_second", quota: Quota::Rate(rate) };
        match gcra.take(rate, now_ns) {
            Ok(_) => Ok(Some((gcra, rate))),
            Err(wait_ns) => Err(policy.over_rate(RefusalCode::RateLimited, wait_ns)),
        }
    }
}
