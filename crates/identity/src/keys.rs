//! An issuer's public keys, each with the algorithms that it may verify.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Most keys of one issuer. Default 32: rotation needs two or three, large providers publish a dozen.
const KEYS_MAX: usize = 32;

const RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// The algorithm of that name, if it is one that is accepted: signatures by a private key, nothing else.
pub fn algorithm_of(name: &str) -> Option<Algorithm> {
    let all = RSA.iter().chain(&[Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA]);
    all.copied().find(|algorithm| format!("{algorithm:?}") == name)
}

/// A JWK set (RFC 7517, section 5), read.
pub struct KeySet(Vec<Key>);

pub(crate) struct Key {
    kid: Option<String>,
    algorithms: &'static [Algorithm],
    /// The one algorithm that the key was published for, where it says so.
    declared: Option<Algorithm>,
    /// The one `iss` that the key is for, where its set says so, as Microsoft's do.
    issuer: Option<String>,
    pub(crate) decoding: DecodingKey,
}

#[derive(Deserialize)]
struct Wire {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set that an operator gave: every key must be one that can verify.
    pub fn given(text: &str) -> Result<Self, String> {
        Self::read(text.as_bytes())?.into_iter().map(|jwk| key(&jwk)).collect::<Result<_, _>>().map(Self)
    }

    /// Reads a set that an issuer published: keys that are not for us (encryption, other curves) are passed over.
    pub fn published(bytes: &[u8]) -> Result<Self, String> {
        let keys: Vec<_> = Self::read(bytes)?.iter().filter_map(|jwk| key(jwk).ok()).collect();
        if keys.is_empty() { Err("no key in the set can verify signatures".to_owned()) } else { Ok(Self(keys)) }
    }

    /// Whether a key has this id.
    pub fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    fn read(bytes: &[u8]) -> Result<Vec<Value>, String> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| format!("not a JWK set: {error}"))?;
        match wire.keys.len() {
            1..=KEYS_MAX => Ok(wire.keys),
            other => Err(format!("a JWK set of 1 to {KEYS_MAX} keys is expected, this one has {other}")),
        }
    }

    /// The key that a token with this `kid` and `alg` must verify with. A token without `kid` names a key only where
    /// there is one candidate.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let fits = |key: &&Key| key.allows(algorithm) && (kid.is_none() || key.kid.as_deref() == kid);
        let mut candidates = self.0.iter().filter(fits);
        let first = candidates.next()?;
        candidates.next().is_none().then_some(first)
    }
}

impl Key {
    /// Whether the key is for this `iss`. Of a set for many directories some keys are for one of them alone: that of
    /// personal accounts must not sign for a company. `{tenantid}` stands for any.
    pub(crate) fn speaks_for(&self, iss: &str) -> bool {
        self.issuer.as_deref().is_none_or(|own| own == iss || own.contains("{tenantid}"))
    }

    fn allows(&self, algorithm: Algorithm) -> bool {
        self.declared.map_or(self.algorithms.contains(&algorithm), |declared| declared == algorithm)
    }
}

fn key(value: &Value) -> Result<Key, String> {
    let jwk = Jwk::deserialize(value).map_err(|error| format!("not a JWK: {error}"))?;
    let kid = jwk.common.key_id.clone();
    let named = kid.as_deref().unwrap_or("without kid");
    let algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => RSA,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P384 => &[Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => return Err(format!("key `{named}` is not RSA, P-256, P-384 or Ed25519")),
    };
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return Err(format!("key `{named}` is for encryption; give the signing keys only"));
    }
    let declared = jwk.common.key_algorithm.map(|declared| declared.to_string());
    let declared = declared
        .map(|name| algorithm_of(&name).filter(|algorithm| algorithms.contains(algorithm)).ok_or(name))
        .transpose()
        .map_err(|name| format!("key `{named}` declares `{name}`, which is not an algorithm of its kind"))?;
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|error| format!("key `{named}` cannot be read: {error}"))?;
    // What is no text is no `iss` either.
    let issuer = value.get("issuer").map(|own| own.as_str().unwrap_or_default().to_owned());
    Ok(Key { kid, algorithms, declared, issuer, decoding })
}
