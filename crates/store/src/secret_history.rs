//! How the secrets that stand came about, and which are others at another revision. Nothing here has what was sealed.

use partywall_domain::Revision;
use rusqlite::Row;

use crate::StoreError;
use crate::history::DIFFERENCES_MAX;
use crate::platform::PlatformStore;

/// A secret that stands, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSet {
    /// Its name.
    pub name: String,
    /// The revision in which it was set, or sealed anew.
    pub revision: Revision,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// The operator.
    pub author: String,
    /// Which key sealed it.
    pub epoch: u32,
}

/// A secret that is another at one revision than at another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretDifference {
    /// The tenant's name.
    pub tenant: String,
    /// Its own.
    pub name: String,
    /// The revision in which it was set that held then; none: there was none.
    pub before: Option<Revision>,
    /// The revision in which it was set that holds now; none: there is none.
    pub after: Option<Revision>,
}

impl PlatformStore<'_> {
    /// The secrets of the tenant of this name, by name.
    pub fn secrets(&self, tenant: &str) -> Result<Vec<SecretSet>, StoreError> {
        let connection = self.store.connection();
        let mut statement = connection.prepare_cached(
            "SELECT secret.name, revision, at, author, epoch
             FROM secret JOIN revision ON number = revision JOIN tenant ON id = tenant_id
             WHERE tenant.name = ?1 AND deleted IS NULL AND sealed IS NOT NULL ORDER BY secret.name",
        )?;
        let set = |row: &Row<'_>| {
            let revision = Revision(row.get(1)?);
            Ok(SecretSet { name: row.get(0)?, revision, at: row.get(2)?, author: row.get(3)?, epoch: row.get(4)? })
        };
        Ok(statement.query_map([tenant], set)?.collect::<Result<_, _>>()?)
    }

    /// Tenants that have secrets sealed in another epoch than this, by name; of one tenant alone, if it is named. At
    /// most as many as are wanted.
    pub fn tenants_sealed_otherwise(
        &self,
        epoch: u32,
        tenant: Option<&str>,
        wanted: usize,
    ) -> Result<Vec<String>, StoreError> {
        let connection = self.store.connection();
        let mut statement = connection.prepare_cached(
            "SELECT DISTINCT tenant.name FROM secret JOIN tenant ON id = tenant_id
             WHERE sealed IS NOT NULL AND (epoch < ?1 OR epoch > ?1) AND deleted IS NULL
               AND (?2 IS NULL OR tenant.name = ?2)
             ORDER BY tenant.name LIMIT ?3",
        )?;
        Ok(statement.query_map((epoch, tenant, wanted), |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The secrets that differ between two revisions, whichever is the older.
    pub fn secret_differences(&self, from: Revision, to: Revision) -> Result<Vec<SecretDifference>, StoreError> {
        let connection = self.store.connection();
        let sql =
            "WITH touched AS (SELECT DISTINCT tenant_id, name FROM secret WHERE revision > ?1 AND revision <= ?2),
                   held AS (SELECT tenant_id, name,
                     (SELECT iif(gone, NULL, revision) FROM secret WHERE tenant_id = touched.tenant_id
                        AND name = touched.name AND revision <= ?3 ORDER BY revision DESC LIMIT 1) AS before,
                     (SELECT iif(gone, NULL, revision) FROM secret WHERE tenant_id = touched.tenant_id
                        AND name = touched.name AND revision <= ?4 ORDER BY revision DESC LIMIT 1) AS after
                     FROM touched)
                   SELECT tenant.name, held.name, before, after FROM held JOIN tenant ON id = tenant_id
                   WHERE before IS NOT after ORDER BY tenant.name, held.name LIMIT ?5";
        let mut statement = connection.prepare_cached(sql)?;
        let difference = |row: &Row<'_>| {
            let held = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<u64>>(index)?.map(Revision));
            Ok(SecretDifference { tenant: row.get(0)?, name: row.get(1)?, before: held(2)?, after: held(3)? })
        };
        let bounds = (from.min(to).0, from.max(to).0, from.0, to.0, DIFFERENCES_MAX + 1);
        let found = statement.query_map(bounds, difference)?.collect::<Result<Vec<_>, _>>()?;
        if found.len() > DIFFERENCES_MAX { Err(StoreError::TooMany(DIFFERENCES_MAX)) } else { Ok(found) }
    }
}
