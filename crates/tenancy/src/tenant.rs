//! A tenant as configured. It is a view for operators and the inside of a context; by itself it is no authority.

use std::sync::Arc;

use partywall_documents::{Plan, Tenant};
use partywall_domain::{Limits, TenantId, TenantName};

use crate::grant::{Grant, Grants};

/// A tenant as configured: plan and overrides, compiled.
#[derive(Debug)]
pub struct TenantConfig {
    pub(crate) document: Arc<Tenant>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) limits: Limits,
    pub(crate) servers: Arc<Grants>,
}

impl TenantConfig {
    /// The tenant's id.
    pub fn id(&self) -> TenantId {
        self.document.id
    }

    /// The tenant's name.
    pub fn name(&self) -> &TenantName {
        &self.document.name
    }

    /// The document, with the overrides.
    pub fn document(&self) -> &Tenant {
        &self.document
    }

    /// The plan, with the defaults.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The servers granted.
    pub fn servers(&self) -> impl Iterator<Item = &Grant> {
        self.servers.values()
    }

    /// The grant of one server, if there is one.
    pub fn grant(&self, server: &str) -> Option<&Grant> {
        self.servers.get(server)
    }
}
