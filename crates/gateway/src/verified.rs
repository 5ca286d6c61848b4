//! Tokens that were verified lately, so that a caller's next call costs a hash and not a signature.
//!
//! What is kept is the outcome for one token at one resource under one state of the issuer: its document and its keys.
//! It is never used past the token's end, nor once either of the two is another. Failures are not kept: a key that
//! arrives a moment later must not find the door shut.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Context, SHA256};
use partywall_identity::{KeySet, KeySource, Principal, Resource};
use partywall_tenancy::Snapshot;
use quick_cache::sync::Cache;

/// Tokens kept. Default 20,000: the callers of a busy hour, about 10 MiB, with room, since a cache in parts is full before
/// each of its parts is.
const KEPT_MAX: usize = 20_000;

pub(crate) struct Verified(Cache<[u8; 32], Entry>);

#[derive(Clone)]
struct Entry {
    principal: Principal,
    /// Its keys as they were, where they are fetched.
    keys: Option<Arc<KeySet>>,
}

impl Default for Verified {
    fn default() -> Self {
        Self(Cache::new(KEPT_MAX))
    }
}

impl Verified {
    /// The principal of this token, if it was verified for this resource and nothing has changed since.
    pub(crate) fn get(
        &self,
        snapshot: &Snapshot,
        keys: &dyn KeySource,
        token: &str,
        resource: &Resource,
    ) -> Option<Principal> {
        let Entry { principal, keys: then } = self.0.get(&digest(token, resource))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let issuer = snapshot.issuer_named(principal.issuer())?;
        let same_keys = match (then, issuer.given().is_none().then(|| keys.known(issuer.settings())).flatten()) {
            (None, None) => true,
            (Some(then), Some(now)) => Arc::ptr_eq(&then, &now),
            _ => false,
        };
        (now < principal.expires() && issuer.epoch() == principal.epoch() && same_keys).then_some(principal)
    }

    /// Keeps the outcome; `keys` are those that were fetched and verified it.
    pub(crate) fn put(&self, token: &str, resource: &Resource, principal: &Principal, keys: Option<Arc<KeySet>>) {
        let entry = Entry { principal: principal.clone(), keys };
        self.0.insert(digest(token, resource), entry);
    }
}

/// The cache holds no token, only what it hashes to.
fn digest(token: &str, resource: &Resource) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&(token.len() as u64).to_be_bytes());
    context.update(token.as_bytes());
    context.update(resource.url().as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}
