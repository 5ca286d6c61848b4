//! The operator's way in: the configuration and its history.

use partywall_documents::{Change, Document, Kind};
use partywall_domain::{Revision, TenantId};
use partywall_identity::Operator;
use rusqlite::{Connection, TransactionBehavior};

use crate::{Store, StoreError, read, secrets};

/// The store as an operator sees it.
pub struct PlatformStore<'a> {
    pub(crate) store: &'a Store,
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

    /// Gives each document of the revision that stands to `take`, one at a time, so that none has to be kept.
    pub fn each(&self, take: impl FnMut(Document)) -> Result<Revision, StoreError> {
        read::each(&mut self.store.connection(), take)
    }

    /// The document that stands under this name.
    pub fn standing(&self, kind: Kind, name: &str) -> Result<Option<Document>, StoreError> {
        read::standing(&self.store.connection(), kind, name)
    }

    /// The revision that stands, and what changed since another; none where it is better to read the whole.
    pub fn changes_since(&self, since: Revision) -> Result<(Revision, Option<Vec<Change>>), StoreError> {
        read::changes_since(&mut self.store.connection(), since)
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
    if let Some(id) = &tenant_id {
        secrets::put(connection, revision, id, &document.secrets)?;
    }
    add_version(connection, revision, document.kind, &document.name, tenant_id, Some(document.body.to_string()))
}

/// The tenant's id: the one it has, or the one given for it, if nobody else ever had that.
fn settle_id(connection: &Connection, revision: Revision, document: &Document) -> Result<String, StoreError> {
    let wrong = || StoreError::TenantId(document.name.clone());
    let given = document.tenant_id.filter(|id| *id != TenantId::NOBODY).ok_or_else(wrong)?.to_string();
    match read::tenant_id(connection, &document.name)? {
        Some(id) if id == given => Ok(id),
        Some(_) => Err(wrong()),
        None => {
            // One that is gone may come back as itself: under its own name.
            let sql = "INSERT INTO tenant (id, name, created) VALUES (?1, ?2, ?3)
                       ON CONFLICT (id) DO UPDATE SET deleted = NULL WHERE name = excluded.name";
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
