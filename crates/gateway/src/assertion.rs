//! The assertion: by it an upstream knows whose call it is. Signed by us, for that server alone, for a minute.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use partywall_domain::assertion::{LIFETIME_S, TYPE};
use partywall_domain::{Revision, TenantId};
use partywall_tenancy::TenantContext;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use serde::Serialize;

/// How long an assertion is used again. Half its life, so that what arrives has at least the other half left.
const REUSE: Duration = Duration::from_secs(LIFETIME_S / 2);
/// Assertions kept for reuse. Default 20,000: the callers of half a minute.
const KEPT_MAX: usize = 20_000;

/// Where the assertion travels when `Authorization` carries a credential that the upstream itself asks for.
const ASSERTION: HeaderName = HeaderName::from_static("partywall-assertion");
/// What stands before it in `Authorization` (RFC 6750, section 2.1), and nowhere else.
const SCHEME: &str = "Bearer ";

/// An assertion in its header: `Authorization`, or our own where that is `taken` by a credential.
pub(crate) fn placed(
    assertion: HeaderValue,
    taken: Option<&HeaderName>,
) -> Result<(HeaderName, HeaderValue), http::Error> {
    if taken != Some(&header::AUTHORIZATION) {
        return Ok((header::AUTHORIZATION, assertion));
    }
    let signed = assertion.as_bytes().strip_prefix(SCHEME.as_bytes()).unwrap_or_default();
    let mut bare = HeaderValue::from_bytes(signed)?;
    bare.set_sensitive(true);
    Ok((ASSERTION, bare))
}

/// The key that signs assertions, and what it signed lately.
pub struct Signer {
    issuer: String,
    kid: String,
    key: EncodingKey,
    jwks: String,
    kept: Cache<Spoken, (Instant, HeaderValue)>,
}

/// All that one assertion may differ by from another. Compared as it is, so no two of them are ever taken for one.
#[derive(Hash, PartialEq, Eq)]
struct Spoken {
    tenant: TenantId,
    revision: Revision,
    /// Server, issuer, subject, client, scopes.
    texts: [Box<str>; 5],
}

/// The same, borrowed, to look one up by.
#[derive(Hash)]
struct Asked<'a> {
    tenant: TenantId,
    revision: Revision,
    texts: [&'a str; 5],
}

impl Equivalent<Spoken> for Asked<'_> {
    fn equivalent(&self, spoken: &Spoken) -> bool {
        let texts = self.texts.iter().zip(&spoken.texts).all(|(asked, spoken)| **asked == **spoken);
        self.tenant == spoken.tenant && self.revision == spoken.revision && texts
    }
}

/// The claims; names from [`partywall_domain::assertion`].
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: u64,
    exp: u64,
    tenant_id: String,
    tenant_name: &'a str,
    client_id: &'a str,
    scope: &'a str,
    revision: u64,
}

impl Signer {
    /// A signer for the gateway known as `issuer`, with a P-256 key (PKCS #8). The error says why the key is none.
    pub fn new(issuer: &str, pkcs8: &[u8]) -> Result<Self, String> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(|error| format!("the signing key cannot be read: {error}"))?;
        // An uncompressed point: a byte that says so, then x and y of 32 bytes each (SEC 1, section 2.3.3).
        let point = pair.public_key().as_ref();
        let (x, y) =
            point.get(1..).and_then(|xy| xy.split_at_checked(32)).ok_or("the signing key has no public point")?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // The key's id is its RFC 7638 thumbprint: the same key has the same id on every node.
        let kid = URL_SAFE_NO_PAD.encode(thumbprint(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)));
        let jwks = format!(
            r#"{{"keys":[{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","kid":"{kid}","alg":"ES256","use":"sig"}}]}}"#
        );
        Ok(Self {
            issuer: issuer.to_owned(),
            kid,
            key: EncodingKey::from_ec_der(pkcs8),
            jwks,
            kept: Cache::new(KEPT_MAX),
        })
    }

    /// The public keys (RFC 7517).
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// The `Authorization` header that tells `server` whose call it is; `None` if signing fails.
    pub(crate) fn assertion(&self, tenant: &TenantContext, server: &str) -> Option<HeaderValue> {
        let principal = tenant.principal();
        let asked = Asked {
            tenant: tenant.id(),
            revision: tenant.revision(),
            texts: [server, principal.issuer().as_str(), principal.subject(), principal.client(), tenant.scope()],
        };
        if let Some((signed, header)) = self.kept.get(&asked)
            && signed.elapsed() < REUSE
        {
            return Some(header);
        }
        let header = self.sign(&self.claims(tenant, server)?)?;
        let Asked { tenant, revision, texts } = asked;
        let spoken = Spoken { tenant, revision, texts: texts.map(Box::from) };
        self.kept.insert(spoken, (Instant::now(), header.clone()));
        Some(header)
    }

    fn claims<'a>(&'a self, tenant: &'a TenantContext, server: &'a str) -> Option<Claims<'a>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let principal = tenant.principal();
        Some(Claims {
            iss: &self.issuer,
            aud: server,
            sub: principal.subject(),
            iat: now,
            exp: now + LIFETIME_S,
            tenant_id: tenant.id().to_string(),
            tenant_name: tenant.name().as_str(),
            client_id: principal.client(),
            scope: tenant.scope(),
            revision: tenant.revision().0,
        })
    }

    fn sign(&self, claims: &Claims<'_>) -> Option<HeaderValue> {
        let header =
            Header { typ: Some(TYPE.to_owned()), kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) };
        let token = jsonwebtoken::encode(&header, claims, &self.key).ok()?;
        let mut value = HeaderValue::from_str(&format!("{SCHEME}{token}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// An assertion that belongs to no tenant, for the gateway's own questions to a server.
    pub(crate) fn probe(&self, server: &str) -> Option<HeaderValue> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        self.sign(&Claims {
            iss: &self.issuer,
            aud: server,
            sub: "partywall-probe",
            iat: now,
            exp: now + LIFETIME_S,
            tenant_id: partywall_domain::TenantId::NOBODY.to_string(),
            tenant_name: "nobody",
            client_id: "partywall-probe",
            scope: "",
            revision: 0,
        })
    }
}

fn thumbprint(text: &str) -> impl AsRef<[u8]> {
    digest(&SHA256, text.as_bytes())
}

impl Signer {
    /// A signer that looks like this one, key id and all, and signs with a key that nobody published.
    pub(crate) fn impostor(&self) -> Option<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
        let pkcs8 = key.to_pkcs8v1().ok()?;
        Some(Self {
            issuer: self.issuer.clone(),
            kid: self.kid.clone(),
            key: EncodingKey::from_ec_der(pkcs8.as_ref()),
            jwks: String::new(),
            kept: Cache::new(1),
        })
    }
}
