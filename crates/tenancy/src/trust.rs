//! From issuer documents to the issuers that a snapshot trusts.

use std::collections::BTreeMap;
use std::sync::Arc;

use partywall_documents::{self as documents, Mistakes, Table};
use partywall_domain::{IssuerName, Shards};
use partywall_identity::{Issuer, IssuerSettings, KeyOrigin, algorithm_of};

/// Reads an issuer's document.
pub(crate) fn trusted(name: IssuerName, table: Table<'_>, mistakes: &Mistakes) -> Option<Issuer> {
    let path = table.path().to_owned();
    let document = documents::Issuer::read(name, table)?;
    let algorithms: Vec<_> = document.algorithms.iter().filter_map(|name| algorithm_of(name)).collect();
    if algorithms.len() < document.algorithms.len() {
        mistakes.add(format!("{path}.algorithms"), "known are RS256 to RS512, PS256 to PS512, ES256, ES384 and EdDSA");
    }
    let settings = IssuerSettings {
        shape: document.shape,
        name: document.name,
        url: document.url,
        tenant_claim: document.tenant_claim,
        audiences: document.audiences,
        clients: document.clients,
        algorithms,
        keys: match document.jwks {
            Some(jwks) => KeyOrigin::Given(jwks),
            None => KeyOrigin::Fetched { url: document.jwks_url, private_networks: document.private_networks },
        },
        listed: document.listed,
        development: document.development,
    };
    Issuer::new(settings).map_err(|why| mistakes.add(format!("{path}.jwks"), why)).ok()
}

/// The trusted issuers, by name and by `iss`.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    pub(crate) by_name: Arc<BTreeMap<IssuerName, Arc<Issuer>>>,
    pub(crate) by_url: Shards<Arc<str>, Arc<Issuer>>,
}

impl Trust {
    pub(crate) fn add(&mut self, issuer: Arc<Issuer>, mistakes: &Mistakes) {
        let settings = issuer.settings();
        if let Some(other) = self.by_url.insert(settings.url.as_str().into(), Arc::clone(&issuer)) {
            let other = &other.settings().name;
            let message = format!("issuer `{other}` has the same URL; each needs its own");
            mistakes.add(format!("issuer.{}.url", settings.name), message);
        }
        Arc::make_mut(&mut self.by_name).insert(settings.name.clone(), issuer);
    }

    pub(crate) fn remove(&mut self, name: &IssuerName) {
        if self.by_name.contains_key(name)
            && let Some(issuer) = Arc::make_mut(&mut self.by_name).remove(name)
        {
            self.by_url.remove(issuer.settings().url.as_str());
        }
    }

    /// Takes the `iss` that an issuer with a placeholder has for one tenant: those of others stay unknown.
    pub(crate) fn register(&mut self, issuer: &Arc<Issuer>, value: &str) -> Result<(), String> {
        let Some(url) = issuer.url_for(value) else { return Ok(()) };
        match self.by_url.insert(url.into(), Arc::clone(issuer)) {
            Some(other) if other.settings().name != issuer.settings().name => {
                Err(format!("issuer `{}` has this `iss` already", other.settings().name))
            }
            _ => Ok(()),
        }
    }

    /// Takes back what [`Self::register`] took.
    pub(crate) fn forget(&mut self, issuer: &IssuerName, value: &str) {
        let Some(issuer) = self.by_name.get(issuer) else { return };
        // A value that spells the placeholder itself has the issuer's own entry, which stays.
        if let Some(url) = issuer.url_for(value).filter(|url| *url != issuer.settings().url) {
            self.by_url.remove(url.as_str());
        }
    }
}
