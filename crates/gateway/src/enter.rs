//! The first steps of a call: one snapshot, a principal, a tenant.

use std::time::SystemTime;

use partywall_domain::RefusalCode;
use partywall_identity::verify;
use partywall_tenancy::{NotEntered, TenantContext};

use crate::Gateway;
use crate::exchange::Exchange;
use crate::refusal::Refusal;

impl Gateway {
    /// Whose call this is. The context keeps its revision's configuration, so the whole call sees one revision.
    pub(crate) fn enter(&self, exchange: &Exchange, server: &str) -> Result<TenantContext, Refusal> {
        let snapshot = self.snapshot.load();
        let bearer = exchange.bearer()?;
        let resource = self.public_url.resource(server);
        let principal = verify(|issuer| snapshot.issuer(issuer), |_| None, bearer, &resource, SystemTime::now())
            .map_err(|cause| Refusal::new(RefusalCode::InvalidToken, cause.to_string()))?;
        snapshot.enter(principal).map_err(|cause| match cause {
            NotEntered::Unknown { .. } => Refusal::new(RefusalCode::UnknownTenant, cause.to_string()),
            NotEntered::Suspended(id, _) => Refusal::suspended(id),
        })
    }
}
