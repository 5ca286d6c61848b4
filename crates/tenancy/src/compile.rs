//! A draft becomes a snapshot, or a list of all that is wrong with it.
//!
//! Runs twice: when documents are written, so that the operator is told, and when a node takes them, so that nothing
//! unchecked is ever enforced. The whole is compiled as a change is: everything over nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use partywall_documents::{Document, Mistake, Mistakes, Plan, Server, Tenant, overlay};
use partywall_domain::{Floor, IssuerName, Placement, PlanName, Revision, ServerName, TenantName};
use partywall_identity::Issuer;

use crate::draft::Draft;
use crate::grant::{Grant, Grants};
use crate::snapshot::{Door, Snapshot, claim};
use crate::tenant::TenantConfig;

/// Where calls go, with the URL where there is one.
type To = (Placement, Option<Arc<str>>);

/// Compiles every document there is. The order of `documents` does not matter.
pub fn compile(revision: Revision, documents: &[Document]) -> Result<Snapshot, Vec<Mistake>> {
    let mut draft = Draft::default();
    for document in documents {
        draft.put(document);
    }
    draft.compile(revision)
}

impl Draft {
    /// The draft as the whole configuration; the error is all that is wrong with it.
    pub fn compile(self, revision: Revision) -> Result<Snapshot, Vec<Mistake>> {
        self.over(&Snapshot::empty(), revision)
    }

    /// The draft as a change of `base`, with which the outcome shares all that the change does not touch. It is what
    /// compiling the whole gives; of two documents that do not fit together the mistake is the one's that changed.
    pub fn over(mut self, base: &Snapshot, revision: Revision) -> Result<Snapshot, Vec<Mistake>> {
        let mut next = Snapshot { revision, ..base.clone() };
        // All that the change touches goes before any of it comes in again: two that swap a thing do not clash.
        let touched = self.touched(base);
        for name in touched.keys() {
            next.take_out(name);
        }
        next.grants_changed(&self.plans, &self.servers);
        for name in self.issuers.keys() {
            next.trust.remove(name);
        }
        self.issuers.into_values().flatten().for_each(|issuer| next.trust.add(issuer, &self.mistakes));
        replace(&mut next.servers, self.servers);
        replace(&mut next.plans, self.plans);
        for tenant in touched.into_values().flatten() {
            next.bring_in(tenant, &self.mistakes);
        }
        next.check_urls(&self.mistakes);
        let mistakes = self.mistakes.into_vec();
        if mistakes.is_empty() { Ok(next) } else { Err(mistakes) }
    }

    /// The tenants that change, or that something they stand on changes for; none where one is taken away.
    fn touched(&mut self, base: &Snapshot) -> BTreeMap<TenantName, Option<Arc<Tenant>>> {
        let mut touched = std::mem::take(&mut self.tenants);
        // What is new cannot be what a tenant that stands already stands on.
        let old = self.plans.keys().any(|name| base.plans.contains_key(name))
            || self.servers.keys().any(|name| base.servers.contains_key(name))
            || self.issuers.keys().any(|name| base.trust.by_name.contains_key(name));
        if old {
            let stands_on = |tenant: &TenantConfig| {
                self.plans.contains_key(&tenant.plan.name)
                    || tenant.servers.keys().any(|name| self.servers.contains_key(name))
                    || tenant.document.identities.iter().any(|one| self.issuers.contains_key(&one.issuer))
            };
            for tenant in base.tenants().filter(|tenant| stands_on(tenant)) {
                touched.entry(tenant.name().clone()).or_insert_with(|| Some(Arc::clone(&tenant.document)));
            }
        }
        touched
    }
}

impl Snapshot {
    /// Takes a tenant out with all that was its own. In a snapshot everything is one tenant's, so none loses by it.
    fn take_out(&mut self, name: &TenantName) {
        let Some(config) = self.tenants.remove(name) else { return };
        self.ids.remove(&config.id());
        if let Some(id) = &config.document.connect_id {
            self.connects.remove(id);
        }
        for identity in &config.document.identities {
            match (self.doors.get(&identity.issuer), &identity.value) {
                (Some(Door::ByClaim(many)), Some(value)) => {
                    let door = many.checked_sub(1).filter(|many| *many > 0).map(Door::ByClaim);
                    self.claims.remove(&*claim(&identity.issuer, value));
                    self.trust.forget(&identity.issuer, value);
                    match door {
                        Some(door) => drop(self.doors.insert(identity.issuer.clone(), door)),
                        None => drop(self.doors.remove(&identity.issuer)),
                    }
                }
                _ => drop(self.doors.remove(&identity.issuer)),
            }
        }
        for grant in config.servers.values() {
            if let Placement::Remote(url) = grant.placement() {
                self.urls.remove(&*place(url));
            }
        }
    }

    /// Forgets what plans grant where it is something else from now on.
    fn grants_changed<P, S>(&mut self, plans: &BTreeMap<PlanName, P>, servers: &BTreeMap<ServerName, S>) {
        if !plans.is_empty() || !servers.is_empty() {
            Arc::make_mut(&mut self.grants).retain(|plan, grants| {
                !plans.contains_key(plan) && !grants.keys().any(|server| servers.contains_key(server))
            });
        }
    }

