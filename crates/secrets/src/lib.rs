//! Secrets of tenants: sealed when they are set, opened for the tenant's own calls and for nothing else.
//!
//! AES-256-GCM with a random nonce (NIST SP 800-38D); the associated data are the key's epoch, the tenant's id and the
//! secret's name. Ciphertext that is put under another tenant or another name does not open. Whoever has the keys may
//! seal; to open, a [`TenantContext`](partywall_tenancy::TenantContext) is needed. It keeps nothing and knows no store.

mod keys;
mod open;
mod seal;

pub use keys::{SecretKey, SecretKeys};
pub use open::NotOpened;
pub use seal::{NotSealed, SECRET_BYTES_MAX};

#[cfg(test)]
mod tests;
