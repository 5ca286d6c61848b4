//! What held before: revisions, versions, and what differs between two of them.

use partywall_documents::{Change, Document, Kind};
use partywall_domain::Revision;
use rusqlite::Row;
use serde_json::Value;

use crate::platform::PlatformStore;
use crate::{StoreError, read};

/// Most versions that one look into history gives. Default 1,000: years of weekly changes.
const VERSIONS_MAX: u32 = 1_000;
/// Most documents of one difference. Default 10,000: what one apply can bring, and a reader has given up long before.
pub(crate) const DIFFERENCES_MAX: usize = 10_000;

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

/// One revision of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its number.
    pub revision: Revision,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// The operator.
    pub author: String,
    /// Why, if the operator said so.
    pub reason: Option<String>,
    /// How many documents it brought, changed or took away.
    pub documents: u64,
}

/// A document that is another at one revision than at another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What it is about.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// As it was; none: it was not there.
    pub before: Option<Document>,
    /// As it is then; none: it is not there.
    pub after: Option<Document>,
}

impl Difference {
    /// What makes the one of the other; `None` where both are alike.
    pub fn change(&self) -> Option<Change> {
        match &self.after {
            Some(after) => (self.before.as_ref() != Some(after)).then(|| Change::Put(after.clone())),
            None => self.before.as_ref().map(|_| Change::Delete(self.kind, self.name.clone())),
        }
    }
}

impl PlatformStore<'_> {
    /// The revisions, the newest first: those before `before` if it is given, and at most as many as are wanted.
    pub fn revisions(&self, before: Option<Revision>, wanted: u32) -> Result<Vec<Made>, StoreError> {
        let connection = self.store.connection();
        let mut statement = connection.prepare_cached(
            "SELECT number, at, author, reason, (SELECT count(*) FROM document WHERE revision = number)
             FROM revision WHERE ?1 IS NULL OR number < ?1 ORDER BY number DESC LIMIT ?2",
        )?;
        let rows = statement.query_map((before.map(|revision| revision.0), wanted.min(VERSIONS_MAX)), made)?;
        Ok(rows.collect::<Result<_, _>>()?)
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

    /// The documents that differ between two revisions, whichever is the older. Revision 0 is that of nothing.
    pub fn differences(&self, from: Revision, to: Revision) -> Result<Vec<Difference>, StoreError> {
        let mut connection = self.store.connection();
        let moment = connection.transaction()?;
        let now = read::revision(&moment)?;
        if let Some(unknown) = [from, to].into_iter().find(|revision| *revision > now) {
            return Err(StoreError::NoRevision { unknown, now });
        }
        let sql = "WITH touched AS (SELECT DISTINCT kind, name FROM document WHERE revision > ?1 AND revision <= ?2)
                   SELECT kind, name,
                     (SELECT revision FROM document WHERE kind = touched.kind AND name = touched.name
                        AND revision <= ?3 ORDER BY revision DESC LIMIT 1),
                     (SELECT revision FROM document WHERE kind = touched.kind AND name = touched.name
                        AND revision <= ?4 ORDER BY revision DESC LIMIT 1)
                   FROM touched ORDER BY kind, name LIMIT ?5";
        let mut statement = moment.prepare_cached(sql)?;
        let bounds = (from.min(to).0, from.max(to).0, from.0, to.0, DIFFERENCES_MAX + 1);
        let touched = statement.query_map(bounds, touched)?.collect::<Result<Vec<_>, _>>()?;
        if touched.len() > DIFFERENCES_MAX {
            return Err(StoreError::TooMany(DIFFERENCES_MAX));
        }
        let mut differences = Vec::new();
        for (word, name, before, after) in touched {
            let version = |revision: Option<u64>| match revision {
                Some(revision) => read::version(&moment, &word, &name, Revision(revision)),
                None => Ok(None),
            };
            let (before, after) = (version(before)?, version(after)?);
            if let Some(kind) = Kind::of(&word).filter(|_| before != after) {
                differences.push(Difference { kind, name, before, after });
            }
        }
        Ok(differences)
    }
}

/// A document that has versions between two revisions, and which of them hold at the one and at the other.
type Touched = (String, String, Option<u64>, Option<u64>);

fn touched(row: &Row<'_>) -> rusqlite::Result<Touched> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn made(row: &Row<'_>) -> rusqlite::Result<Made> {
    Ok(Made {
        revision: Revision(row.get(0)?),
        at: row.get(1)?,
        author: row.get(2)?,
        reason: row.get(3)?,
        documents: row.get(4)?,
    })
}