    /// Brings a tenant in; what does not fit is a mistake, and then the snapshot is not used.
    fn bring_in(&mut self, mut tenant: Arc<Tenant>, mistakes: &Mistakes) {
        let path = format!("tenant.{}", tenant.name);
        let plan = self.plans.get(&tenant.plan).cloned().unwrap_or_else(|| {
            mistakes
                .add(format!("{path}.plan"), format!("no plan `{}`; apply a document `plan.{0}` with it", tenant.plan));
            // What else is wrong with the tenant is told all the same.
            Arc::new(Plan::empty(tenant.plan.clone()))
        });
        self.share_names(&mut tenant, &plan);
        let servers = self.grants(&tenant, &plan, mistakes);
        // Nobody else's secret stands in for one that the tenant has not.
        for (name, grant) in &*servers {
            let lacking = tenant.lacking(grant.server(), grant.placement());
            lacking.for_each(|why| mistakes.add(format!("{path}.servers.{name}"), why));
        }
        let limits = tenant.limits.over(plan.limits);
        let config = Arc::new(TenantConfig { document: tenant, plan, limits, servers });
        if let Some(other) = self.ids.insert(config.id(), config.name().clone()) {
            mistakes.add(path, format!("tenant `{other}` has the same id; an id is one tenant's for ever"));
        }
        self.add_doors(&config, mistakes);
        if let Some(id) = &config.document.connect_id
            && let Some(other) = self.connects.insert(id.clone(), Arc::clone(&config))
        {
            let message = format!("tenant `{}` has this connect id already; make one at random", other.name());
            mistakes.add(format!("tenant.{}.connect_id", config.name()), message);
        }
        self.tenants.insert(config.name().clone(), config);
    }

    /// Lets a tenant's document use the one text of each name: a hundred thousand copies of `standard` are megabytes.
    fn share_names(&self, tenant: &mut Arc<Tenant>, plan: &Plan) {
        let Some(tenant) = Arc::get_mut(tenant) else { return };
        tenant.plan.clone_from(&plan.name);
        for identity in &mut tenant.identities {
            if let Some(issuer) = self.trust.by_name.get(&identity.issuer) {
                identity.issuer.clone_from(&issuer.settings().name);
            }
        }
    }

    /// What the tenant may do. Tenants that say nothing of their own share what their plan grants, unless it is something
    /// that only one can have.
    fn grants(&mut self, tenant: &Tenant, plan: &Plan, mistakes: &Mistakes) -> Arc<Grants> {
        let bare = tenant.servers.is_empty() && tenant.require.is_none();
        if let Some(shared) = self.grants.get(&plan.name).filter(|_| bare) {
            return Arc::clone(shared);
        }
        let floor = Floor::of_both(plan.require.as_ref(), tenant.require.as_ref());
        let patches = overlay(&plan.servers, &tenant.servers);
        let asked = patches.len();
        let mut granted = Grants::new();
        for (name, patch) in patches {
            let path = format!("tenant.{}.servers.{name}", tenant.name);
            let Some(server) = self.servers.get(&name).cloned() else {
                mistakes.add(path, format!("no server `{name}`; apply a document `server.{name}` with it"));
                continue;
            };
            match self.upstream(tenant, &server, patch.placement.as_ref()).and_then(|to| {
                match floor.as_ref().and_then(|floor| to.0.below(floor)) {
                    Some(why) => Err(why),
                    None => Ok(to),
                }
            }) {
                Ok(to) => drop(granted.insert(server.name.clone(), Grant::new(server, to, floor.clone(), patch))),
                Err(why) => mistakes.add(format!("{path}.placement"), why),
            }
        }
        let one_s_own = |grant: &Grant| matches!(grant.placement(), Placement::Remote(_));
        let for_all = !granted.values().any(one_s_own) && granted.len() == asked;
        let granted = Arc::new(granted);
        if bare && for_all {
            Arc::make_mut(&mut self.grants).insert(plan.name.clone(), Arc::clone(&granted));
        }
        granted
    }

    /// Where the tenant's calls go, or why they may not go there.
    fn upstream(&mut self, tenant: &Tenant, server: &Server, placement: Option<&Placement>) -> Result<To, String> {
        let (name, who) = (&server.name, &tenant.name);
        match placement {
            None => {
                Err(format!("`placement` is missing: say where `{name}` runs for `{who}`, for example `\"shared\"`"))
            }
            Some(Placement::Shared) if server.sharing.is_none() => Err(format!(
                "server `{name}` may not be shared: its document gives no `sharing`; give `{who}` an instance of its own, \
                 or, if the server verifies the assertion, say `sharing = \"assertion\"` in `server.{name}`"
            )),
            Some(Placement::Shared) => {
                let url = server.url.clone().ok_or(format!("server `{name}` has no `url` to share"))?;
                Ok((Placement::Shared, Some(url)))
            }
            Some(Placement::Dedicated(_)) if server.command.is_none() => Err(format!(
                "server `{name}` cannot be started for `{who}`: its document has no `command`; say in `server.{name}` how \
                 it is run, or place it `\"shared\"`"
            )),
            Some(Placement::Dedicated(isolation)) => Ok((Placement::Dedicated(*isolation), None)),
            Some(Placement::Remote(url)) => match self.urls.insert(place(url), (who.clone(), name.clone())) {
                Some((other, _)) if other != *who => Err(format!(
                    "`{url}` is already the instance of another tenant, `{other}`; a remote instance serves one tenant"
                )),
                Some((_, other)) if other != *name => {
                    Err(format!("`{url}` is already `{who}`'s instance of server `{other}`"))
                }
                _ => Ok((Placement::Remote(Arc::clone(url)), Some(Arc::clone(url)))),
            },
        }
    }

