//! Verifying: pure, in the order of cost, so that what can be refused cheaply never reaches a signature.

use std::time::SystemTime;

use serde_json::Value;

use crate::issuer::{Issuer, Profile};
use crate::principal::{Facts, Principal};
use crate::resource::Resource;
use crate::token::Unverified;
use crate::unauthenticated::Unauthenticated;

/// The principal behind `token`, if it is an access token that a trusted issuer signed for `resource` and that is
/// valid at `now`. `trusted` finds an issuer by its `iss`. Keys belong to their issuer: one issuer's key never
/// verifies what claims to be another's.
pub fn verify<'a>(
    trusted: impl FnOnce(&str) -> Option<&'a Issuer>,
    token: &str,
    resource: &Resource,
    now: SystemTime,
) -> Result<Principal, Unauthenticated> {
    let token = Unverified::parse(token)?;
    let claimed = token.claims.0.get("iss").and_then(Value::as_str).ok_or(Unauthenticated::UnknownIssuer)?;
    let issuer = trusted(claimed).ok_or(Unauthenticated::UnknownIssuer)?;
    check_typ(issuer.settings().profile, token.typ.as_deref())?;
    let expires = token.claims.check_time(now)?;
    token.claims.check_audience(resource)?;
    let facts = facts(issuer, &token, expires)?;
    check_signature(issuer, &token)?;
    Ok(Principal::mint(facts))
}

fn check_typ(profile: Profile, typ: Option<&str>) -> Result<(), Unauthenticated> {
    let Profile::Rfc9068 = profile;
    let typ = typ.unwrap_or_default();
    let typ = typ.strip_prefix("application/").unwrap_or(typ);
    if typ.eq_ignore_ascii_case("at+jwt") { Ok(()) } else { Err(Unauthenticated::NotAccessToken) }
}

fn facts(issuer: &Issuer, token: &Unverified<'_>, expires: u64) -> Result<Facts, Unauthenticated> {
    let path = issuer.settings().tenant_claim.as_deref();
    Ok(Facts {
        issuer: issuer.settings().name.clone(),
        tenant_claim: path.map(|path| token.claims.tenant(path)).transpose()?.flatten(),
        subject: token.claims.text("sub")?,
        client: token.claims.text("client_id")?,
        scope: token.claims.scope()?,
        expires,
    })
}

fn check_signature(issuer: &Issuer, token: &Unverified<'_>) -> Result<(), Unauthenticated> {
    let name = || issuer.settings().name.clone();
    let key = issuer.key(token.kid.as_deref(), token.algorithm).ok_or_else(|| Unauthenticated::NoKey(name()))?;
    match jsonwebtoken::crypto::verify(token.signature, token.signed.as_bytes(), &key.decoding, token.algorithm) {
        Ok(true) => Ok(()),
        _ => Err(Unauthenticated::Signature(name())),
    }
}
