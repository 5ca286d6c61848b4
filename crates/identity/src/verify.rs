//! Verifying: pure, in the order of cost, so that what can be refused cheaply never reaches a key or a signature.

use std::sync::Arc;
use std::time::SystemTime;

use partywall_domain::IssuerName;
use serde_json::Value;

use crate::issuer::{Issuer, IssuerSettings};
use crate::keys::KeySet;
use crate::principal::{Facts, Principal};
use crate::resource::Resource;
use crate::shape;
use crate::token::Unverified;
use crate::unauthenticated::Unauthenticated;

/// The principal behind `token`, if it is an access token that a trusted issuer signed for `resource` and that is
/// valid at `now`. `trusted` finds an issuer by its `iss`, `fetched` the keys that were fetched for one. Keys belong to
/// their issuer: one issuer's key never verifies what claims to be another's.
pub fn verify<'a>(
    trusted: impl FnOnce(&str) -> Option<&'a Issuer>,
    fetched: impl FnOnce(&IssuerSettings) -> Option<Arc<KeySet>>,
    token: &str,
    resource: &Resource,
    now: SystemTime,
) -> Result<Principal, Unauthenticated> {
    let token = Unverified::parse(token)?;
    let claimed = token.claims.0.get("iss").and_then(Value::as_str).ok_or(Unauthenticated::UnknownIssuer)?;
    let issuer = trusted(claimed).ok_or(Unauthenticated::UnknownIssuer)?;
    let facts = facts(issuer, claimed, &token, resource, now)?;
    if let Some(keys) = issuer.given() {
        check_signature(keys, &token, Unauthenticated::NoKey(facts.issuer.clone()), &facts.issuer)?;
    } else {
        let needed = Unauthenticated::NeedsKeys { issuer: facts.issuer.clone(), kid: token.kid.clone() };
        let keys = fetched(issuer.settings()).ok_or_else(|| needed.clone())?;
        check_signature(&keys, &token, needed, &facts.issuer)?;
    }
    Ok(Principal::mint(facts))
}

/// All that the token claims, if every claim is as it must be.
fn facts(
    issuer: &Issuer,
    claimed: &str,
    token: &Unverified<'_>,
    resource: &Resource,
    now: SystemTime,
) -> Result<Facts, Unauthenticated> {
    let (settings, claims) = (issuer.settings(), &token.claims);
    shape::check(&settings.shape, token.typ.as_deref(), claims)?;
    if !settings.algorithms.is_empty() && !settings.algorithms.contains(&token.algorithm) {
        return Err(Unauthenticated::Malformed("`alg` is not one that this issuer's document allows"));
    }
    let expires = claims.check_time(now)?;
    let client = claims.client(&settings.shape.client)?;
    claims.check_audience(resource, settings, &client)?;
    let tenant_claim = settings.tenant_claim.as_deref().map(|path| claims.tenant(path)).transpose()?.flatten();
    issuer.check_url(claimed, tenant_claim.as_deref())?;
    let subject = claims.text("sub")?;
    let scope = claims.scope(&settings.shape.scope)?;
    Ok(Facts { issuer: settings.name.clone(), tenant_claim, subject, client, scope, expires, epoch: issuer.epoch() })
}

fn check_signature(
    keys: &KeySet,
    token: &Unverified<'_>,
    absent: Unauthenticated,
    issuer: &IssuerName,
) -> Result<(), Unauthenticated> {
    let key = keys.find(token.kid.as_deref(), token.algorithm).ok_or(absent)?;
    let iss = token.claims.0.get("iss").and_then(Value::as_str).unwrap_or_default();
    let bytes = token.signed.as_bytes();
    let signed = jsonwebtoken::crypto::verify(token.signature, bytes, &key.decoding, token.algorithm);
    if matches!(signed, Ok(true)) && key.speaks_for(iss) {
        Ok(())
    } else {
        Err(Unauthenticated::Signature(issuer.clone()))
    }
}
