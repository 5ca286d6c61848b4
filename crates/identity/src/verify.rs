//! Verifying: pure, in the order of cost, so that what can be refused cheaply never reaches a signature.

use std::time::SystemTime;

use partywall_domain::IssuerName;
use serde_json::Value;

use crate::issuer::{Issuer, Profile};
use crate::principal::{Facts, Principal};
use crate::resource::Resource;
use crate::token::Unverified;

/// Why a token is no principal here. The public answer is one sentence for all of them; this is the private cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// The token has not the form of a JWT.
    #[error("the token is opaque: only JWT access tokens (RFC 9068) can be verified here")]
    Opaque,
    /// The token is not well formed.
    #[error("{0}")]
    Malformed(&'static str),
    /// `iss` is missing or nobody we trust.
    #[error("the token's `iss` is not a trusted issuer")]
    UnknownIssuer,
    /// `typ` is not what the issuer's profile expects of an access token.
    #[error("the token's `typ` is not `at+jwt`: is it an ID token?")]
    NotAccessToken,
    /// The issuer has no single key for the token's `kid` and `alg`.
    #[error("issuer `{0}` has no key for the token's `kid` and `alg`")]
    NoKey(IssuerName),
    /// The signature does not verify.
    #[error("the signature does not verify with the key of issuer `{0}`")]
    Signature(IssuerName),
    /// A claim is missing or has the wrong type.
    #[error("claim `{0}` {1}")]
    Claim(&'static str, &'static str),
    /// The token was issued for another resource.
    #[error("the token's `aud` is another resource")]
    Audience,
    /// The token has ended.
    #[error("the token has expired")]
    Expired,
    /// The token has not begun.
    #[error("the token is not valid yet")]
    NotYet,
    /// The bearer is no operator.
    #[error("not an operator's token")]
    Operator,
}

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
