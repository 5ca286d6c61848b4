//! Documents on their way to a snapshot: each is read as it comes, so that none is kept as it was written.

use std::collections::BTreeMap;
use std::sync::Arc;

use partywall_documents::{Change, Document, Kind, Mistakes, Plan, Server, Table, Tenant};
use partywall_domain::{InvalidName, IssuerName, PlanName, ServerName, TenantId, TenantName};
use partywall_identity::Issuer;

use crate::trust::trusted;

/// What shall stand, and what shall not: by name, nothing where the document is taken away.
#[derive(Default)]
pub struct Draft {
    pub(crate) issuers: BTreeMap<IssuerName, Option<Arc<Issuer>>>,
    pub(crate) servers: BTreeMap<ServerName, Option<Arc<Server>>>,
    pub(crate) plans: BTreeMap<PlanName, Option<Arc<Plan>>>,
    pub(crate) tenants: BTreeMap<TenantName, Option<Arc<Tenant>>>,
    pub(crate) mistakes: Mistakes,
}

impl Draft {
    /// What these changes make.
    pub fn of(changes: &[Change]) -> Self {
        let mut draft = Self::default();
        for change in changes {
            match change {
                Change::Put(document) => draft.put(document),
                Change::Delete(kind, name) => draft.delete(*kind, name),
            }
        }
        draft
    }

    /// Takes a document that shall stand. What is wrong with it is told in the end.
    pub fn put(&mut self, document: &Document) {
        let path = format!("{}.{}", document.kind, document.name);
        if self.read(document, &path) == Some(true) {
            self.mistakes.add(path, "this document is there twice; keep one");
        }
    }

    /// Takes note that no document of this name shall stand.
    pub fn delete(&mut self, kind: Kind, name: &str) {
        // What has no name that could be read never stood.
        match kind {
            Kind::Issuer => self.issuers.extend(name.parse().map(|name| (name, None)).ok()),
            Kind::Server => self.servers.extend(name.parse().map(|name| (name, None)).ok()),
            Kind::Plan => self.plans.extend(name.parse().map(|name| (name, None)).ok()),
            Kind::Tenant => self.tenants.extend(name.parse().map(|name| (name, None)).ok()),
        }
    }

    /// Reads a document; whether there was one of its name. None if it cannot be read.
    fn read(&mut self, document: &Document, path: &str) -> Option<bool> {
        let Self { issuers, servers, plans, tenants, mistakes } = self;
        let table = Table::new(path, &document.body, mistakes)?;
        let invalid = |why: InvalidName| mistakes.add(path, why.to_string());
        let known = match document.kind {
            Kind::Issuer => {
                let issuer = Arc::new(trusted(document.name.parse().map_err(invalid).ok()?, table, mistakes)?);
                issuers.insert(issuer.settings().name.clone(), Some(issuer)).is_some()
            }
            Kind::Server => {
                let server = Arc::new(Server::read(document.name.parse().map_err(invalid).ok()?, table));
                servers.insert(server.name.clone(), Some(server)).is_some()
            }
            Kind::Plan => {
                let plan = Arc::new(Plan::read(document.name.parse().map_err(invalid).ok()?, table));
                plans.insert(plan.name.clone(), Some(plan)).is_some()
            }
            Kind::Tenant => {
                let name: Option<TenantName> = document.name.parse().map_err(invalid).ok();
                let id = document.tenant_id.filter(|id| *id != TenantId::NOBODY);
                if id.is_none() {
                    mistakes.add(path, "the tenant has no id; ids are given at creation");
                }
                let tenant = Tenant::read(id?, name?, table)?;
                let tenant = Arc::new(Tenant { secrets: document.secrets.clone(), ..tenant });
                tenants.insert(tenant.name.clone(), Some(tenant)).is_some()
            }
        };
        Some(known)
    }
}
