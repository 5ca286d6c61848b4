//! The development issuer: whoever reaches it can be anybody. It signs tokens, and it lets people sign in for them, by
//! authorization code with PKCE, so that any client logs in as it would elsewhere. `serve` refuses a store that trusts
//! one.

// In the order in which a client meets them.
mod listener;

mod metadata;

mod register;

mod authorize;

mod page;

mod exchange;

// What they stand on.
mod choices;
mod desk;
mod fields;
mod grants;
mod redirect;
mod request;
mod shelf;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use partywall_gateway::Gateway;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The name of its document.
pub(crate) const NAME: &str = "development";
/// The client of tokens that nobody signed in for.
pub(crate) const OWN_CLIENT: &str = "partywall-cli";
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
    pub(crate) client: &'a str,
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
    /// The issuer that serves at `url`.
    pub(crate) fn new(url: &str, pkcs8: &[u8]) -> Self {
        Self { url: url.to_owned(), key: EncodingKey::from_ec_der(pkcs8), kid: NAME.to_owned() }
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
            client_id: grant.client,
            scope: grant.scope,
            tenant: grant.tenant,
            iat: now,
            exp: now + grant.lifetime.as_secs(),
            jti: crate::keys::random()?,
        };
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}

/// Lets people sign in to this gateway, on a listener of its own, until `stop` is cancelled.
pub(crate) fn serve(
    issuer: Arc<DevelopmentIssuer>,
    gateway: Arc<Gateway>,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let router = listener::router(desk::Desk::new(issuer, gateway), listener.local_addr()?);
    tokio::spawn(listener::serve(listener, router, stop.cancelled_owned()));
    Ok(())
}
