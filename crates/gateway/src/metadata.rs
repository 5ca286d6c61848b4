//! Protected resource metadata (RFC 9728): where a client without a token finds out whom to ask for one.

use partywall_tenancy::{Snapshot, TenantConfig};
use serde::Serialize;

use crate::Gateway;
use crate::endpoint::Endpoint;
use crate::public_url::{METADATA, PublicUrl};

#[derive(Serialize)]
struct ResourceMetadata<'a> {
    resource: String,
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<&'a str>,
    bearer_methods_supported: [&'static str; 1],
    resource_name: &'static str,
}

/// The metadata of the resource that the path names. It is the same whether the server exists or not.
///
/// It names the issuers that are marked as listed, and on a customer's connect URL that customer's own. An id that is
/// nobody's answers like one of a customer without an issuer of its own.
pub(crate) fn resource(gateway: &Gateway, endpoint: &Endpoint) -> String {
    let snapshot = gateway.snapshot.load();
    let named = endpoint.connect.as_ref().and_then(|id| snapshot.connect(id.as_str()));
    let own = named.map(|tenant| own_issuers(&snapshot, tenant, &gateway.public_url)).unwrap_or_default();
    let scopes_supported = match &own[..] {
        [] => gateway.public_url.scopes().collect(),
        [(_, theirs)] => theirs.clone(),
        // Nobody knows which of them a client will ask.
        _ => Vec::new(),
    };
    let mut authorization_servers: Vec<_> = own.into_iter().map(|(url, _)| url).collect();
    if authorization_servers.is_empty() {
        authorization_servers = listed_issuers(&snapshot);
    }
    authorization_servers.sort_unstable();
    authorization_servers.dedup();
    let path = endpoint.path.strip_prefix(METADATA).filter(|path| !path.is_empty()).unwrap_or("/mcp");
    let metadata = ResourceMetadata {
        resource: format!("{}{path}", gateway.public_url.as_str()),
        authorization_servers: &authorization_servers,
        scopes_supported,
        bearer_methods_supported: ["header"],
        resource_name: "Partywall",
    };
    serde_json::to_string(&metadata).unwrap_or_default()
}

fn listed_issuers(snapshot: &Snapshot) -> Vec<String> {
    let listed = snapshot.issuers().map(partywall_identity::Issuer::settings).filter(|issuer| issuer.listed);
    // Where each of a provider's tenants has an issuer of its own there is none to show to everybody.
    listed.map(|issuer| issuer.url.clone()).filter(|url| !url.contains('{')).collect()
}

/// The customer's issuers that are not everybody's, each with what it calls the scopes that clients shall ask for. What
/// it has no name for it is not asked for: it would refuse the whole request.
fn own_issuers<'a>(snapshot: &Snapshot, tenant: &'a TenantConfig, url: &PublicUrl) -> Vec<(String, Vec<&'a str>)> {
    let identities = tenant.document().identities.iter();
    let own = identities.filter_map(|identity| {
        let issuer = snapshot.issuer_named(&identity.issuer).filter(|issuer| !issuer.settings().listed)?;
        let value = identity.value.as_deref().unwrap_or_default();
        let named = issuer.url_for(value).unwrap_or_else(|| issuer.settings().url.clone());
        Some((named, url.scopes().filter_map(|scope| identity.theirs(scope, |_| false)).collect()))
    });
    own.collect()
}
