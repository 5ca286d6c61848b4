//! What a person may choose on the sign-in page, read from the configuration in force.

use std::collections::{BTreeMap, BTreeSet};

use partywall_tenancy::{Snapshot, TenantConfig};

use super::NAME;

/// Most tenants on the page. Default 1,000: a browser shows so many in one list; `partywall token` knows all.
const TENANTS_MAX: usize = 1_000;

/// Tenants and scopes.
#[derive(Default)]
pub(super) struct Choices {
    /// The tenants that have an identity at this issuer, each with the claim value that means it.
    pub(super) tenants: BTreeMap<String, String>,
    /// The scopes that some tool of some tenant needs; others mean nothing here.
    pub(super) scopes: BTreeSet<String>,
}

impl Choices {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut choices = Self::default();
        for tenant in snapshot.tenants() {
            choices.scopes.extend(scopes(tenant));
            if choices.tenants.len() < TENANTS_MAX
                && let Some(value) = claim_value(tenant)
            {
                choices.tenants.insert(tenant.name().as_str().to_owned(), value.to_owned());
            }
        }
        choices
    }
}

fn claim_value(tenant: &TenantConfig) -> Option<&str> {
    let here = |identity: &&partywall_documents::Identity| identity.issuer.as_str() == NAME;
    tenant.document().identities.iter().filter(here).find_map(|identity| identity.value.as_deref())
}

fn scopes(tenant: &TenantConfig) -> impl Iterator<Item = String> {
    let servers = tenant.plan().servers.values().chain(tenant.document().servers.values());
    servers.filter_map(|server| server.scopes.as_ref()).flatten().flat_map(|(_, scopes)| scopes.iter().cloned())
}
