//! What both ways in read alike.

use partywall_documents::{Change, Document, Kind};
use partywall_domain::Revision;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::Value;

use crate::StoreError;
use crate::secrets::{STANDING, listed};

/// Most changes given at once. Default 10,000: beyond it reading the whole is as quick, and keeps less in memory.
const CHANGES_MAX: usize = 10_000;

/// The revision that stands, and what changed since another, where that is told.
pub(crate) type Since = (Revision, Option<Vec<Change>>);

/// The revision that stands; 0 where nothing was ever said.
pub(crate) fn revision(connection: &Connection) -> Result<Revision, StoreError> {
    let sql = "SELECT coalesce(max(number), 0) FROM revision";
    Ok(Revision(connection.prepare_cached(sql)?.query_row((), |row| row.get(0))?))
}

/// Gives each document of the revision that stands to `take`, as of one moment.
pub(crate) fn each(connection: &mut Connection, mut take: impl FnMut(Document)) -> Result<Revision, StoreError> {
    let moment = connection.transaction()?;
    let revision = revision(&moment)?;
    let sql = format!("SELECT kind, name, tenant_id, body, {STANDING} FROM standing AS this ORDER BY kind, name");
    let mut statement = moment.prepare_cached(&sql)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        take(document(raw(row)?)?);
    }
    Ok(revision)
}

/// The revision that stands, and what changed since another; no changes are given where there are more than
/// [`CHANGES_MAX`], and where that other one is none that the store knows.
pub(crate) fn changes_since(connection: &mut Connection, since: Revision) -> Result<Since, StoreError> {
    let moment = connection.transaction()?;
    let revision = revision(&moment)?;
    if since >= revision {
        return Ok((revision, (since == revision).then(Vec::new)));
    }
    let sql = "SELECT count(*) FROM (SELECT 1 FROM document WHERE revision > ?1 LIMIT ?2)";
    let many: usize = moment.prepare_cached(sql)?.query_row((since.0, CHANGES_MAX + 1), |row| row.get(0))?;
    if many > CHANGES_MAX {
        return Ok((revision, None));
    }
    // Left to itself, SQLite goes through every document there is, in the order that is asked for.
    let sql = format!(
        "SELECT kind, name, tenant_id, body, {STANDING} FROM document AS this INDEXED BY document_revision
         WHERE revision > ?1
           AND revision = (SELECT max(revision) FROM document WHERE kind = this.kind AND name = this.name)
         ORDER BY kind, name"
    );
    let mut statement = moment.prepare_cached(&sql)?;
    let rows = statement.query_map([since.0], raw)?;
    let changes = rows.map(|row| change(row?)).collect::<Result<_, StoreError>>()?;
    Ok((revision, Some(changes)))
}

/// The document that stands under this name.
pub(crate) fn standing(connection: &Connection, kind: Kind, name: &str) -> Result<Option<Document>, StoreError> {
    let sql = format!(
        "SELECT kind, name, tenant_id, body, {STANDING} FROM document AS this WHERE kind = ?1 AND name = ?2
         ORDER BY revision DESC LIMIT 1"
    );
    let found = connection.prepare_cached(&sql)?.query_row((kind.as_str(), name), raw).optional()?;
    found.filter(|found| found.3.is_some()).map(document).transpose()
}

/// The version of a document that came with this revision; none if that took it away. A tenant's secrets are those of
/// now: they are no part of what a rollback brings back.
pub(crate) fn version(
    connection: &Connection,
    kind: &str,
    name: &str,
    revision: Revision,
) -> Result<Option<Document>, StoreError> {
    let sql = format!(
        "SELECT kind, name, tenant_id, body, {STANDING} FROM document AS this
         WHERE kind = ?1 AND name = ?2 AND revision = ?3"
    );
    let found = connection.prepare_cached(&sql)?.query_row((kind, name, revision.0), raw).optional()?;
    found.filter(|found| found.3.is_some()).map(document).transpose()
}

/// The id of the tenant that has this name now.
pub(crate) fn tenant_id(connection: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id FROM tenant WHERE name = ?1 AND deleted IS NULL";
    Ok(connection.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?)
}

/// A body as it was written.
pub(crate) fn body(of: &str, text: &str) -> Result<Value, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(format!("`{of}`"), error.to_string()))
}

type Raw = (String, String, Option<String>, Option<String>, Option<String>);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

/// A version as a change: one without a body says that the document is gone.
fn change(raw: Raw) -> Result<Change, StoreError> {
    if raw.3.is_some() {
        return document(raw).map(Change::Put);
    }
    let kind = Kind::of(&raw.0).ok_or_else(|| damaged(&raw.0, &raw.1, "its kind is not known"))?;
    Ok(Change::Delete(kind, raw.1))
}

fn document((kind, name, id, text, secrets): Raw) -> Result<Document, StoreError> {
    let known = Kind::of(&kind).ok_or_else(|| damaged(&kind, &name, "its kind is not known"))?;
    let tenant_id =
        id.map(|id| id.parse()).transpose().map_err(|_| damaged(&kind, &name, "its tenant id is not one"))?;
    let body = body(&format!("{kind}.{name}"), &text.unwrap_or_default())?;
    let secrets = listed(&format!("{kind}.{name}"), secrets)?;
    Ok(Document { kind: known, name, tenant_id, body, secrets })
}

fn damaged(kind: &str, name: &str, why: &str) -> StoreError {
    StoreError::Damaged(format!("`{kind}.{name}`"), why.to_owned())
}
