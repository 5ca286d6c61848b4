//! Documents become a snapshot, or a list of all that is wrong with them.
//!
//! Runs twice: when documents are written, so that the operator is told, and when a node takes them, so that nothing
//! unchecked is ever enforced.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use partywall_documents::{Document, Kind, Mistake, Mistakes, Plan, Server, ServerPatch, Table, Tenant, overlay};
use partywall_domain::{ConnectId, IssuerName, Placement, PlanName, Revision, ServerName, TenantId, TenantName};
use partywall_identity::Issuer;

use crate::grant::Grant;
use crate::snapshot::{Door, Snapshot};
use crate::tenant::TenantConfig;
use crate::trust::{Trust, trusted};

/// Compiles every document there is. The order of `documents` does not matter.
pub fn compile(revision: Revision, documents: &[Document]) -> Result<Snapshot, Vec<Mistake>> {
    let mistakes = Mistakes::default();
    let parsed = Parsed::read(documents, &mistakes);
    let mut trust = Trust::default();
    parsed.issuers.into_iter().for_each(|issuer| trust.add(issuer, &mistakes));
    let mut urls = HashMap::new();
    let mut doors = HashMap::new();
    let mut tenants = BTreeMap::new();
    let mut ids = HashMap::new();
    let mut connects: HashMap<ConnectId, Arc<TenantConfig>> = HashMap::new();
    for tenant in parsed.tenants.into_values() {
        let path = format!("tenant.{}", tenant.name);
        if let Some(other) = ids.insert(tenant.id, tenant.name.clone()) {
            mistakes.add(&*path, format!("tenant `{other}` has the same id; an id is one tenant's for ever"));
        }
        let plan = parsed.plans.get(&tenant.plan).cloned().unwrap_or_else(|| {
            mistakes
                .add(format!("{path}.plan"), format!("no plan `{}`; apply a document `plan.{0}` with it", tenant.plan));
            // What else is wrong with the tenant is told all the same.
            Arc::new(Plan::empty(tenant.plan.clone()))
        });
        let patches = overlay(&plan.servers, &tenant.servers);
        let servers = grants(&tenant, patches, &parsed.servers, &mut urls, &mistakes);
        let limits = tenant.limits.over(plan.limits);
        let config = Arc::new(TenantConfig { document: tenant, plan, limits, servers });
        add_doors(&config, &mut trust, &mut doors, &mistakes);
        if let Some(id) = &config.document.connect_id
            && let Some(other) = connects.insert(id.clone(), Arc::clone(&config))
        {
            let message = format!("tenant `{}` has this connect id already; make one at random", other.name());
            mistakes.add(format!("tenant.{}.connect_id", config.name()), message);
        }
        tenants.insert(config.name().clone(), config);
    }
    check_urls(&urls, &parsed.servers, &mistakes);
    let mistakes = mistakes.into_vec();
    if mistakes.is_empty() {
        Ok(Snapshot { revision, trust, servers: parsed.servers, tenants, doors, connects })
    } else {
        Err(mistakes)
    }
}

#[derive(Default)]
struct Parsed {
    issuers: Vec<Issuer>,
    servers: BTreeMap<ServerName, Arc<Server>>,
    plans: BTreeMap<PlanName, Arc<Plan>>,
    tenants: BTreeMap<TenantName, Tenant>,
}

impl Parsed {
    fn read(documents: &[Document], mistakes: &Mistakes) -> Self {
        let mut parsed = Self::default();
        let mut seen = HashSet::new();
        for document in documents {
            let path = format!("{}.{}", document.kind, document.name);
            if !seen.insert((document.kind, &document.name)) {
                mistakes.add(&*path, "this document is there twice; keep one");
            }
            if let Some(table) = Table::new(path.clone(), &document.body, mistakes) {
                parsed.add(document, &path, table, mistakes);
            }
        }
        parsed
    }

    fn add(&mut self, document: &Document, path: &str, table: Table<'_>, mistakes: &Mistakes) {
        let invalid = |why: partywall_domain::InvalidName| mistakes.add(path, why.to_string());
        match document.kind {
            Kind::Issuer => {
                let name = document.name.parse().map_err(invalid).ok();
                self.issuers.extend(name.and_then(|name| trusted(name, table, mistakes)));
            }
            Kind::Server => {
                let name: Option<ServerName> = document.name.parse().map_err(invalid).ok();
                self.servers.extend(name.map(|name| (name.clone(), Arc::new(Server::read(name, table)))));
            }
            Kind::Plan => {
                let name: Option<PlanName> = document.name.parse().map_err(invalid).ok();
                self.plans.extend(name.map(|name| (name.clone(), Arc::new(Plan::read(name, table)))));
            }
            Kind::Tenant => {
                let name: Option<TenantName> = document.name.parse().map_err(invalid).ok();
                let id = document.tenant_id.filter(|id| *id != TenantId::NOBODY);
                if id.is_none() {
                    mistakes.add(path, "the tenant has no id; ids are given at creation");
                }
                let tenant = name.zip(id).and_then(|(name, id)| Tenant::read(id, name, table));
                self.tenants.extend(tenant.map(|tenant| (tenant.name.clone(), tenant)));
            }
        }
    }
}

/// The places of upstreams in use by one tenant alone, with who uses each.
type OwnUrls = HashMap<String, (TenantName, ServerName)>;

/// What a URL reaches: this host has three names, and by each of them an instance is the same instance.
fn place(url: &str) -> String {
    let alias = ["http://localhost", "http://[::1]"].iter().find_map(|alias| url.strip_prefix(alias));
    match alias.filter(|rest| rest.starts_with([':', '/'])) {
        Some(rest) => format!("http://127.0.0.1{rest}"),
        None => url.to_owned(),
    }
}

