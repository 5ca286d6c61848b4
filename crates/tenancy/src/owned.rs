//! What a client carries for us and could guess, steal or replay: sealed for one principal.
//!
//! An [`Owned`] value opens only for the tenant, issuer, subject and client that it was sealed for: the four are the
//! associated data of the AEAD (AES-256-GCM), with the kind of value beside them, so that a session id is never a
//! cursor. It stands on no server, so any node with the key opens it.

use std::marker::PhantomData;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::context::TenantContext;

/// Bytes of a key's id, which stands in front of what it sealed.
const KEY_ID_BYTES: usize = 4;
/// Longest sealed text, in bytes: a header line.
const TEXT_BYTES_MAX: usize = 4096;

/// Something that can be sealed.
pub trait Portable: Sized {
    /// The kind of value; no two types share one.
    const KIND: &'static str;
    /// The value as bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// The value of those bytes; `None` if they are not one.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// A value sealed for one principal, as text (base64url, so visible ASCII).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned<T> {
    text: String,
    kind: PhantomData<fn() -> T>,
}

impl<T: Portable> Owned<T> {
    /// Seals `value` for the principal of this context.
    ///
    /// # Errors
    /// `None` if the system has no randomness left to give.
    pub fn seal(tenant: &TenantContext, keys: &SealKeys, value: &T) -> Option<Self> {
        let mut bytes = value.to_bytes();
        let aad = Aad::from(owner(T::KIND, tenant));
        let nonce = keys.current.key.seal_in_place_append_tag(aad, &mut bytes).ok()?;
        let whole = [&keys.current.id[..], nonce.as_ref(), &bytes].concat();
        Some(Self { text: URL_SAFE_NO_PAD.encode(whole), kind: PhantomData })
    }

    /// A text that claims to be sealed.
    pub fn claimed(text: &str) -> Self {
        Self { text: text.to_owned(), kind: PhantomData }
    }

    /// The text to give to the client.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value, if it was sealed for this principal by one of our keys.
    pub fn open(&self, tenant: &TenantContext, keys: &SealKeys) -> Option<T> {
        if self.text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let whole = URL_SAFE_NO_PAD.decode(&self.text).ok()?;
        let (id, rest) = whole.split_at_checked(KEY_ID_BYTES)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let key = keys.find(id)?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(owner(T::KIND, tenant));
        let plain = key.key.open_in_place(Nonce::try_assume_unique_for_key(nonce).ok()?, aad, &mut sealed).ok()?;
        T::from_bytes(plain)
    }
}

/// Tenant, issuer, subject and client, each with its length, so that no two owners spell alike.
fn owner(kind: &str, tenant: &TenantContext) -> Vec<u8> {
    let principal = tenant.principal();
    let id = tenant.id().to_string();
    let mut bytes = Vec::with_capacity(256);
    for part in [kind, &id, principal.issuer().as_str(), principal.subject(), principal.client()] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// A key that seals, with the id by which a sealed text names it.
pub struct SealKey {
    id: [u8; KEY_ID_BYTES],
    key: RandomizedNonceKey,
}

impl SealKey {
    /// A key of 256 bits.
    ///
    /// # Errors
    /// `None` if the library refuses the key.
    pub fn new(id: [u8; KEY_ID_BYTES], bytes: &[u8; 32]) -> Option<Self> {
        Some(Self { id, key: RandomizedNonceKey::new(&AES_256_GCM, bytes).ok()? })
    }
}

/// The keys that open, and the one among them that seals.
pub struct SealKeys {
    current: SealKey,
    previous: Vec<SealKey>,
}

impl SealKeys {
    /// New values are sealed with `current`; `previous` only open.
    pub fn new(current: SealKey, previous: Vec<SealKey>) -> Self {
        Self { current, previous }
    }

    fn find(&self, id: &[u8]) -> Option<&SealKey> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.id == id)
    }
}
