//! The credential that an upstream asks for: the calling tenant's own secret, in the header that the catalog names.
//!
//! It is opened for the one request and kept nowhere. There is no other to fall back on.

use http::{HeaderName, HeaderValue};
use partywall_domain::{Auth, RefusalCode, Secret};
use partywall_secrets::SecretKeys;
use partywall_tenancy::TenantContext;

use crate::refusal::Refusal;

/// A header with the tenant's secret.
pub(super) type Credential = (HeaderName, HeaderValue);

/// What this tenant shows to this server beside the assertion; none where it asks for nothing.
pub(super) fn of(keys: &SecretKeys, tenant: &TenantContext, server: &str) -> Result<Option<Credential>, Refusal> {
    let auth = tenant.grant(server).map(|grant| &grant.server().auth);
    let Some(Auth::Header { name, prefix, secret }) = auth else { return Ok(None) };
    let missing = |why: String| Refusal::new(RefusalCode::NoCredential, why);
    let value = keys.open(tenant, secret).map_err(|why| missing(why.to_string()))?;
    let header = header(name, prefix, &value);
    header.map(Some).ok_or_else(|| missing(format!("secret `{secret}` does not fit into header `{name}`")))
}

fn header(name: &str, prefix: &str, value: &Secret) -> Option<Credential> {
    let text = Secret::new([prefix, value.reveal()].concat());
    let mut value = HeaderValue::from_bytes(text.reveal().as_bytes()).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
}
