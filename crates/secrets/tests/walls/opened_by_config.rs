//! An operator's view of a tenant shows that there are secrets, and opens none.

use partywall_domain::SecretName;
use partywall_secrets::SecretKeys;
use partywall_tenancy::TenantConfig;

fn read(keys: &SecretKeys, tenant: &TenantConfig, name: &SecretName) {
    let _ = keys.open(tenant, name);
}

fn main() {}
