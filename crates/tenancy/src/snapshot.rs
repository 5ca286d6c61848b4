//! The configuration as one immutable value, and the door into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use partywall_documents::{Plan, Server};
use partywall_domain::{ConnectId, IssuerName, PlanName, Revision, ServerName, Shards, TenantId, TenantName};
use partywall_identity::{Issuer, Principal};

use crate::context::TenantContext;
use crate::grant::Grants;
use crate::tenant::TenantConfig;
use crate::trust::Trust;

/// One revision of the whole configuration. A call sees one snapshot from its first step to its last.
///
/// It never changes; the next one is another value, which shares with it all that stayed as it was.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub(crate) revision: Revision,
    pub(crate) trust: Trust,
    pub(crate) servers: Arc<BTreeMap<ServerName, Arc<Server>>>,
    pub(crate) plans: Arc<BTreeMap<PlanName, Arc<Plan>>>,
    /// What plans grant to tenants that say nothing of their own.
    pub(crate) grants: Arc<BTreeMap<PlanName, Arc<Grants>>>,
    pub(crate) tenants: Shards<TenantName, Arc<TenantConfig>>,
    pub(crate) ids: Shards<TenantId, TenantName>,
    pub(crate) connects: Shards<ConnectId, Arc<TenantConfig>>,
    pub(crate) doors: Shards<IssuerName, Door>,
    /// Whom an issuer's tenant claim means, by [`claim`].
    pub(crate) claims: Shards<Arc<str>, Arc<TenantConfig>>,
    /// The places of upstreams in use by one tenant alone, with who uses each, and as which server.
    pub(crate) urls: Shards<Arc<str>, (TenantName, ServerName)>,
}

/// Which tenants an issuer's tokens may mean.
#[derive(Clone)]
pub(crate) enum Door {
    /// The issuer is a customer's own: all its tokens mean that customer.
    One(Arc<TenantConfig>),
    /// The issuer serves several, this many of them: its tenant claim says which.
    ByClaim(usize),
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
        Self::default()
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

    /// One server of the catalog.
    pub fn server(&self, name: &ServerName) -> Option<&Arc<Server>> {
        self.servers.get(name)
    }

    /// The servers of the catalog.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.servers.values()
    }

    /// Every tenant as configured, in no order, for operators' views. Not authority: nothing that acts takes it.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantConfig> {
        self.tenants.iter().map(|(_, tenant)| &**tenant)
    }

    /// The tenant of this name, for operators' views. Not authority.
    pub fn tenant(&self, name: &str) -> Option<&Arc<TenantConfig>> {
        self.tenants.get(name)
    }

    /// The name of the tenant of this id, if there is one.
    pub fn name_of(&self, id: TenantId) -> Option<&TenantName> {
        self.ids.get(&id)
    }

    /// The tenants that `other` has not, or has otherwise: a look at what changed that need not look at all.
    pub fn tenants_not_in<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Arc<TenantConfig>> {
        let unshared = self.tenants.unshared(&other.tenants);
        let same = |name, tenant| other.tenants.get(name).is_some_and(|known| Arc::ptr_eq(known, tenant));
        unshared.filter(move |(name, tenant)| !same(*name, tenant)).map(|(_, tenant)| tenant)
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
            Some(Door::ByClaim(_)) => value.and_then(|value| self.claims.get(&*claim(principal.issuer(), value))),
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

/// An issuer's claim value as one text. No name of an issuer has a space in it, so no two pairs spell alike.
pub(crate) fn claim(issuer: &IssuerName, value: &str) -> Arc<str> {
    format!("{issuer} {value}").into()
}
