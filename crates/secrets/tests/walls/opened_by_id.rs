//! To know a tenant's id is not to have what is the tenant's.

use partywall_domain::{SecretName, TenantId};
use partywall_secrets::SecretKeys;

fn read(keys: &SecretKeys, id: &TenantId, name: &SecretName) {
    let _ = keys.open(id, name);
}

fn main() {}
