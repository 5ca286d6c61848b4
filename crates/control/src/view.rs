//! Tenants as operators see them: what is in force, and who set it.

use partywall_documents::{LimitsPatch, overlay};
use partywall_domain::ToolLimits;
use partywall_ledger::{Ledger, Left};
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
    let mut tenants: Vec<_> = snapshot.tenants().map(line).collect();
    tenants.sort_by(|one, other| one.name.cmp(&other.name));
    Tenants { revision: snapshot.revision().0, tenants }
}

/// One tenant, plan and overrides taken together.
pub(crate) fn tenant(ledger: &Ledger, snapshot: &Snapshot, name: &str) -> Option<Tenant> {
    let tenant = snapshot.tenant(name)?;
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
        limits: limits(tenant, &ledger.left(tenant))
            .into_iter()
            .chain(tenant.servers().flat_map(|grant| tool_limits(ledger, tenant, grant)))
            .collect(),
        servers: tenant.servers().map(|grant| server(tenant, grant)).collect(),
    })
}

/// Each limit, who set it, and what is left of it.
fn limits(tenant: &TenantConfig, left: &Left) -> Vec<Limit> {
    let (own, plan) = (tenant.document().limits.set(), tenant.plan().limits.set());
    let limit = |(index, value): (usize, u32)| {
        let name = LimitsPatch::NAMES[index];
        let origin = origin(own[index].is_some(), plan[index].is_some());
        Limit { name: name.to_owned(), value: value.into(), left: left_of(name, value, left), origin }
    };
    LimitsPatch::in_force(tenant.limits()).into_iter().enumerate().map(limit).collect()
}

/// What is left of a limit; a rate has nothing left or used, only its burst has.
fn left_of(name: &str, value: u32, left: &Left) -> Option<u64> {
    let left = match name {
        "calls_burst" => left.calls,
        "lists_burst" => left.lists,
        "handshakes_burst" => left.handshakes,
        "calls_in_flight_max" => value.saturating_sub(left.in_flight),
        "sessions_open_max" => value.saturating_sub(left.sessions_open),
        "streams_open_max" => value.saturating_sub(left.streams_open),
        "bodies_bytes_max" => value.saturating_sub(left.bodies_bytes),
        _ => return None,
    };
    Some(left.into())
}

fn origin(own: bool, plan: bool) -> String {
    match (own, plan) {
        (true, _) => "tenant",
        (false, true) => "plan",
        (false, false) => "default",
    }
    .to_owned()
}

/// The limits of a tenant's tools at one server, named by their paths in a document.
fn tool_limits(ledger: &Ledger, tenant: &TenantConfig, grant: &Grant) -> Vec<Limit> {
    let server = &grant.server().name;
    let own = tenant.document().servers.get(server).is_some_and(|patch| patch.tool_limits.is_some());
    let limits = grant.tool_limits().iter().zip(ledger.tools_left(tenant, grant));
    let rows = limits.flat_map(|(limit, (calls, in_flight))| {
        let ToolLimits { rate, calls_in_flight_max } = limit.limits;
        let row = move |name: &str, value: Option<u32>, left: Option<u32>| {
            let pattern = limit.tools.as_str();
            Some(Limit {
                name: format!("servers.{server}.tool_limits.\"{pattern}\".{name}"),
                value: value?.into(),
                left: left.map(Into::into),
                origin: origin(own, !own),
            })
        };
        [
            row("calls_per_second", rate.map(|rate| rate.0), None),
            row("calls_burst", rate.map(|rate| rate.1), calls),
            row(
                "calls_in_flight_max",
                calls_in_flight_max,
                calls_in_flight_max.map(|max| max.saturating_sub(in_flight)),
            ),
        ]
    });
    rows.flatten().collect()
}

fn server(tenant: &TenantConfig, grant: &Grant) -> Server {
    let name = &grant.server().name;
    let patch = overlay(&tenant.plan().servers, &tenant.document().servers).remove(name);
    let scopes = patch.and_then(|patch| patch.scopes).unwrap_or_default();
    Server {
        name: name.to_string(),
        placement: grant.placement().as_str().to_owned(),
        upstream: grant.upstream().map(ToString::to_string).unwrap_or_default(),
        tools: grant.tools().as_str().to_owned(),
        prompts: grant.prompts().as_str().to_owned(),
        resources: grant.resources().as_str().to_owned(),
        scopes: scopes.into_iter().map(|(tools, needed)| Scopes { tools: tools.as_str().to_owned(), needed }).collect(),
    }
}
