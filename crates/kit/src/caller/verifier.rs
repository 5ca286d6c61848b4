//! Verifies the gateway's assertion, and by that makes a [`Caller`].
//!
//! One algorithm, one type, one issuer, one audience, a minute of life: whatever differs is refused, and refused
//! before a key is fetched where the key does not matter. It does not remember assertions: one may come again within
//! its minute, because the gateway reuses it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use jsonwebtoken::{Algorithm, Validation};
use partywall_domain::{Revision, TenantId, assertion};
use serde::Deserialize;

use super::Caller;
use crate::keys::Keys;

mod token;

pub(crate) use token::strip;

/// Seconds by which our clock and the gateway's may differ: machines that keep time are within one.
const LEEWAY_S: u64 = 5;

/// Whom to believe.
pub struct Settings {
    /// The gateway's public URL, exactly as its own settings have it: the `iss` of every assertion.
    pub issuer: String,
    /// This server's name in the gateway's catalog: the `aud` of every assertion meant for it.
    pub audience: String,
    /// The gateway's public keys.
    pub keys: Keys,
}

/// Verifies assertions. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    keys: Keys,
    validation: Arc<Validation>,
}

impl Verifier {
    /// A verifier that believes exactly this issuer, for exactly this audience.
    pub fn new(settings: Settings) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[settings.issuer]);
        validation.set_audience(&[settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self { keys: settings.keys, validation: Arc::new(validation) }
    }

    /// The caller that the request's headers prove, or why there is none.
    ///
    /// Waits for the gateway's keys at most once, and only for a token that could be an assertion.
    pub async fn verify(&self, headers: &HeaderMap) -> Result<Caller, NotVerified> {
        let token = token::of(headers)?;
        let key_id = token::key_id(token)?;
        let key = self.keys.find(&key_id).await.ok_or(NotVerified::UnknownKey)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation).map_err(NotVerified::Token)?.claims;
        claims.lives_a_minute(now_s())?;
        claims.into_caller()
    }
}

/// Why a request has no caller. The words are for the server's own log: a client learns `invalid_token` and no more.
#[derive(Debug, thiserror::Error)]
pub enum NotVerified {
    /// No assertion came with the request.
    #[error("no assertion: call through the gateway")]
    Missing,
    /// A header that carries the assertion came twice, so that two readers could read two callers.
    #[error("more than one assertion: send one")]
    Several,
    /// The token is not a JWS in compact form, or longer than an assertion can be.
    #[error("the assertion is malformed: call through the gateway")]
    Malformed,
    /// `alg`, `typ` or another header member is not what the gateway writes.
    #[error(
        "the token is no assertion (`alg` {}, `typ` {}): call through the gateway",
        assertion::ALGORITHM,
        assertion::TYPE
    )]
    NotAnAssertion,
    /// No key of that id is known, and fetching the keys did not help.
    #[error("the assertion's key is unknown: check that the gateway's key set can be reached")]
    UnknownKey,
    /// The signature or a registered claim is wrong.
    #[error("the assertion does not verify: check the issuer, the audience and the clocks")]
    Token(#[source] jsonwebtoken::errors::Error),
    /// It was issued in the future, or lives longer than an assertion may.
    #[error("the assertion lives longer than {} s or from the future: check the clocks", assertion::LIFETIME_S)]
    Lifetime,
    /// The tenant id is not one lower-case hyphenated UUID.
    #[error("the assertion's `{}` is not a tenant id: check the gateway's version", assertion::TENANT_ID)]
    TenantId,
}

/// What the assertion says. Registered claims are text, not lists: the gateway writes one issuer and one audience.
#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "iss")]
    _issuer: String,
    #[serde(rename = "aud")]
    _audience: String,
    #[serde(rename = "sub")]
    subject: String,
    iat: u64,
    exp: u64,
    tenant_id: String,
    tenant_name: String,
    client_id: Option<String>,
    scope: Option<String>,
    revision: u64,
}

impl Claims {
    /// `exp` was compared with the clock already; this bounds how far ahead of it a key holder may write.
    fn lives_a_minute(&self, now_s: u64) -> Result<(), NotVerified> {
        let lifetime_s = self.exp.checked_sub(self.iat).ok_or(NotVerified::Lifetime)?;
        let issued = self.iat <= now_s.saturating_add(LEEWAY_S);
        if issued && lifetime_s <= assertion::LIFETIME_S { Ok(()) } else { Err(NotVerified::Lifetime) }
    }

    fn into_caller(self) -> Result<Caller, NotVerified> {
        Ok(Caller {
            tenant_id: self.tenant_id.parse::<TenantId>().map_err(|_| NotVerified::TenantId)?,
            tenant_name: self.tenant_name,
            subject: self.subject,
            client: self.client_id.filter(|client| !client.is_empty()),
            scope: self.scope.unwrap_or_default(),
            revision: Revision(self.revision),
        })
    }
}

/// Unix time. A clock before 1970 reads as 0, at which every assertion is from the future.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
