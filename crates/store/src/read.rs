//! What both ways in read alike.

use partywall_documents::{Document, Kind};
use partywall_domain::Revision;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::Value;

use crate::StoreError;

/// The revision that stands; 0 where nothing was ever said.
pub(crate) fn revision(connection: &Connection) -> Result<Revision, StoreError> {
    let sql = "SELECT coalesce(max(number), 0) FROM revision";
    Ok(Revision(connection.prepare_cached(sql)?.query_row((), |row| row.get(0))?))
}

/// The revision that stands with its documents, as of one moment.
pub(crate) fn documents(connection: &mut Connection) -> Result<(Revision, Vec<Document>), StoreError> {
    let moment = connection.transaction()?;
    let revision = revision(&moment)?;
    let documents = {
        let sql = "SELECT kind, name, tenant_id, body FROM standing ORDER BY kind, name";
        let mut statement = moment.prepare_cached(sql)?;
        let rows = statement.query_map((), raw)?;
        rows.map(|row| document(row?)).collect::<Result<_, StoreError>>()?
    };
    Ok((revision, documents))
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

type Raw = (String, String, Option<String>, String);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn document((kind, name, id, text): Raw) -> Result<Document, StoreError> {
    let of = format!("{kind}.{name}");
    let damaged = |why: &str| StoreError::Damaged(format!("`{of}`"), why.to_owned());
    let kind = Kind::of(&kind).ok_or_else(|| damaged("its kind is not known"))?;
    let tenant_id = id.map(|id| id.parse()).transpose().map_err(|_| damaged("its tenant id is not one"))?;
    Ok(Document { kind, name, tenant_id, body: body(&of, &text)? })
}
