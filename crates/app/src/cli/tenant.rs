//! `partywall tenant`: who there is, and what is in force for one.

use std::process::ExitCode;

use partywall_control::wire::{Identity, Server, Tenant, Tenants};

use super::{Format, print};
use crate::admin_client::AdminClient;

/// Lists the tenants.
pub(crate) async fn list(client: &AdminClient, output: Format) -> anyhow::Result<ExitCode> {
    let tenants = client.tenants().await?;
    match output {
        Format::Json => print::json(&tenants)?,
        Format::Table => {
            print::data(&lines(&tenants))?;
            eprintln!("{} tenants at revision {}", tenants.tenants.len(), tenants.revision);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows one tenant.
pub(crate) async fn show(client: &AdminClient, name: &str, output: Format) -> anyhow::Result<ExitCode> {
    let tenant = client.tenant(name).await?;
    match output {
        Format::Json => print::json(&tenant)?,
        Format::Table => print::data(&page(&tenant))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(tenants: &Tenants) -> String {
    let rows = tenants.tenants.iter().map(|tenant| {
        [
            tenant.name.clone(),
            tenant.plan.clone(),
            state(tenant.suspended),
            tenant.servers.join(", "),
            tenant.id.clone(),
        ]
    });
    print::table(["name", "plan", "state", "servers", "id"], rows)
}

pub(super) fn page(tenant: &Tenant) -> String {
    let facts = [
        ["tenant", &tenant.name],
        ["id", &tenant.id],
        ["plan", &tenant.plan],
        ["state", &state(tenant.suspended)],
        ["revision", &tenant.revision.to_string()],
    ];
    let facts: Vec<_> = facts.iter().map(|[name, value]| format!("{name:<9} {}", print::plain(value))).collect();
    let identities = tenant
        .identities
        .iter()
        .map(|Identity { issuer, value }| [issuer.clone(), value.clone().unwrap_or_else(|| "every token".to_owned())]);
    let limits = tenant.limits.iter().map(|limit| {
        let left = limit.left.map(|left| left.to_string()).unwrap_or_default();
        [limit.name.clone(), limit.value.to_string(), left, limit.origin.clone()]
    });
    [
        facts.join("\n"),
        print::table(["identity", "value"], identities),
        print::table(["limit", "value", "left", "origin"], limits),
        print::table(["server", "placement", "upstream", "may call", "which"], tenant.servers.iter().flat_map(grants)),
    ]
    .join("\n\n")
}

/// A line for each thing that the tenant may call on a server; one that says so where it may call nothing.
fn grants(server: &Server) -> Vec<[String; 5]> {
    let granted = [("tools", &server.tools), ("prompts", &server.prompts), ("resources", &server.resources)];
    let granted = granted.into_iter().filter(|(_, globs)| !globs.is_empty());
    let mut cells: Vec<_> = granted.map(|(what, globs)| [what.to_owned(), globs.clone()]).collect();
    cells.extend(
        server
            .scopes
            .iter()
            .map(|scopes| ["needs scopes".to_owned(), format!("{}: {}", scopes.tools, scopes.needed.join(" "))]),
    );
    if cells.is_empty() {
        cells.push(["nothing".to_owned(), String::new()]);
    }
    let line = |(index, [what, which]): (usize, [String; 2])| {
        let first = |text: &String| if index == 0 { text.clone() } else { String::new() };
        [first(&server.name), first(&server.placement), first(&server.upstream), what, which]
    };
    cells.into_iter().enumerate().map(line).collect()
}

fn state(suspended: bool) -> String {
    if suspended { "suspended" } else { "active" }.to_owned()
}

#[cfg(test)]
mod tests {
    use partywall_control::wire::{Limit, Scopes};

    use super::*;

    #[test]
    fn a_tenant_fits_on_a_page() {
        let server = |name: &str, tools: &str, scopes| Server {
            name: name.to_owned(),
            placement: "shared".to_owned(),
            upstream: "http://127.0.0.1:9001/mcp".to_owned(),
            tools: tools.to_owned(),
            prompts: String::new(),
            resources: String::new(),
            scopes,
        };
        let limit = |name: &str, value, left, origin: &str| {
            let (name, origin) = (name.to_owned(), origin.to_owned());
            Limit { name, value, left, origin }
        };
        let scopes = vec![Scopes { tools: "create_*".to_owned(), needed: vec!["notes:write".to_owned()] }];
        let tenant = Tenant {
            revision: 7,
            name: "acme".to_owned(),
            id: "00000000-0000-4000-8000-000000000000".to_owned(),
            plan: "standard".to_owned(),
            suspended: true,
            identities: vec![Identity { issuer: "corporate".to_owned(), value: None }],
            limits: vec![limit("calls_per_second", 5, None, "plan"), limit("calls_burst", 10, Some(7), "default")],
            servers: vec![server("notes", "* but not delete_*", scopes), server("files", "", Vec::new())],
        };
        let expected = "\
tenant    acme
id        00000000-0000-4000-8000-000000000000
plan      standard
state     suspended
revision  7

IDENTITY   VALUE
corporate  every token

LIMIT             VALUE  LEFT  ORIGIN
calls_per_second  5            plan
calls_burst       10     7     default

SERVER  PLACEMENT  UPSTREAM                   MAY CALL      WHICH
notes   shared     http://127.0.0.1:9001/mcp  tools         * but not delete_*
                                              needs scopes  create_*: notes:write
files   shared     http://127.0.0.1:9001/mcp  nothing";
        assert_eq!(page(&tenant), expected);
    }
}
