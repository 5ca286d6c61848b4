//! The operator's way in: the configuration and its history.

use partywall_documents::{Document, Kind};
use partywall_domain::{Revision, TenantId};
use partywall_identity::Operator;
use rusqlite::{Connection, TransactionBehavior};
use serde_json::Value;

use crate::{Store, StoreError, read};

/// Most versions that one look into history gives. Default 1,000: years of weekly changes.
const VERSIONS_MAX: u32 = 1_000;

/// A change of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The document stands from now on, in place of the one with its kind and name.
    Put(Document),
    /// No document of this kind and name stands from now on.
    Delete(Kind, String),
}

/// One version of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The revision that brought it.
    pub revision: Revision,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// The operator.
    pub author: String,
    /// Why, if the operator said so.
    pub reason: Option<String>,
    /// The content; none: it was deleted.
    pub body: Option<Value>,
}

/// The store as an operator sees it.
pub struct PlatformStore<'a> {
    store: &'a Store,
    operator: &'a Operator,
}

impl Store {
    /// What an operator may ask and change.
    pub fn platform<'a>(&'a self, operator: &'a Operator) -> PlatformStore<'a> {
        PlatformStore { store: self, operator }
    }
}

impl PlatformStore<'_> {
    /// The revision that stands.
    pub fn revision(&self) -> Result<Revision, StoreError> {
        read::revision(&self.store.connection())
    }

    /// The revision that stands with all its documents.
    pub fn documents(&self) -> Result<(Revision, Vec<Document>), StoreError> {
        read::documents(&mut self.store.connection())
    }

    /// The versions of one document, the newest first.
    pub fn history(&self, kind: Kind, name: &str) -> Result<Vec<Version>, StoreError> {
        let connection = self.store.connection();
        let mut statement = connection.prepare_cached(
            "SELECT revision, at, author, reason, body FROM document JOIN revision ON number = revision
             WHERE kind = ?1 AND name = ?2 ORDER BY revision DESC LIMIT ?3",
        )?;
        let rows = statement.query_map((kind.as_str(), name, VERSIONS_MAX), |row| {
            let version = Version {
                revision: Revision(row.get(0)?),
                at: row.get(1)?,
                author: row.get(2)?,
                reason: row.get(3)?,
                body: None,
            };
            Ok((version, row.get::<_, Option<String>>(4)?))
        })?;
        rows.map(|row| {
            let (version, text) = row?;
            let body = text.map(|text| read::body(&format!("{kind}.{name}"), &text)).transpose()?;
            Ok(Version { body, ..version })
        })
        .collect()
    }

    /// Makes all changes or none, as one new revision, if the configuration still is at `base`.
    pub fn apply(&self, base: Revision, changes: &[Change], reason: Option<&str>) -> Result<Revision, StoreError> {
        let mut connection = self.store.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = read::revision(&transaction)?;
        if now != base {
            return Err(StoreError::Moved { now });
        }
        let next = Revision(now.0 + 1);
        transaction.prepare_cached("INSERT INTO revision (number, author, reason) VALUES (?1, ?2, ?3)")?.execute((
            next.0,
            self.operator.name(),
            reason,
        ))?;
        for change in changes {
            match change {
                Change::Put(document) => put(&transaction, next, document)?,
                Change::Delete(kind, name) => delete(&transaction, next, *kind, name)?,
            }
        }
        transaction.commit()?;
        self.store.nudge(next);
        Ok(next)
    }
}

fn put(connection: &Connection, revision: Revision, document: &Document) -> Result<(), StoreError> {
    let tenant_id = match document.kind {
        Kind::Tenant => Some(settle_id(connection, revision, document)?),
        _ => None,
    };
    add_version(connection, revision, document.kind, &document.name, tenant_id, Some(document.body.to_string()))
}

/// The tenant's id: the one it has, or the one given for it, if nobody ever had that.
fn settle_id(connection: &Connection, revision: Revision, document: &Document) -> Result<String, StoreError> {
    let wrong = || StoreError::TenantId(document.name.clone());
    let given = document.tenant_id.filter(|id| *id != TenantId::NOBODY).ok_or_else(wrong)?.to_string();
    match read::tenant_id(connection, &document.name)? {
        Some(id) if id == given => Ok(id),
        Some(_) => Err(wrong()),
        None => {
            let sql = "INSERT INTO tenant (id, name, created) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING";
            let added = connection.prepare_cached(sql)?.execute((&given, &document.name, revision.0))?;
            if added == 1 { Ok(given) } else { Err(wrong()) }
        }
    }
}

fn delete(connection: &Connection, revision: Revision, kind: Kind, name: &str) -> Result<(), StoreError> {
    let sql = "SELECT count(*) FROM standing WHERE kind = ?1 AND name = ?2";
    let standing: u32 = connection.prepare_cached(sql)?.query_row((kind.as_str(), name), |row| row.get(0))?;
    if standing == 0 {
        return Err(StoreError::Absent(kind, name.to_owned()));
    }
    let tenant_id = if kind == Kind::Tenant { read::tenant_id(connection, name)? } else { None };
    if let Some(id) = &tenant_id {
        connection.prepare_cached("UPDATE tenant SET deleted = ?2 WHERE id = ?1")?.execute((id, revision.0))?;
    }
    add_version(connection, revision, kind, name, tenant_id, None)
}

fn add_version(
    connection: &Connection,
    revision: Revision,
    kind: Kind,
    name: &str,
    tenant_id: Option<String>,
    body: Option<String>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO document (kind, name, revision, tenant_id, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(sql)?.execute((kind.as_str(), name, revision.0, tenant_id, body))?;
    Ok(())
}
