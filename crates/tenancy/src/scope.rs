//! The scopes that count: those of the token, by our names, and of a customer's own issuer only what its plan allows.

use std::sync::Arc;

use partywall_identity::Principal;

use crate::tenant::TenantConfig;

/// The scopes of a principal in this tenant, separated by spaces; `None` where they are just those of its token.
pub(crate) fn effective(tenant: &TenantConfig, principal: &Principal) -> Option<Arc<str>> {
    let identities = tenant.document.identities.iter().filter(|identity| identity.issuer == *principal.issuer());
    let mut fitting =
        identities.filter(|known| known.value.is_none() || known.value.as_deref() == principal.tenant_claim());
    let identity = fitting.next()?;
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