fn grants(
    tenant: &Tenant,
    patches: BTreeMap<ServerName, ServerPatch>,
    servers: &BTreeMap<ServerName, Arc<Server>>,
    own: &mut OwnUrls,
    mistakes: &Mistakes,
) -> BTreeMap<ServerName, Grant> {
    let mut granted = BTreeMap::new();
    for (name, patch) in patches {
        let path = format!("tenant.{}.servers.{name}", tenant.name);
        let Some(server) = servers.get(&name) else {
            mistakes.add(path, format!("no server `{name}`; apply a document `server.{name}` with it"));
            continue;
        };
        match upstream(tenant, server, patch.placement.as_ref(), own) {
            Ok((placement, upstream)) => {
                let grant = Grant::new(Arc::clone(server), placement, upstream, patch);
                granted.insert(name, grant);
            }
            Err(why) => mistakes.add(format!("{path}.placement"), why),
        }
    }
    granted
}

/// Where the tenant's calls go, or why they may not go there.
fn upstream(
    tenant: &Tenant,
    server: &Server,
    placement: Option<&Placement>,
    own: &mut OwnUrls,
) -> Result<(Placement, Arc<str>), String> {
    let (name, who) = (&server.name, &tenant.name);
    match placement {
        None => Err(format!("`placement` is missing: say where `{name}` runs for `{who}`, for example `\"shared\"`")),
        Some(Placement::Shared) if server.sharing.is_none() => Err(format!(
            "server `{name}` may not be shared: its document gives no `sharing`; give `{who}` an instance of its own, or, if \
             the server verifies the assertion, say `sharing = \"assertion\"` in `server.{name}`"
        )),
        Some(Placement::Shared) => {
            let url = server.url.clone().ok_or(format!("server `{name}` has no `url` to share"))?;
            Ok((Placement::Shared, url))
        }
        Some(Placement::Remote(url)) => match own.insert(place(url), (who.clone(), name.clone())) {
            Some((other, _)) if other != *who => Err(format!(
                "`{url}` is already the instance of another tenant, `{other}`; a remote instance serves one tenant"
            )),
            Some((_, other)) if other != *name => {
                Err(format!("`{url}` is already `{who}`'s instance of server `{other}`"))
            }
            _ => Ok((Placement::Remote(Arc::clone(url)), Arc::clone(url))),
        },
    }
}

/// A remote instance must not be a shared server by another way in.
fn check_urls(own: &OwnUrls, servers: &BTreeMap<ServerName, Arc<Server>>, mistakes: &Mistakes) {
    for server in servers.values() {
        if let Some((tenant, name)) = server.url.as_ref().and_then(|url| own.get(&place(url))) {
            mistakes.add(
                format!("tenant.{tenant}.servers.{name}.placement"),
                format!("this is the URL of server `{}`, which is no instance of one tenant", server.name),
            );
        }
    }
}

fn add_doors(
    config: &Arc<TenantConfig>,
    trust: &mut Trust,
    doors: &mut HashMap<IssuerName, Door>,
    mistakes: &Mistakes,
) {
    for (index, identity) in config.document.identities.iter().enumerate() {
        let path = format!("tenant.{}.identities.{index}", config.name());
        let Some(issuer) = trust.by_name.get(&identity.issuer).cloned() else {
            mistakes.add(path, format!("no issuer `{}`; apply a document `issuer.{0}` with it", identity.issuer));
            continue;
        };
        if let Err(why) = known_by(trust, &issuer, identity.value.as_deref()) {
            mistakes.add(path, why);
            continue;
        }
        if let Err(other) = add_door(doors, &identity.issuer, identity.value.as_deref(), config) {
            let message = format!(
                "tenant `{other}` already has this identity, or one that includes it; a token means one tenant"
            );
            mistakes.add(path, message);
        }
    }
}

/// Whether this issuer's tokens can say this value, or need none.
fn known_by(trust: &mut Trust, issuer: &Arc<Issuer>, value: Option<&str>) -> Result<(), String> {
    let name = &issuer.settings().name;
    match value {
        Some(_) if issuer.settings().tenant_claim.is_none() => {
            Err(format!("issuer `{name}` has no `tenant_claim` whose value this could be"))
        }
        Some(_) if issuer.settings().url.contains('{') && issuer.url_for("").is_none() => {
            Err(format!("the placeholder in the `url` of issuer `{name}` is not its `tenant_claim`"))
        }
        Some(value) => trust.register(issuer, value),
        None if issuer.url_for("").is_some() => {
            Err(format!("issuer `{name}` has an `iss` for each tenant; give the `value` that stands in it"))
        }
        None => Ok(()),
    }
}

fn add_door(
    doors: &mut HashMap<IssuerName, Door>,
    issuer: &IssuerName,
    value: Option<&str>,
    config: &Arc<TenantConfig>,
) -> Result<(), TenantName> {
    match (doors.get_mut(issuer), value) {
        (None, None) => drop(doors.insert(issuer.clone(), Door::One(Arc::clone(config)))),
        (None, Some(value)) => {
            let by_claim = HashMap::from([(value.to_owned(), Arc::clone(config))]);
            doors.insert(issuer.clone(), Door::ByClaim(by_claim));
        }
        (Some(Door::ByClaim(by_claim)), Some(value)) => match by_claim.get(value) {
            Some(other) => return Err(other.name().clone()),
            None => drop(by_claim.insert(value.to_owned(), Arc::clone(config))),
        },
        (Some(Door::One(other)), _) => return Err(other.name().clone()),
        (Some(Door::ByClaim(by_claim)), None) => {
            return Err(by_claim.values().next().map_or_else(|| config.name().clone(), |other| other.name().clone()));
        }
    }
    Ok(())
}
