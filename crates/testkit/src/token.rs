//! An authorization server as a test needs one: a throwaway key, its JWK set, and tokens signed with it.
//!
//! It signs whatever it is told to, so that a test can forge. It speaks no OAuth, and it knows nothing of Partywall:
//! what it signs is believed only where a document says that this issuer is trusted.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// Seconds for which a token is valid unless a test says otherwise. Default 300: what real issuers give for an API.
pub const LIFETIME_S: u64 = 300;
/// The `kid` of an issuer's key unless a test says otherwise. The same for all: a `kid` is unique in its set only.
pub const KID: &str = "key-1";

/// What an issuer signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 (RFC 7518, section 3.4).
    Es256,
    /// Ed25519 (RFC 8037, section 3.1).
    EdDsa,
    /// RSA of 2048 bits, PKCS #1 v1.5 (RFC 7518, section 3.3).
    Rs256,
}

impl Algorithm {
    /// Its `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }
}

/// An issuer with one throwaway key.
pub struct Issuer {
    url: String,
    kid: String,
    key: Key,
}

enum Key {
    P256(Box<EcdsaKeyPair>),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl Issuer {
    /// An issuer with a fresh P-256 key.
    pub fn new(url: &str) -> Self {
        Self::with(url, KID, Algorithm::Es256)
    }

    /// An issuer with a fresh key of that kind and name.
    pub fn with(url: &str, kid: &str, algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Box::new).map(Key::P256),
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Key::Ed25519),
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Box::new).map(Key::Rsa),
        };
        Self { url: url.to_owned(), kid: kid.to_owned(), key: key.expect("the system has randomness") }
    }

    /// Its `iss`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match self.key {
            Key::P256(_) => Algorithm::Es256,
            Key::Ed25519(_) => Algorithm::EdDsa,
            Key::Rsa(_) => Algorithm::Rs256,
        }
    }

    /// The public key (RFC 7517, section 4).
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) })
            }
            Key::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
            }
            Key::Rsa(pair) => json!({ "kty": "RSA", "n": encode(modulus(pair)), "e": "AQAB" }),
        };
        jwk["kid"] = self.kid.as_str().into();
        jwk["alg"] = self.algorithm().as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The set with the one public key (RFC 7517, section 5).
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// The header of an access token by this issuer.
    pub fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": self.algorithm().as_str(), "kid": self.kid })
    }

    /// Claims for a token that opens `audience` now, to be changed as the test needs.
    pub fn claims(&self, audience: &str) -> Claims {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let claims = Claims(Map::new()).with("iss", self.url.as_str()).with("aud", audience);
        claims.with("sub", "ann").with("client_id", "agent").with("scope", "").issued_at(now)
    }

    /// A signed access token with these claims.
    pub fn token(&self, claims: impl Into<Value>) -> String {
        self.raw(self.header().to_string(), claims.into().to_string())
    }

    /// A token of this header and this payload, whatever they are, signed.
    pub fn raw(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        format!("{signed}.{}", self.signature(&signed))
    }

    /// The signature alone, in base64url.
    pub fn signature(&self, signed: &str) -> String {
        let (random, bytes) = (SystemRandom::new(), signed.as_bytes());
        match &self.key {
            Key::P256(pair) => encode(pair.sign(&random, bytes).expect("a fresh key signs")),
            Key::Ed25519(pair) => encode(pair.sign(bytes)),
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).expect("a fresh key signs");
                encode(signature)
            }
        }
    }
}

/// The modulus out of the public key's DER (RFC 8017, appendix A.1.1): of 2048 bits, so it stands at a fixed place.
fn modulus(pair: &RsaKeyPair) -> &[u8] {
    &pair.public_key().as_ref()[9..9 + 256]
}

/// Claims of a token.
#[must_use]
#[derive(Clone, Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// With this claim.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Without this claim.
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// For this subject.
    pub fn subject(self, subject: &str) -> Self {
        self.with("sub", subject)
    }

    /// For this client.
    pub fn client(self, client: &str) -> Self {
        self.with("client_id", client)
    }

    /// With this value of the claim `tenant`.
    pub fn tenant(self, value: &str) -> Self {
        self.with("tenant", value)
    }

    /// With these scopes, separated by spaces.
    pub fn scope(self, scope: &str) -> Self {
        self.with("scope", scope)
    }

    /// Issued at that second, for [`LIFETIME_S`].
    pub fn issued_at(self, at_s: u64) -> Self {
        self.with("iat", at_s).with("exp", at_s + LIFETIME_S)
    }
}

impl From<Claims> for Value {
    fn from(claims: Claims) -> Self {
        Self::Object(claims.0)
    }
}

/// Base64url without padding (RFC 7515, section 2).
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
