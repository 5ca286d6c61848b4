//! The first steps of a call: one snapshot, a principal, a tenant.

use std::sync::Arc;
use std::time::SystemTime;

use partywall_domain::RefusalCode;
use partywall_identity::{KeySet, Principal, Resource, Unauthenticated, verify};
use partywall_ledger::{Policy, Quota, Throttled};
use partywall_tenancy::{NotEntered, Snapshot, TenantContext};

use crate::Gateway;
use crate::endpoint::Endpoint;
use crate::exchange::Exchange;
use crate::refusal::Refusal;

/// Tokens that are verified at a time, those included that wait for their issuer's keys. Default 4,096: four times the
/// callers that may wait for one issuer, so that one that is away keeps nobody else's out; with 16 KiB for each token at
/// most, 64 MiB. Tokens that were seen lately take no place.
pub(crate) const VERIFICATIONS_MAX: u32 = 4_096;
/// Milliseconds after which a caller that found no place should try again. Default 1,000: keys come within two seconds
/// or not at all.
const VERIFICATIONS_RETRY_MS: u64 = 1_000;
const FULL: Throttled = Throttled {
    code: RefusalCode::TooManyVerifications,
    retry_after_ms: VERIFICATIONS_RETRY_MS,
    policy: Policy {
        name: "verifications",
        field: "verifications at the same time",
        quota: Quota::Concurrent(VERIFICATIONS_MAX),
    },
};

impl Gateway {
    /// Whose call this is. The context keeps its revision's configuration, so the whole call sees one revision.
    pub(crate) async fn enter(&self, exchange: &Exchange, endpoint: &Endpoint) -> Result<TenantContext, Refusal> {
        let snapshot = self.snapshot.load_full();
        let bearer = exchange.bearer()?;
        let resource = self.public_url.resource(&endpoint.path);
        let principal = match self.verified.get(&snapshot, &*self.keys, bearer, &resource) {
            Some(principal) => principal,
            None => self.verify(&snapshot, exchange, bearer, &resource).await?,
        };
        let tenant = snapshot.enter(principal).map_err(|cause| match cause {
            NotEntered::Unknown { .. } => Refusal::new(RefusalCode::UnknownTenant, cause.to_string()),
            NotEntered::Suspended(id, _) => Refusal::suspended(id),
        })?;
        match &endpoint.connect {
            // The token decides whose call it is; a URL that says otherwise is somebody else's.
            Some(id) if snapshot.connect(id.as_str()).is_none_or(|named| named.id() != tenant.id()) => {
                Err(Refusal::new(RefusalCode::UnknownTenant, "the connect URL is not this tenant's"))
            }
            _ => Ok(tenant),
        }
    }

    /// Verifies a token that was not seen lately. An address whose tokens keep failing has to wait before another
    /// signature is looked at, and so has everybody while too many are looked at.
    async fn verify(
        &self,
        snapshot: &Snapshot,
        exchange: &Exchange,
        bearer: &str,
        resource: &Resource,
    ) -> Result<Principal, Refusal> {
        self.ledger.may_try(exchange.peer).map_err(Refusal::throttled)?;
        let _place = self.verifications.try_acquire().map_err(|_| Refusal::throttled(FULL))?;
        match self.principal(snapshot, bearer, resource).await {
            Ok((principal, keys)) => {
                self.verified.put(bearer, resource, &principal, keys);
                Ok(principal)
            }
            Err(cause) => Err(self.failed(snapshot, exchange, &cause)),
        }
    }

    /// Books a failure. One that is the issuer's, whose keys cannot be had, is not held against the caller's address.
    fn failed(&self, snapshot: &Snapshot, exchange: &Exchange, cause: &Unauthenticated) -> Refusal {
        let issuer = match cause {
            Unauthenticated::NeedsKeys { issuer, .. } => snapshot.issuer_named(issuer),
            _ => None,
        };
        let problem = issuer.and_then(|issuer| self.keys.problem(issuer.settings()));
        if problem.is_none() {
            self.ledger.failed(exchange.peer);
        }
        let told = problem.map_or_else(|| cause.to_string(), |problem| format!("{cause}: {problem}"));
        let code = if *cause == Unauthenticated::Opaque { RefusalCode::OpaqueToken } else { RefusalCode::InvalidToken };
        Refusal::new(code, told)
    }

    /// Verifies; where a key must be fetched first, fetches and verifies once more.
    async fn principal(
        &self,
        snapshot: &Snapshot,
        bearer: &str,
        resource: &Resource,
    ) -> Result<(Principal, Option<Arc<KeySet>>), Unauthenticated> {
        match self.attempt(snapshot, bearer, resource) {
            Err(Unauthenticated::NeedsKeys { issuer, kid }) => {
                if let Some(issuer) = snapshot.issuer_named(&issuer) {
                    self.keys.fetch(issuer.settings(), kid.as_deref()).await;
                }
                self.attempt(snapshot, bearer, resource)
            }
            decided => decided,
        }
    }

    /// Verifies with the keys that are known now, and says which of them were fetched: what is kept of the outcome counts
    /// for those alone.
    fn attempt(
        &self,
        snapshot: &Snapshot,
        bearer: &str,
        resource: &Resource,
    ) -> Result<(Principal, Option<Arc<KeySet>>), Unauthenticated> {
        let mut used = None;
        let fetched = |issuer: &_| {
            used = self.keys.known(issuer);
            used.clone()
        };
        let principal = verify(|issuer| snapshot.issuer(issuer), fetched, bearer, resource, SystemTime::now())?;
        Ok((principal, used))
    }
}

#[cfg(test)]
mod tests;
