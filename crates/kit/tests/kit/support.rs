//! A throwaway gateway: a key, its key set, and assertions with whatever header and claims a test wants.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use partywall_kit::{Caller, Keys, Settings, Verifier};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://mcp.example";
pub(crate) const AUDIENCE: &str = "notes";
pub(crate) const ACME: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const GLOBEX: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

pub(crate) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn jwks(&self) -> String {
        let point = self.0.public_key().as_ref(); // 0x04, x, y
        let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k1", "x": x, "y": y}]})
            .to_string()
    }

    /// The public key in the bytes that a confused verifier would take for an HMAC secret.
    pub(crate) fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// A JWS over exactly these texts.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64(header.as_bytes()), base64(claims.as_bytes()));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64(signature.as_ref()))
    }

    pub(crate) fn assertion(&self, tenant: &str, subject: &str) -> String {
        let mut claims = claims();
        claims["tenant_id"] = tenant.into();
        claims["sub"] = subject.into();
        self.sign(&header().to_string(), &claims.to_string())
    }

    pub(crate) fn verifier(&self) -> Verifier {
        let keys = Keys::fixed(&self.jwks()).unwrap();
        Verifier::new(Settings { issuer: ISSUER.into(), audience: AUDIENCE.into(), keys })
    }

    pub(crate) async fn caller(&self, tenant: &str) -> Caller {
        self.verifier().verify(&bearer(&self.assertion(tenant, "ann"))).await.unwrap()
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn header() -> Value {
    json!({"alg": "ES256", "typ": "partywall+jwt", "kid": "k1"})
}

pub(crate) fn claims() -> Value {
    claims_at(now_s())
}

/// The claims of an assertion signed at this second: a test that counts from one clock reading passes it here.
pub(crate) fn claims_at(now: u64) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 60,
        "tenant_id": ACME, "tenant_name": "acme", "client_id": "cli", "scope": "notes:read notes:write", "revision": 42,
    })
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    headers(&[("authorization", &format!("Bearer {token}"))])
}

pub(crate) fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}
