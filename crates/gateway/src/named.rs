//! A tenant that the caller names beside its token. It decides nothing; where it is not the token's, the call is refused,
//! since somebody means another tenant than the one who would be served.
//!
//! Nobody looks the name up, so the answer is the same whether there is such a tenant or not.

use partywall_domain::RefusalCode;
use partywall_tenancy::TenantContext;

use crate::refusal::Refusal;
use crate::request::Request;

/// Headers in which a tenant may be named.
const HEADERS: [&str; 2] = ["partywall-tenant", "x-tenant-id"];

/// Whether every tenant that the request names, by its name or its id, is the one that calls.
pub(crate) fn check(tenant: &TenantContext, request: &Request<'_>) -> Result<(), Refusal> {
    let is_its = |named: &str| named == tenant.name().as_str() || named == tenant.id().to_string();
    let other = |place: &str| Err(Refusal::new(RefusalCode::TenantMismatch, format!("{place} is not the tenant's")));
    for header in HEADERS {
        // A header that stands twice, or that cannot be read, has no value.
        if request.exchange.headers().contains_key(header) && !request.exchange.header(header).is_some_and(is_its) {
            return other(&format!("header `{header}`"));
        }
    }
    let arguments = tenant.grant(request.server).map_or(&[][..], |grant| &grant.server().tenant_arguments);
    let named = request.envelope.as_ref().map(|envelope| envelope.tenants(arguments)).unwrap_or_default();
    if named.iter().all(|name| name.as_deref().is_some_and(is_its)) {
        return Ok(());
    }
    other("what `_meta` or an argument names")
}
