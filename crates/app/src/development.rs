//! The development issuer: whoever has the data folder makes tokens. `serve` refuses a store that trusts one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};

/// The name of its document.
pub(crate) const NAME: &str = "development";
/// The claim in which it says the tenant.
pub(crate) const TENANT_CLAIM: &str = "tenant";

/// Makes tokens in the shape of RFC 9068.
pub(crate) struct DevelopmentIssuer {
    url: String,
    key: EncodingKey,
    kid: String,
}

/// Whom a token is for.
pub(crate) struct Grant<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) lifetime: Duration,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    scope: &'a str,
    tenant: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
}

impl DevelopmentIssuer {
    /// The issuer of a gateway known as `public_url`.
    pub(crate) fn new(public_url: &str, pkcs8: &[u8]) -> Self {
        Self {
            url: format!("{public_url}/development-issuer"),
            key: EncodingKey::from_ec_der(pkcs8),
            kid: NAME.to_owned(),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its public key as a JWK set.
    pub(crate) fn jwks(&self) -> anyhow::Result<Value> {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::ES256)?;
        jwk.common.key_id = Some(self.kid.clone());
        Ok(json!({ "keys": [jwk] }))
    }

    /// An access token.
    pub(crate) fn token(&self, grant: &Grant<'_>) -> anyhow::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let header =
            Header { typ: Some("at+jwt".to_owned()), kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) };
        let claims = Claims {
            iss: &self.url,
            aud: grant.audience,
            sub: grant.subject,
            client_id: "partywall-cli",
            scope: grant.scope,
            tenant: grant.tenant,
            iat: now,
            exp: now + grant.lifetime.as_secs(),
            jti: crate::keys::random()?,
        };
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}