    /// A remote instance must not be a shared server by another way in.
    fn check_urls(&self, mistakes: &Mistakes) {
        for server in self.servers.values() {
            if let Some((tenant, name)) = server.url.as_ref().and_then(|url| self.urls.get(&*place(url))) {
                mistakes.add(
                    format!("tenant.{tenant}.servers.{name}.placement"),
                    format!("this is the URL of server `{}`, which is no instance of one tenant", server.name),
                );
            }
        }
    }

    fn add_doors(&mut self, config: &Arc<TenantConfig>, mistakes: &Mistakes) {
        for (index, identity) in config.document.identities.iter().enumerate() {
            let path = format!("tenant.{}.identities.{index}", config.name());
            let Some(issuer) = self.trust.by_name.get(&identity.issuer).cloned() else {
                mistakes.add(path, format!("no issuer `{}`; apply a document `issuer.{0}` with it", identity.issuer));
                continue;
            };
            if let Err(why) = self.known_by(&issuer, identity.value.as_deref()) {
                mistakes.add(path, why);
                continue;
            }
            if let Err(other) = self.add_door(&identity.issuer, identity.value.as_deref(), config) {
                let message = format!(
                    "tenant `{other}` already has this identity, or one that includes it; a token means one tenant"
                );
                mistakes.add(path, message);
            }
        }
    }

    /// Whether this issuer's tokens can say this value, or need none.
    fn known_by(&mut self, issuer: &Arc<Issuer>, value: Option<&str>) -> Result<(), String> {
        let name = &issuer.settings().name;
        match value {
            Some(_) if issuer.settings().tenant_claim.is_none() => {
                Err(format!("issuer `{name}` has no `tenant_claim` whose value this could be"))
            }
            Some(_) if issuer.settings().url.contains('{') && issuer.url_for("").is_none() => {
                Err(format!("the placeholder in the `url` of issuer `{name}` is not its `tenant_claim`"))
            }
            Some(value) => self.trust.register(issuer, value),
            None if issuer.url_for("").is_some() => {
                Err(format!("issuer `{name}` has an `iss` for each tenant; give the `value` that stands in it"))
            }
            None => Ok(()),
        }
    }

    /// Gives the tenant a door of its own, or tells whose it is.
    fn add_door(
        &mut self,
        issuer: &IssuerName,
        value: Option<&str>,
        config: &Arc<TenantConfig>,
    ) -> Result<(), TenantName> {
        let door = match (self.doors.get(issuer), value) {
            (Some(Door::One(other)), _) => return Err(other.name().clone()),
            (Some(Door::ByClaim(_)), None) => {
                let own = claim(issuer, "");
                let other = self.claims.iter().find(|(claim, _)| claim.starts_with(&*own)).map(|(_, other)| other);
                return Err(other.unwrap_or(config).name().clone());
            }
            (None, None) => Door::One(Arc::clone(config)),
            (door, Some(value)) => {
                let many = if let Some(Door::ByClaim(many)) = door { *many } else { 0 };
                let claim = claim(issuer, value);
                if let Some(other) = self.claims.get(&*claim) {
                    return Err(other.name().clone());
                }
                self.claims.insert(claim, Arc::clone(config));
                Door::ByClaim(many + 1)
            }
        };
        self.doors.insert(issuer.clone(), door);
        Ok(())
    }
}

fn replace<K: Ord + Clone, V>(standing: &mut Arc<BTreeMap<K, Arc<V>>>, changes: BTreeMap<K, Option<Arc<V>>>) {
    if changes.is_empty() {
        return;
    }
    let standing = Arc::make_mut(standing);
    for (name, value) in changes {
        match value {
            Some(value) => drop(standing.insert(name, value)),
            None => drop(standing.remove(&name)),
        }
    }
}

/// What a URL reaches: this host has three names, and by each of them an instance is the same instance.
fn place(url: &str) -> Arc<str> {
    let alias = ["http://localhost", "http://[::1]"].iter().find_map(|alias| url.strip_prefix(alias));
    match alias.filter(|rest| rest.starts_with([':', '/'])) {
        Some(rest) => format!("http://127.0.0.1{rest}").into(),
        None => url.into(),
    }
}

#[cfg(test)]
mod tests;
