//! An OAuth authorization server that the platform trusts, with the keys it signs with.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use partywall_domain::IssuerName;

/// Most keys of one issuer. Default 32: rotation needs two or three.
const KEYS_MAX: usize = 32;

/// Which `typ`, scope and client claims to expect of an issuer's access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// JWT Profile for OAuth 2.0 Access Tokens (RFC 9068): `typ` is `at+jwt`, which no ID token has.
    Rfc9068,
}

impl Profile {
    /// The word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rfc9068 => "rfc9068",
        }
    }
}

/// What an operator says of an issuer.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The name of its document.
    pub name: IssuerName,
    /// Its `iss`, compared byte for byte.
    pub url: String,
    /// How its tokens are shaped.
    pub profile: Profile,
    /// Where in its tokens the tenant stands: member names joined by `.`; none if the issuer alone says it.
    pub tenant_claim: Option<String>,
    /// Its JWK set (RFC 7517, section 5), as JSON text.
    pub jwks: String,
    /// Whether clients that have no token yet are told of it.
    pub listed: bool,
    /// Whether it is the demo's issuer, whose tokens anybody with the data folder can make.
    pub development: bool,
}

/// A trusted issuer, ready to verify with. Part of the snapshot.
pub struct Issuer {
    settings: IssuerSettings,
    keys: Vec<Key>,
}

pub(crate) struct Key {
    kid: Option<String>,
    algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

impl Issuer {
    /// Reads the keys. The error says what is wrong with the set.
    pub fn new(settings: IssuerSettings) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_str(&settings.jwks).map_err(|error| format!("not a JWK set: {error}"))?;
        if set.keys.is_empty() || set.keys.len() > KEYS_MAX {
            return Err(format!("a JWK set of 1 to {KEYS_MAX} keys is expected, this one has {}", set.keys.len()));
        }
        let keys = set.keys.iter().map(key).collect::<Result<_, _>>()?;
        Ok(Self { settings, keys })
    }

    /// What the operator said of it.
    pub fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// The key that a token with this `kid` and `alg` must verify with. A token without `kid` names a key only where
    /// there is one candidate.
    pub(crate) fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut candidates =
            self.keys.iter().filter(|key| key.algorithm == algorithm && (kid.is_none() || key.kid.as_deref() == kid));
        let first = candidates.next()?;
        candidates.next().is_none().then_some(first)
    }
}

fn key(jwk: &Jwk) -> Result<Key, String> {
    let kid = jwk.common.key_id.clone();
    let named = kid.as_deref().unwrap_or("without kid");
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return Err(format!("key `{named}` is not RSA, P-256 or Ed25519")),
    };
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return Err(format!("key `{named}` is for encryption; give the signing keys only"));
    }
    if jwk.common.key_algorithm.is_some_and(|declared| declared.to_string() != format!("{algorithm:?}")) {
        return Err(format!("key `{named}` declares an `alg` that is not {algorithm:?}"));
    }
    let decoding = DecodingKey::from_jwk(jwk).map_err(|error| format!("key `{named}` cannot be read: {error}"))?;
    Ok(Key { kid, algorithm, decoding })
}
