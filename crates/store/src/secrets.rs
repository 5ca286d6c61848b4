//! Secrets of tenants, sealed: which stand, and how they are replaced. Nothing here opens one.

use std::collections::BTreeMap;

use partywall_documents::Secrets;
use partywall_domain::{Revision, Sealed, SecretName};
use rusqlite::Connection;

use crate::StoreError;

/// The secrets of the tenant in a row of `this`, as JSON, for [`listed`]; NULL where there are none.
pub(crate) const STANDING: &str = "nullif((SELECT json_group_object(name, json_array(epoch, hex(sealed)))
     FROM secret WHERE tenant_id = this.tenant_id AND sealed IS NOT NULL), '{}')";

/// Makes these a tenant's secrets; those that stand already stay as they are.
pub(crate) fn put(
    connection: &Connection,
    revision: Revision,
    tenant_id: &str,
    secrets: &Secrets,
) -> Result<(), StoreError> {
    let sql = format!("SELECT {STANDING} FROM (SELECT ?1 AS tenant_id) AS this");
    let standing: Option<String> = connection.prepare_cached(&sql)?.query_row([tenant_id], |row| row.get(0))?;
    let standing = listed(tenant_id, standing)?;
    for name in standing.keys().filter(|name| !secrets.contains_key(*name)) {
        replace(connection, revision, tenant_id, name, None)?;
    }
    for (name, sealed) in secrets.iter().filter(|(name, sealed)| standing.get(*name) != Some(sealed)) {
        replace(connection, revision, tenant_id, name, Some(sealed))?;
    }
    Ok(())
}

fn replace(
    connection: &Connection,
    revision: Revision,
    tenant_id: &str,
    name: &SecretName,
    sealed: Option<&Sealed>,
) -> Result<(), StoreError> {
    let sql = "UPDATE secret SET sealed = NULL, epoch = NULL WHERE tenant_id = ?1 AND name = ?2 AND sealed IS NOT NULL";
    connection.prepare_cached(sql)?.execute((tenant_id, name.as_str()))?;
    let sql = "INSERT INTO secret (tenant_id, name, revision, gone, epoch, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let row =
        (tenant_id, name.as_str(), revision.0, sealed.is_none(), sealed.map(Sealed::epoch), sealed.map(Sealed::bytes));
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// What [`STANDING`] gave.
pub(crate) fn listed(of: &str, json: Option<String>) -> Result<Secrets, StoreError> {
    let Some(json) = json else { return Ok(Secrets::new()) };
    let damaged =
        || StoreError::Damaged(format!("the secrets of `{of}`"), "they are not as they were written".to_owned());
    let rows: BTreeMap<String, (u32, String)> = serde_json::from_str(&json).map_err(|_| damaged())?;
    let secret =
        |(name, (epoch, hex)): (String, (u32, String))| Some((name.parse().ok()?, Sealed::new(epoch, bytes(&hex)?)));
    rows.into_iter().map(secret).collect::<Option<_>>().ok_or_else(damaged)
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}
