//! The evidence that a principal entered.

use std::sync::Arc;

use partywall_domain::{Limits, Revision, TenantId, TenantName};
use partywall_identity::Principal;

use crate::grant::Grant;
use crate::tenant::TenantConfig;

/// A principal that entered a snapshot: what every acting function takes. Only [`crate::Snapshot::enter`] makes one.
///
/// Cheap to clone and `'static`, so it moves into streams. It lives for one message, not for one session.
#[derive(Clone, Debug)]
pub struct TenantContext {
    principal: Principal,
    config: Arc<TenantConfig>,
    revision: Revision,
}

impl TenantContext {
    pub(crate) fn of(principal: Principal, config: Arc<TenantConfig>, revision: Revision) -> Self {
        Self { principal, config, revision }
    }

    /// The tenant's id.
    pub fn id(&self) -> TenantId {
        self.config.id()
    }

    /// The tenant's name, for people.
    pub fn name(&self) -> &TenantName {
        self.config.name()
    }

    /// Who is calling.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The revision that holds for the whole call.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        self.config.limits()
    }

    /// What the tenant may do with a server, if anything.
    pub fn grant(&self, server: &str) -> Option<&Grant> {
        self.config.grant(server)
    }

    /// The tenant as configured.
    pub fn config(&self) -> &TenantConfig {
        &self.config
    }
}
