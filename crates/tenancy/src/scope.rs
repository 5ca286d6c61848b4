//! The scopes that count: those of the token, by our names, and of a customer's own issuer only what its plan allows.
//! And back again: what the issuer calls those that are lacking, since a client can ask it for nothing else.

use std::sync::Arc;

use partywall_documents::Identity;
use partywall_identity::Principal;

use crate::tenant::TenantConfig;

/// The scopes of a principal in this tenant, separated by spaces; `None` where they are just those of its token.
pub(crate) fn effective(tenant: &TenantConfig, principal: &Principal) -> Option<Arc<str>> {
    let identity = entered_by(tenant, principal)?;
    let own = identity.value.is_none();
    if !own && identity.scopes.is_empty() {
        return None;
    }
    let theirs = principal.scope().split_ascii_whitespace();
    let ours = theirs.flat_map(|scope| match identity.scopes.get(scope) {
        Some(ours) => ours.iter().map(String::as_str).collect(),
        None => vec![scope],
    });
    let allowed: Vec<_> = ours.filter(|scope| !own || tenant.plan.own_issuer_scopes.grants(scope)).collect();
    Some(allowed.join(" ").into())
}

/// What the principal's issuer calls these scopes of ours, each once.
pub(crate) fn by_its_issuer<'a>(tenant: &'a TenantConfig, principal: &Principal, ours: &[&'a str]) -> Vec<&'a str> {
    let identity = entered_by(tenant, principal);
    let has = |name: &str| principal.scope().split_ascii_whitespace().any(|scope| scope == name);
    let theirs = |ours| identity.and_then(|identity| identity.theirs(ours, has)).unwrap_or(ours);
    let mut theirs: Vec<_> = ours.iter().copied().map(theirs).collect();
    theirs.sort_unstable();
    theirs.dedup();
    theirs
}

/// The identity by which the principal is this tenant's.
fn entered_by<'a>(tenant: &'a TenantConfig, principal: &Principal) -> Option<&'a Identity> {
    let mut identities = tenant.document.identities.iter().filter(|known| known.issuer == *principal.issuer());
    identities.find(|known| known.value.is_none() || known.value.as_deref() == principal.tenant_claim())
}
