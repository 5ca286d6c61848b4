//! Whose call it is, on a channel that several may share.

use std::sync::Arc;

use partywall_tenancy::TenantContext;

/// One principal, and of a legacy client its one session. Only a tenant context makes one, and two are equal only where
/// everything about them is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    tenant: partywall_domain::TenantId,
    issuer: String,
    subject: String,
    client: String,
    session: Option<String>,
}

impl Owner {
    /// The principal of this context, in this session where there is one.
    pub fn of(tenant: &TenantContext, session: Option<&str>) -> Self {
        let principal = tenant.principal();
        Self(Arc::new(Parts {
            tenant: tenant.id(),
            issuer: principal.issuer().as_str().to_owned(),
            subject: principal.subject().to_owned(),
            client: principal.client().to_owned(),
            session: session.map(str::to_owned),
        }))
    }
}
