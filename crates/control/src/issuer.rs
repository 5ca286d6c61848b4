//! Issuers as operators see them: what is expected of their tokens, and whether their keys are here.

use std::collections::HashMap;

use partywall_domain::{ConnectId, IssuerName, Profile, Shape};
use partywall_identity::{Issuer, IssuerSettings, KeyOrigin};
use partywall_tenancy::{Snapshot, TenantConfig};

use crate::control::Parts;
use crate::wire::{self, Issuers, Keys};

/// What the configuration says of an issuer beside its document.
#[derive(Default)]
pub(crate) struct About {
    identities: usize,
    example: Option<String>,
    /// What is in the connect URLs of those whose own it is.
    connect_ids: Vec<ConnectId>,
}

/// Every issuer.
pub(crate) fn all(parts: &Parts, snapshot: &Snapshot) -> Issuers {
    let mut about = about(snapshot);
    let issuers = snapshot.issuers().map(Issuer::settings);
    let issuers = issuers.map(|issuer| view(parts, issuer, about.remove(&issuer.name).unwrap_or_default()));
    Issuers { revision: snapshot.revision().0, issuers: issuers.collect() }
}

/// The issuer of that name.
pub(crate) fn named(snapshot: &Snapshot, name: &str) -> Option<(IssuerSettings, About)> {
    let settings = snapshot.issuer_named(&name.parse().ok()?)?.settings();
    Some((settings.clone(), about(snapshot).remove(&settings.name).unwrap_or_default()))
}

fn about(snapshot: &Snapshot) -> HashMap<IssuerName, About> {
    let mut all = HashMap::<IssuerName, About>::new();
    for document in snapshot.tenants().map(TenantConfig::document) {
        for identity in &document.identities {
            let about = all.entry(identity.issuer.clone()).or_default();
            about.identities += 1;
            match &identity.value {
                Some(value) if about.example.is_none() => {
                    about.example = snapshot.issuer_named(&identity.issuer).and_then(|issuer| issuer.url_for(value));
                }
                Some(_) => {}
                None => about.connect_ids.extend(document.connect_id.clone()),
            }
        }
    }
    all
}

/// Fetches the issuer's keys, unless they are here.
pub(crate) async fn fetch_keys(parts: &Parts, issuer: &IssuerSettings, kid: Option<&str>) {
    let here = kid.is_none() && parts.keys.known(issuer).is_some();
    if matches!(issuer.keys, KeyOrigin::Fetched { .. }) && !here {
        parts.keys.fetch(issuer, kid).await;
    }
}

pub(crate) fn view(parts: &Parts, issuer: &IssuerSettings, about: About) -> wire::Issuer {
    let shape = &issuer.shape;
    let mark = shape.mark.as_ref().map(|(claim, value)| match value {
        Some(value) => format!("{claim}={value}"),
        None => claim.clone(),
    });
    let public = &parts.public_url;
    let connects = about.connect_ids.iter().map(|id| format!("{public}/c/{}/mcp", id.as_str()));
    let profile = Profile::ALL.into_iter().find(|profile| Shape::of(*profile) == *shape);
    wire::Issuer {
        name: issuer.name.to_string(),
        url: issuer.url.clone(),
        example: about.example,
        profile: profile.unwrap_or(Profile::Generic).as_str().to_owned(),
        typ: shape.typ.clone(),
        access_claim: mark,
        scope_claims: shape.scope.clone(),
        client_claims: shape.client.clone(),
        tenant_claim: issuer.tenant_claim.clone(),
        resources: std::iter::once(format!("{public}/mcp")).chain(connects).collect(),
        audiences: issuer.audiences.clone(),
        clients: issuer.clients.clone(),
        keys: keys(parts, issuer),
        listed: issuer.listed,
        identities: about.identities,
    }
}

fn keys(parts: &Parts, issuer: &IssuerSettings) -> Keys {
    match &issuer.keys {
        KeyOrigin::Given(_) => {
            Keys { given: true, url: None, private_networks: Vec::new(), known: true, problem: None }
        }
        KeyOrigin::Fetched { url, private_networks, .. } => Keys {
            given: false,
            url: url.clone(),
            private_networks: private_networks.iter().map(ToString::to_string).collect(),
            known: parts.keys.known(issuer).is_some(),
            problem: parts.keys.problem(issuer),
        },
    }
}
