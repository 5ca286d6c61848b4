//! A key set (RFC 7517) reduced to what can verify an assertion: ES256 keys by id.

use std::collections::HashMap;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};

use super::InvalidKeys;

/// Keys in one set. The gateway publishes three: previous, current, next.
const KEYS_MAX: usize = 16;

#[derive(Default)]
pub(super) struct KeySet(HashMap<String, DecodingKey>);

impl KeySet {
    /// The usable keys of a document. Keys for other purposes are passed over; a doubled id spoils the set, because
    /// the document does not say which is meant.
    pub(super) fn parse(json: &[u8]) -> Result<Self, InvalidKeys> {
        let set: JwkSet = serde_json::from_slice(json).map_err(|error| InvalidKeys::Set(error.to_string()))?;
        if set.keys.len() > KEYS_MAX {
            return Err(InvalidKeys::Set(format!("more than {KEYS_MAX} keys")));
        }
        let mut keys = HashMap::new();
        for (id, key) in set.keys.iter().filter_map(usable) {
            if keys.insert(id.to_owned(), key).is_some() {
                return Err(InvalidKeys::Set(format!("key id `{id}` stands there twice")));
            }
        }
        Ok(Self(keys))
    }

    pub(super) fn find(&self, key_id: &str) -> Option<DecodingKey> {
        self.0.get(key_id).cloned()
    }
}

fn usable(jwk: &Jwk) -> Option<(&str, DecodingKey)> {
    let AlgorithmParameters::EllipticCurve(parameters) = &jwk.algorithm else { return None };
    let signs = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let es256 = matches!(jwk.common.key_algorithm, None | Some(KeyAlgorithm::ES256));
    let p256 = parameters.curve == EllipticCurve::P256;
    let id = jwk.common.key_id.as_deref().filter(|_| signs && es256 && p256)?;
    Some((id, DecodingKey::from_jwk(jwk).ok()?))
}
