//! The plan document, and the two parts it shares with a tenant's: limits and servers, each field optional.

use std::collections::BTreeMap;

use partywall_domain::{Floor, Placement, PlanName, ServerName};

use crate::globs::Globs;
use crate::limits::{LimitsPatch, ToolLimit};
use crate::require;
use crate::server::upstream_url;
use crate::table::Table;

/// Most scopes that one tool may need.
const SCOPES_MAX: usize = 16;

/// A named set of defaults.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: PlanName,
    /// The limits it sets.
    pub limits: LimitsPatch,
    /// The servers it grants.
    pub servers: BTreeMap<ServerName, ServerPatch>,
    /// The scopes that a customer's own issuer may give; it could give itself any.
    pub own_issuer_scopes: Globs,
    /// How its tenants' instances must be kept apart, if it says so.
    pub require: Option<Floor>,
}

impl Plan {
    /// A plan that says nothing.
    pub fn empty(name: PlanName) -> Self {
        let (limits, servers) = (LimitsPatch::default(), BTreeMap::new());
        Self { name, limits, servers, own_issuer_scopes: Globs::none(), require: None }
    }

    /// Reads `[plan.NAME]`.
    pub fn read(name: PlanName, mut table: Table<'_>) -> Self {
        let limits = LimitsPatch::read(&mut table);
        let servers = ServerPatch::read_all(&mut table);
        let own_issuer_scopes = globs(&mut table, "own_issuer_scopes").unwrap_or_else(Globs::none);
        let require = require::read(&mut table);
        table.finish();
        Self { name, limits, servers, own_issuer_scopes, require }
    }
}

/// A tenant's use of one server, as far as somebody set it.
#[derive(Clone, Debug, Default)]
pub struct ServerPatch {
    /// Where calls go.
    pub placement: Option<Placement>,
    /// The tools granted, by name.
    pub tools: Option<Globs>,
    /// The prompts granted, by name.
    pub prompts: Option<Globs>,
    /// The resources granted, by URI.
    pub resources: Option<Globs>,
    /// The scopes that tools need: a glob over tool names, and all that it needs.
    pub scopes: Option<Vec<(Globs, Vec<String>)>>,
    /// What tools may use beside the tenant's own limits.
    pub tool_limits: Option<Vec<ToolLimit>>,
}

impl ServerPatch {
    pub(crate) fn read_all(table: &mut Table<'_>) -> BTreeMap<ServerName, Self> {
        let Some(servers) = table.table("servers") else { return BTreeMap::new() };
        let mistakes = servers.mistakes();
        let mut all = BTreeMap::new();
        for (name, path, value) in servers.entries() {
            match name.parse::<ServerName>() {
                Ok(name) => {
                    if let Some(table) = Table::new(path, value, mistakes) {
                        all.insert(name, Self::read(table));
                    }
                }
                Err(why) => mistakes.add(path, why.to_string()),
            }
        }
        all
    }

    fn read(mut table: Table<'_>) -> Self {
        let patch = Self {
            placement: placement(&mut table),
            tools: globs(&mut table, "tools"),
            prompts: globs(&mut table, "prompts"),
            resources: globs(&mut table, "resources"),
            scopes: scopes(&mut table),
            tool_limits: ToolLimit::read_all(&mut table),
        };
        table.finish();
        patch
    }
}

/// The tenant's servers: the plan's, each field overridden where the tenant says so, and the tenant's own.
pub fn overlay(
    plan: &BTreeMap<ServerName, ServerPatch>,
    tenant: &BTreeMap<ServerName, ServerPatch>,
) -> BTreeMap<ServerName, ServerPatch> {
    let mut all = plan.clone();
    for (name, over) in tenant {
        let under = all.entry(name.clone()).or_default();
        under.placement = over.placement.clone().or(under.placement.take());
        under.tools = over.tools.clone().or(under.tools.take());
        under.prompts = over.prompts.clone().or(under.prompts.take());
        under.resources = over.resources.clone().or(under.resources.take());
        under.scopes = over.scopes.clone().or(under.scopes.take());
        under.tool_limits = over.tool_limits.clone().or(under.tool_limits.take());
    }
    all
}

fn placement(table: &mut Table<'_>) -> Option<Placement> {
    const EXPECTED: &str = "`\"shared\"`, `\"process\"` or `{ remote = \"http://…\" }` is expected here";
    let value = table.value("placement")?;
    if value.is_object() {
        let mut inner = table.table("placement")?;
        let remote = inner.text("remote").map(str::to_owned);
        let plain_http = inner.flag("plain_http").unwrap_or(false);
        inner.required("remote", "http://127.0.0.1:9000/mcp");
        let url = upstream_url(&remote?, plain_http).map_err(|why| inner.mistake("remote", why)).ok();
        inner.finish();
        return url.map(Placement::Remote);
    }
    match value.as_str().map(str::parse) {
        Some(Ok(isolation)) => Some(Placement::Dedicated(isolation)),
        _ if value.as_str() == Some("shared") => Some(Placement::Shared),
        _ => {
            table.mistake("placement", EXPECTED);
            None
        }
    }
}

fn globs(table: &mut Table<'_>, field: &'static str) -> Option<Globs> {
    let mut inner = table.table(field)?;
    let allow = inner.texts("allow").unwrap_or_default();
    let deny = inner.texts("deny").unwrap_or_default();
    let built = Globs::new(&allow, &deny).map_err(|why| table.mistake(field, why)).ok();
    inner.finish();
    built
}

fn scopes(table: &mut Table<'_>) -> Option<Vec<(Globs, Vec<String>)>> {
    let inner = table.table("scopes")?;
    let mistakes = inner.mistakes();
    let mut all = Vec::new();
    for (glob, path, value) in inner.entries() {
        let needed: Option<Vec<String>> =
            value.as_array().filter(|items| (1..=SCOPES_MAX).contains(&items.len())).and_then(|items| {
                items.iter().map(|item| item.as_str().filter(|text| is_scope(text)).map(str::to_owned)).collect()
            });
        match (Globs::new(&[glob.to_owned()], &[]), needed) {
            (Ok(glob), Some(needed)) => all.push((glob, needed)),
            (Err(why), _) => mistakes.add(path, why),
            (_, None) => {
                mistakes
                    .add(path, format!("a list of 1 to {SCOPES_MAX} scopes is expected here, each without a space"));
            }
        }
    }
    Some(all)
}

/// A scope token (RFC 6749, section 3.3).
pub fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}
