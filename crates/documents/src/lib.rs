//! What operators write: JSON values in, typed documents out, every mistake reported with its path.
//!
//! It reads; it decides nothing. Whether documents fit together, who may share what and which token means whom is
//! `tenancy`'s, which is kept small because it is trusted. Text formats and places in a file are the control plane's.

mod auth;
mod command;
mod globs;
mod issuer;
mod limits;
mod networks;
mod plan;
mod require;
mod server;
mod table;
mod tenant;

use std::collections::BTreeMap;
use std::fmt;

use partywall_domain::{Sealed, SecretName, TenantId};
use serde_json::Value;

pub use globs::Globs;
pub use issuer::Issuer;
pub use limits::{LimitsPatch, ToolLimit};
pub use plan::{Plan, ServerPatch, is_scope, overlay};
pub use server::Server;
pub use table::{Mistake, Mistakes, Table};
pub use tenant::{Identity, Tenant};

/// What a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A trusted OAuth authorization server.
    Issuer,
    /// An MCP server of the catalog.
    Server,
    /// Defaults that tenants share.
    Plan,
    /// A customer.
    Tenant,
}

impl Kind {
    /// All kinds, in the order in which they are read.
    pub const ALL: [Self; 4] = [Self::Issuer, Self::Server, Self::Plan, Self::Tenant];

    /// The word in documents, paths and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Server => "server",
            Self::Plan => "plan",
            Self::Tenant => "tenant",
        }
    }

    /// The kind of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One document as it was written, not validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it is about.
    pub kind: Kind,
    /// Its name, unique within its kind.
    pub name: String,
    /// For a tenant: the id it was given at creation.
    pub tenant_id: Option<TenantId>,
    /// Its content.
    pub body: Value,
    /// For a tenant: its secrets. No file says them; whoever writes the document anew hands on those that stand.
    pub secrets: Secrets,
}

impl Document {
    /// A document as a file has it: without secrets.
    pub fn new(kind: Kind, name: &str, tenant_id: Option<TenantId>, body: Value) -> Self {
        Self { kind, name: name.to_owned(), tenant_id, body, secrets: Secrets::new() }
    }
}

/// A tenant's secrets by name, sealed.
pub type Secrets = BTreeMap<SecretName, Sealed>;

/// A change of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The document stands from now on, in place of the one with its kind and name.
    Put(Document),
    /// No document of this kind and name stands from now on.
    Delete(Kind, String),
}

impl Change {
    /// Which document it is about.
    pub fn key(&self) -> (Kind, &str) {
        match self {
            Self::Put(document) => (document.kind, &document.name),
            Self::Delete(kind, name) => (*kind, name),
        }
    }
}
