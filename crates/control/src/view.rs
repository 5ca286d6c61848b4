//! Tenants as operators see them: what is in force, and who set it.

use partywall_documents::{LimitsPatch, overlay};
use partywall_domain::{Limits, Placement};
use partywall_tenancy::{Grant, Snapshot, TenantConfig};

use crate::wire::{Identity, Limit, Scopes, Server, Tenant, TenantLine, Tenants};

/// Every tenant, in a line each.
pub(crate) fn tenants(snapshot: &Snapshot) -> Tenants {
    let line = |tenant: &TenantConfig| TenantLine {
        name: tenant.name().to_string(),
        id: tenant.id().to_string(),
        plan: tenant.plan().name.to_string(),
        suspended: tenant.document().suspended,
        servers: tenant.servers().map(|grant| grant.server().name.to_string()).collect(),
    };
    Tenants { revision: snapshot.revision().0, tenants: snapshot.tenants().map(line).collect() }
}

/// One tenant, plan and overrides taken together.
pub(crate) fn tenant(snapshot: &Snapshot, name: &str) -> Option<Tenant> {
    let tenant = snapshot.tenants().find(|tenant| tenant.name().as_str() == name)?;
    let document = tenant.document();
    let identities = document
        .identities
        .iter()
        .map(|identity| Identity { issuer: identity.issuer.to_string(), value: identity.value.clone() });
    Some(Tenant {
        revision: snapshot.revision().0,
        name: tenant.name().to_string(),
        id: tenant.id().to_string(),
        plan: tenant.plan().name.to_string(),
        suspended: document.suspended,
        identities: identities.collect(),
        limits: limits(tenant.limits(), document.limits, tenant.plan().limits),
        servers: tenant.servers().map(|grant| server(tenant, grant)).collect(),
    })
}

fn limits(limits: &Limits, own: LimitsPatch, plan: LimitsPatch) -> Vec<Limit> {
    let limit = |name: &str, value: u32, own: Option<u32>, plan: Option<u32>| {
        let origin = if own.is_some() {
            "tenant"
        } else if plan.is_some() {
            "plan"
        } else {
            "default"
        };
        Limit { name: name.to_owned(), value: value.into(), origin: origin.to_owned() }
    };
    let Limits { calls_per_second, calls_burst, calls_in_flight_max, streams_open_max } = *limits;
    vec![
        limit("calls_per_second", calls_per_second, own.calls_per_second, plan.calls_per_second),
        limit("calls_burst", calls_burst, own.calls_burst, plan.calls_burst),
        limit("calls_in_flight_max", calls_in_flight_max, own.calls_in_flight_max, plan.calls_in_flight_max),
        limit("streams_open_max", streams_open_max, own.streams_open_max, plan.streams_open_max),
    ]
}

fn server(tenant: &TenantConfig, grant: &Grant) -> Server {
    let name = &grant.server().name;
    let patch = overlay(&tenant.plan().servers, &tenant.document().servers).remove(name);
    let scopes = patch.and_then(|patch| patch.scopes).unwrap_or_default();
    let placement = match grant.placement() {
        Placement::Shared => "shared",
        Placement::Remote(_) => "remote",
    };
    Server {
        name: name.to_string(),
        placement: placement.to_owned(),
        upstream: grant.upstream().to_string(),
        tools: grant.tools().as_str().to_owned(),
        prompts: grant.prompts().as_str().to_owned(),
        resources: grant.resources().as_str().to_owned(),
        scopes: scopes.into_iter().map(|(tools, needed)| Scopes { tools: tools.as_str().to_owned(), needed }).collect(),
    }
}
