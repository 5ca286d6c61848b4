//! A caller's place at an instance: which instance it is, and as whom the caller speaks there.

use partywall_domain::{InstancePer, ServerLimits};
use partywall_tenancy::{InstanceKey, Scope, TenantContext};

use crate::stdio::Owner;
use crate::visitor::Visitor;

/// Which instance a call goes to, and as whom.
pub(crate) struct Seat {
    pub(crate) key: InstanceKey,
    pub(crate) per: InstancePer,
    pub(crate) limits: ServerLimits,
    /// A legacy client's session: the one that goes on, or with `initialize` the one that begins.
    pub(crate) visitor: Option<Visitor>,
}

impl Seat {
    /// The caller's seat at its instance of the server; `None` if the server is not granted or has no instances.
    pub(crate) fn of(tenant: &TenantContext, server: &str, visitor: Option<Visitor>) -> Option<Self> {
        let server = tenant.grant(server)?.server();
        let per = server.command.as_ref()?.instance_per;
        let scope = match (per, &visitor) {
            (InstancePer::All, _) => Scope::All,
            (InstancePer::Tenant, _) => Scope::Tenant,
            (InstancePer::Session, Some(visitor)) => Scope::Session(visitor.id()),
            // A modern message has no session; what is its subject's alone is nobody else's.
            (InstancePer::Subject | InstancePer::Session, _) => Scope::Subject,
        };
        let key = tenant.instance(&server.name, scope)?;
        Some(Self { key, per, limits: server.limits, visitor })
    }

    /// As whom the caller speaks.
    pub(crate) fn owner(&self, tenant: &TenantContext) -> Owner {
        Owner::of(tenant, self.visitor.as_ref().map(Visitor::id))
    }
}
