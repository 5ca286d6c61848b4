//! From issuer documents to the issuers that a snapshot trusts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use partywall_documents::{self as documents, Mistakes, Table};
use partywall_domain::IssuerName;
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
#[derive(Default)]
pub(crate) struct Trust {
    pub(crate) by_name: BTreeMap<IssuerName, Arc<Issuer>>,
    pub(crate) by_url: HashMap<String, Arc<Issuer>>,
}

impl Trust {
    pub(crate) fn add(&mut self, issuer: Issuer, mistakes: &Mistakes) {
        let issuer = Arc::new(issuer);
        let settings = issuer.settings();
        if let Some(other) = self.by_url.insert(settings.url.clone(), Arc::clone(&issuer)) {
            let other = &other.settings().name;
            let message = format!("issuer `{other}` has the same URL; each needs its own");
            mistakes.add(format!("issuer.{}.url", settings.name), message);
        }
        self.by_name.insert(settings.name.clone(), issuer);
    }

    /// Takes the `iss` that an issuer with a placeholder has for one tenant: those of others stay unknown.
    pub(crate) fn register(&mut self, issuer: &Arc<Issuer>, value: &str) -> Result<(), String> {
        let Some(url) = issuer.url_for(value) else { return Ok(()) };
        match self.by_url.insert(url, Arc::clone(issuer)) {
            Some(other) if other.settings().name != issuer.settings().name => {
                Err(format!("issuer `{}` has this `iss` already", other.settings().name))
            }
            _ => Ok(()),
        }
    }
}
