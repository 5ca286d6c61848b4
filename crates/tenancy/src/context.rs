//! The evidence that a principal entered.

use std::sync::Arc;

use partywall_domain::{Limits, Revision, Sealed, ServerName, TenantId, TenantName};
use partywall_identity::{Principal, SystemAuthority};

use crate::grant::Grant;
use crate::instance::{InstanceKey, Scope};
use crate::scope;
use crate::tenant::TenantConfig;

/// A principal that entered a snapshot: what every acting function takes. Only [`crate::Snapshot::enter`] makes one.
///
/// Cheap to clone and `'static`, so it moves into streams. It lives for one message, not for one session.
#[derive(Clone, Debug)]
pub struct TenantContext {
    principal: Principal,
    config: Arc<TenantConfig>,
    revision: Revision,
    /// Where it is not the token's own.
    scope: Option<Arc<str>>,
}

impl TenantContext {
    pub(crate) fn of(principal: Principal, config: Arc<TenantConfig>, revision: Revision) -> Self {
        let scope = scope::effective(&config, &principal);
        Self { principal, config, revision, scope }
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

    /// The scopes that count, separated by spaces: the token's by our names, and of a customer's own issuer only what its
    /// plan allows.
    pub fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or_else(|| self.principal.scope())
    }

    /// Whether this scope counts.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope().split_ascii_whitespace().any(|granted| granted == scope)
    }

    /// What the caller's issuer calls these scopes of ours, each once: what a client must ask it for.
    pub fn scopes_to_ask_for<'a>(&'a self, ours: &[&'a str]) -> Vec<&'a str> {
        scope::by_its_issuer(&self.config, &self.principal, ours)
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

    /// A secret of the tenant, as it is kept.
    pub fn sealed(&self, secret: &str) -> Option<&Sealed> {
        self.config.document.secrets.get(secret)
    }

    /// The key of this caller's instance of a server; `None` if the server is not granted.
    pub fn instance(&self, server: &ServerName, scope: Scope<'_>) -> Option<InstanceKey> {
        self.grant(server.as_str()).map(|_| InstanceKey::of(&self.principal, self.id(), server, scope))
    }

    /// The tenant as configured: the same one for as long as nothing of it has changed.
    pub fn config(&self) -> &Arc<TenantConfig> {
        &self.config
    }
}

/// What keeps a tenant's instances warm stands on: no principal, so nothing that acts for a caller takes it.
#[derive(Clone, Debug)]
pub struct Upkeep {
    config: Arc<TenantConfig>,
}

impl Upkeep {
    /// The gateway's own work for a tenant. Who may do it is who has the gateway's authority, which calls have not.
    pub fn of(_: &SystemAuthority, config: &Arc<TenantConfig>) -> Self {
        Self { config: Arc::clone(config) }
    }

    /// The tenant as configured.
    pub fn config(&self) -> &TenantConfig {
        &self.config
    }

    /// The key of the instance that serves the whole tenant; `None` if the server is not granted.
    pub fn instance(&self, server: &ServerName) -> Option<InstanceKey> {
        self.config.grant(server.as_str()).map(|_| InstanceKey::of_tenant(self.config.id(), server))
    }
}
