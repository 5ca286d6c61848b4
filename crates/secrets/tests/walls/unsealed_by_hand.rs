//! What decides for whom it is opened is not to be gone around.

use partywall_domain::{Sealed, SecretName, TenantId};
use partywall_secrets::SecretKeys;

fn read(keys: &SecretKeys, id: TenantId, name: &SecretName, sealed: &Sealed) {
    let _ = keys.unseal(id, name, sealed);
}

fn main() {}
