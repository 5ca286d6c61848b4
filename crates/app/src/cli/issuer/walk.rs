//! The way of a client to a token, and of the gateway to the keys that verify it.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use partywall_control::wire::Issuer;
use serde::Deserialize;

use super::Step;
use crate::key_source::Looker;

/// What of an issuer's metadata clients look at (RFC 8414; MCP 2026-07-28, authorization).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    authorization_endpoint: Option<String>,
    jwks_uri: Option<String>,
    registration_endpoint: Option<String>,
    code_challenge_methods_supported: Vec<String>,
    client_id_metadata_document_supported: bool,
}

/// Every step that needs no token.
pub(super) async fn walk(issuer: &Issuer) -> Vec<Step> {
    let looker = Looker::new(networks(issuer));
    let (found, metadata) = metadata(issuer, &looker).await;
    let url = issuer.keys.url.clone().or_else(|| metadata.as_ref()?.jwks_uri.clone());
    let mut steps = vec![found, keys(issuer, &looker, url.as_deref()).await];
    if let Some(metadata) = &metadata {
        steps.extend([pkce(issuer, metadata), registration(issuer, metadata)]);
    }
    steps.extend([audience(issuer), tenant(issuer)]);
    steps
}

/// What may be asked from here: as the gateway may, or anything where the gateway asks nothing.
fn networks(issuer: &Issuer) -> Vec<IpNet> {
    if issuer.keys.given {
        let all = [
            Ipv4Net::new(Ipv4Addr::UNSPECIFIED, 0).map(IpNet::V4),
            Ipv6Net::new(Ipv6Addr::UNSPECIFIED, 0).map(IpNet::V6),
        ];
        return all.into_iter().flatten().collect();
    }
    issuer.keys.private_networks.iter().filter_map(|network| network.parse().ok()).collect()
}

async fn metadata(issuer: &Issuer, looker: &Looker) -> (Step, Option<Metadata>) {
    const STEP: &str = "metadata";
    let templated = issuer.url.contains('{');
    let Some(iss) = (if templated { issuer.example.as_ref() } else { Some(&issuer.url) }) else {
        let told =
            format!("no tenant has an identity of `{}`, so there is no `iss` to ask; add one and apply", issuer.url);
        return (Step::failed(STEP, told), None);
    };
    let (place, text) = match looker.metadata(iss).await {
        Ok(found) => found,
        Err(why) => {
            let told =
                format!("{why}; write `url` as the provider writes its `issuer`, and let it be reached from here");
            return (Step::failed(STEP, told), None);
        }
    };
    match serde_json::from_slice::<Metadata>(&text) {
        Ok(metadata) if metadata.authorization_endpoint.is_none() => {
            let told = format!("{place} has no `authorization_endpoint`: people cannot sign in, only machines");
            (Step::note(STEP, told), Some(metadata))
        }
        Ok(metadata) => (Step::ok(STEP, place), Some(metadata)),
        Err(why) => (Step::failed(STEP, format!("{place} is not what RFC 8414 says: {why}")), None),
    }
}

async fn keys(issuer: &Issuer, looker: &Looker, url: Option<&str>) -> Step {
    const STEP: &str = "keys";
    if issuer.keys.given {
        return Step::ok(STEP, "given in the document; to rotate, apply both, then the new ones alone");
    }
    let Some(url) = url else {
        return Step::failed(STEP, "nothing says where they are; mend the metadata, or give `jwks_url` or `jwks`");
    };
    if let Err(why) = looker.keys(url).await {
        return Step::failed(STEP, format!("{why}; give another `jwks_url`, or the keys in `jwks`"));
    }
    match (&issuer.keys.problem, issuer.keys.known) {
        (None, true) => Step::ok(STEP, format!("{url}; the gateway has them")),
        (Some(problem), true) => {
            Step::note(STEP, format!("{url}; the gateway has older ones and could not fetch these: {problem}"))
        }
        (problem, false) => {
            let why = problem.as_deref().unwrap_or("it has not asked yet; try again");
            Step::failed(STEP, format!("{url} can be had from here, but not by the gateway: {why}"))
        }
    }
}

fn pkce(issuer: &Issuer, metadata: &Metadata) -> Step {
    const STEP: &str = "pkce";
    let methods = &metadata.code_challenge_methods_supported;
    if methods.iter().any(|method| method == "S256") {
        return Step::ok(STEP, "S256");
    }
    let hint = match issuer.profile.as_str() {
        "entra" => "Entra does S256 all the same and cannot be made to say so; use clients that do not insist",
        "keycloak" => "update Keycloak, or set the client's PKCE method to S256",
        _ => "turn on PKCE with S256 at the provider",
    };
    let told = "`code_challenge_methods_supported` has no `S256`, so MCP clients refuse to sign in";
    Step::failed(STEP, format!("{told}; {hint}"))
}

fn registration(issuer: &Issuer, metadata: &Metadata) -> Step {
    const STEP: &str = "registration";
    let (cimd, dcr) = (metadata.client_id_metadata_document_supported, metadata.registration_endpoint.is_some());
    let hint = if issuer.profile == "okta" { ", which wants an administrator's token: register by hand" } else { "" };
    match (cimd, dcr) {
        (true, true) => Step::ok(STEP, "by the URL of a client's own document (CIMD), or by itself (DCR)"),
        (true, false) => Step::ok(STEP, "by the URL of a client's own document (CIMD)"),
        (false, true) => Step::ok(STEP, format!("by itself (DCR){hint}")),
        (false, false) => Step::note(STEP, "neither CIMD nor DCR: register each client by hand, and give out its id"),
    }
}

fn audience(issuer: &Issuer) -> Step {
    const STEP: &str = "audience";
    let ours = issuer.resources.join("` or `");
    let unless = match issuer.profile.as_str() {
        "entra" => "Entra writes the API's client id into `aud`: name it in `audiences`",
        "okta" => "let the authorization server's audience be that",
        "auth0" => "let the API's identifier be that, and turn on the resource parameter compatibility profile",
        "keycloak" => "let an audience mapper add that",
        "cognito" => "tokens without `aud` count only where the document has `clients`",
        _ => "if the provider writes something else there, name that in `audiences`",
    };
    if !issuer.audiences.is_empty() {
        let told = format!("`{ours}`, one server of it, or one of `audiences`: {}", issuer.audiences.join(", "));
        return Step::ok(STEP, told);
    }
    let told = format!("`{ours}`, or one server of it; {unless}");
    if issuer.profile == "entra" { Step::failed(STEP, told) } else { Step::ok(STEP, told) }
}

fn tenant(issuer: &Issuer) -> Step {
    const STEP: &str = "tenant";
    let many = issuer.identities;
    match &issuer.tenant_claim {
        _ if many == 0 => Step::failed(STEP, "no tenant has an identity of this issuer; add one to its `identities`"),
        Some(claim) => Step::ok(STEP, format!("claim `{claim}`; identities of tenants: {many}")),
        None => Step::ok(STEP, "every token of this issuer means its one tenant"),
    }
}
