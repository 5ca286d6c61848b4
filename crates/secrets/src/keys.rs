//! The keys: one seals, and those of earlier epochs open what they sealed until it is sealed anew.

use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use partywall_domain::{SecretName, TenantId};

/// What the ciphertext is, so that no other use of AES-GCM here spells the same associated data.
const PURPOSE: &[u8] = b"partywall secret 1";

/// The key of one epoch.
pub struct SecretKey {
    pub(crate) epoch: u32,
    pub(crate) key: RandomizedNonceKey,
}

impl SecretKey {
    /// A key of 256 bits.
    ///
    /// # Errors
    /// `None` if the library refuses the key.
    pub fn new(epoch: u32, bytes: &[u8; 32]) -> Option<Self> {
        Some(Self { epoch, key: RandomizedNonceKey::new(&AES_256_GCM, bytes).ok()? })
    }
}

/// The keys that open, and the one among them that seals.
pub struct SecretKeys {
    pub(crate) current: SecretKey,
    earlier: Vec<SecretKey>,
}

impl SecretKeys {
    /// Secrets are sealed with `current`; those `earlier` only open.
    pub fn new(current: SecretKey, earlier: Vec<SecretKey>) -> Self {
        Self { current, earlier }
    }

    /// The epoch in which secrets are sealed now.
    pub fn epoch(&self) -> u32 {
        self.current.epoch
    }

    pub(crate) fn find(&self, epoch: u32) -> Option<&SecretKey> {
        std::iter::once(&self.current).chain(&self.earlier).find(|key| key.epoch == epoch)
    }
}

/// What a ciphertext is bound to. The parts before the name have one length each, so no two bindings spell alike.
pub(crate) fn binding(epoch: u32, tenant: TenantId, name: &SecretName) -> Vec<u8> {
    [PURPOSE, &epoch.to_be_bytes(), tenant.to_string().as_bytes(), name.as_str().as_bytes()].concat()
}
