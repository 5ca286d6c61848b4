//! The configuration as one immutable value, and the door into it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use partywall_documents::Server;
use partywall_domain::{ConnectId, IssuerName, Revision, ServerName, TenantId, TenantName};
use partywall_identity::{Issuer, Principal};

use crate::context::TenantContext;
use crate::tenant::TenantConfig;
use crate::trust::Trust;

/// One revision of the whole configuration. A call sees one snapshot from its first step to its last.
pub struct Snapshot {
    pub(crate) revision: Revision,
    pub(crate) trust: Trust,
    pub(crate) servers: BTreeMap<ServerName, Arc<Server>>,
    pub(crate) tenants: BTreeMap<TenantName, Arc<TenantConfig>>,
    pub(crate) doors: HashMap<IssuerName, Door>,
    pub(crate) connects: HashMap<ConnectId, Arc<TenantConfig>>,
}

/// Which tenants an issuer's tokens may mean.
pub(crate) enum Door {
    /// The issuer is a customer's own: all its tokens mean that customer.
    One(Arc<TenantConfig>),
    /// The issuer serves several: its tenant claim says which.
    ByClaim(HashMap<String, Arc<TenantConfig>>),
}

/// Why a principal did not get in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEntered {
    /// No tenant has this identity.
    #[error("no tenant has the identity of issuer `{issuer}`, value `{}`", value.as_deref().unwrap_or("none"))]
    Unknown {
        /// The issuer's name.
        issuer: IssuerName,
        /// What its tenant claim said.
        value: Option<String>,
    },
    /// The tenant is suspended.
    #[error("tenant `{1}` is suspended")]
    Suspended(TenantId, TenantName),
}

impl Snapshot {
    /// A configuration that trusts nobody and serves nothing.
    pub fn empty() -> Self {
        Self {
            revision: Revision::default(),
            trust: Trust::default(),
            servers: BTreeMap::new(),
            tenants: BTreeMap::new(),
            doors: HashMap::new(),
            connects: HashMap::new(),
        }
    }

    /// Its number.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The trusted issuer with this `iss`.
    pub fn issuer(&self, url: &str) -> Option<&Issuer> {
        self.trust.by_url.get(url).map(|issuer| &**issuer)
    }

    /// The trusted issuer whose document has this name.
    pub fn issuer_named(&self, name: &IssuerName) -> Option<&Issuer> {
        self.trust.by_name.get(name).map(|issuer| &**issuer)
    }

    /// All trusted issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.trust.by_name.values().map(|issuer| &**issuer)
    }

    /// The servers of the catalog.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.servers.values()
    }

    /// Every tenant as configured, for operators' views. Not authority: nothing that acts takes it.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantConfig> {
        self.tenants.values().map(|tenant| &**tenant)
    }

    /// The tenant with this connect id, for showing its sign-in and for refusing a token of another. Not authority.
    pub fn connect(&self, id: &str) -> Option<&TenantConfig> {
        self.connects.get(id).map(|tenant| &**tenant)
    }

    /// The door: the tenant that this principal's (issuer, claim value) means. The only way to a [`TenantContext`].
    pub fn enter(&self, principal: Principal) -> Result<TenantContext, NotEntered> {
        let value = principal.tenant_claim();
        let config = match self.doors.get(principal.issuer()) {
            Some(Door::One(config)) => Some(config),
            Some(Door::ByClaim(by_claim)) => value.and_then(|value| by_claim.get(value)),
            None => None,
        };
        let Some(config) = config else {
            return Err(NotEntered::Unknown { issuer: principal.issuer().clone(), value: value.map(str::to_owned) });
        };
        if config.document.suspended {
            return Err(NotEntered::Suspended(config.id(), config.name().clone()));
        }
        Ok(TenantContext::of(principal, Arc::clone(config), self.revision))
    }
}
