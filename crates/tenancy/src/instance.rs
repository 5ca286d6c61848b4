//! Whose an instance of a server is. Only a context makes a key, and only of its own tenant.

use std::sync::Arc;

use partywall_domain::{IssuerName, ServerName, TenantId};
use partywall_identity::Principal;

/// For whom one instance of a server stands: the catalog's `instance_per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// For every tenant alike: only a server that keeps nothing between calls.
    All,
    /// For one tenant.
    Tenant,
    /// For one subject of one issuer.
    Subject,
    /// For one session of one principal; the text is the gateway's own id of it.
    Session(&'a str),
}

/// Names one instance and whose it is. There is no way to one but [`crate::TenantContext::instance`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstanceKey {
    server: ServerName,
    tenant: Option<TenantId>,
    /// Issuer and subject, where it is not all of the tenant's.
    subject: Option<(IssuerName, Arc<str>)>,
    /// Client and session, where it is not all of the subject's.
    session: Option<(Arc<str>, Arc<str>)>,
}

impl InstanceKey {
    /// For a context alone: it knows which tenant its principal entered.
    pub(crate) fn of(principal: &Principal, tenant: TenantId, server: &ServerName, scope: Scope<'_>) -> Self {
        let tenant = (scope != Scope::All).then_some(tenant);
        let subject = matches!(scope, Scope::Subject | Scope::Session(_))
            .then(|| (principal.issuer().clone(), principal.subject().into()));
        let session = match scope {
            Scope::Session(id) => Some((principal.client().into(), id.into())),
            _ => None,
        };
        Self { server: server.clone(), tenant, subject, session }
    }

    /// For the whole of a tenant.
    pub(crate) fn of_tenant(tenant: TenantId, server: &ServerName) -> Self {
        Self { server: server.clone(), tenant: Some(tenant), subject: None, session: None }
    }

    /// The server.
    pub fn server(&self) -> &ServerName {
        &self.server
    }

    /// The tenant; none if the instance serves all of them.
    pub fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }

    /// Whether it serves all of one tenant: what a volume of that tenant may stand in.
    pub fn is_whole_tenant(&self) -> bool {
        self.tenant.is_some() && self.subject.is_none()
    }
}
