//! Who runs the platform. An operator is no tenant and enters none.

use aws_lc_rs::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use crate::unauthenticated::Unauthenticated;

/// Someone who may change the platform's configuration. Every admin route needs one.
#[derive(Clone, Debug)]
pub struct Operator {
    name: String,
}

impl Operator {
    /// The name that history and log show.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What verifies an operator's token: its SHA-256, so that the process does not hold the token itself.
#[derive(Clone)]
pub struct OperatorKey {
    name: String,
    digest: [u8; 32],
}

/// Fewest bytes of an operator's token: 256 bits in base64url.
const TOKEN_BYTES_MIN: usize = 43;

impl OperatorKey {
    /// The key for `token`, whose bearer acts under `name`; `None` if the token is too short to be random.
    pub fn new(name: &str, token: &str) -> Option<Self> {
        (token.len() >= TOKEN_BYTES_MIN).then(|| Self { name: name.to_owned(), digest: sha256(token) })
    }

    /// The operator behind `bearer`. Takes the same time whether it is nearly right or not at all.
    pub fn verify(&self, bearer: &str) -> Result<Operator, Unauthenticated> {
        let same: bool = sha256(bearer).ct_eq(&self.digest).into();
        if same { Ok(Operator { name: self.name.clone() }) } else { Err(Unauthenticated::Operator) }
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_an_operator() {
        let token = "0123456789abcdef0123456789abcdef0123456789abcdef";
        let key = OperatorKey::new("bootstrap", token).unwrap();
        assert_eq!(key.verify(token).unwrap().name(), "bootstrap");
        for wrong in ["", &token[1..], &format!("{token} "), &token.to_uppercase()] {
            assert!(key.verify(wrong).is_err(), "{wrong:?}");
        }
        assert!(OperatorKey::new("bootstrap", "short").is_none());
    }
}
