//! Protected resource metadata (RFC 9728): where a client without a token finds out whom to ask for one.

use serde::Serialize;

use crate::Gateway;

#[derive(Serialize)]
struct ResourceMetadata<'a> {
    resource: String,
    authorization_servers: Vec<&'a str>,
    bearer_methods_supported: [&'static str; 1],
    resource_name: &'static str,
}

/// The metadata of the resource at `path`. It is the same whether the server exists or not, and names only issuers
/// that are marked as listed: a customer's own is nobody else's business.
pub(crate) fn resource(gateway: &Gateway, path: &str) -> String {
    let snapshot = gateway.snapshot.load();
    let listed = snapshot.issuers().filter(|issuer| issuer.settings().listed);
    let mut authorization_servers: Vec<_> = listed.map(|issuer| issuer.settings().url.as_str()).collect();
    authorization_servers.sort_unstable();
    let path = if path.is_empty() { "/mcp" } else { path };
    let metadata = ResourceMetadata {
        resource: format!("{}{path}", gateway.public_url.as_str()),
        authorization_servers,
        bearer_methods_supported: ["header"],
        resource_name: "Partywall",
    };
    serde_json::to_string(&metadata).unwrap_or_default()
}
