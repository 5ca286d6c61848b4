//! The process's own way in: following the configuration, what upstreams said, wrapped keys.

use std::sync::Arc;

use partywall_documents::{Change, Document};
use partywall_domain::{Revision, Said};
use partywall_identity::{Job, SystemAuthority};
use rusqlite::{OptionalExtension as _, Row};

use crate::{Store, StoreError, read};

/// The store as the process itself sees it.
pub struct SystemStore<'a> {
    store: &'a Store,
    job: Job,
}

impl Store {
    /// What the process itself may ask and change, for a job that the log shows.
    pub fn system<'a>(&'a self, _authority: &'a SystemAuthority, job: Job) -> SystemStore<'a> {
        SystemStore { store: self, job }
    }
}

impl SystemStore<'_> {
    /// What this is done for.
    pub fn job(&self) -> Job {
        self.job
    }

    /// The revision that stands.
    pub fn revision(&self) -> Result<Revision, StoreError> {
        read::revision(&self.store.connection())
    }

    /// Gives each document of the revision that stands to `take`, one at a time, so that none has to be kept.
    pub fn each(&self, take: impl FnMut(Document)) -> Result<Revision, StoreError> {
        read::each(&mut self.store.connection(), take)
    }

    /// The revision that stands, and what changed since another; none where it is better to read the whole.
    pub fn changes_since(&self, since: Revision) -> Result<(Revision, Option<Vec<Change>>), StoreError> {
        read::changes_since(&mut self.store.connection(), since)
    }

    /// What the upstream at `url` said of itself when it was last asked.
    pub fn said(&self, url: &str) -> Result<Option<Said>, StoreError> {
        let connection = self.store.connection();
        let mut statement = connection.prepare_cached("SELECT discover, initialize FROM said WHERE url = ?1")?;
        Ok(statement.query_row([url], |row| said(row, 0)).optional()?)
    }

    /// What every upstream said, by URL.
    pub fn all_said(&self) -> Result<Vec<(Arc<str>, Said)>, StoreError> {
        let connection = self.store.connection();
        let mut statement = connection.prepare_cached("SELECT url, discover, initialize FROM said ORDER BY url")?;
        let rows = statement.query_map((), |row| Ok((row.get(0)?, said(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps what an upstream said, in place of what it said before.
    pub fn put_said(&self, url: &str, said: &Said) -> Result<(), StoreError> {
        let sql = "INSERT INTO said (url, discover, initialize) VALUES (?1, ?2, ?3)
                   ON CONFLICT (url) DO UPDATE SET discover = excluded.discover, initialize = excluded.initialize,
                       at = excluded.at";
        let connection = self.store.connection();
        connection.prepare_cached(sql)?.execute((url, &said.discover, &said.initialize))?;
        Ok(())
    }

    /// The wrapped key of this name.
    pub fn key(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let connection = self.store.connection();
        let mut statement = connection.prepare_cached("SELECT wrapped FROM key WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Keeps a wrapped key if there is none of this name. Gives the one that stands, so that of several nodes that
    /// start at the same time all use the same.
    pub fn put_key_if_absent(&self, name: &str, wrapped: &[u8]) -> Result<Vec<u8>, StoreError> {
        let sql = "INSERT INTO key (name, wrapped) VALUES (?1, ?2)
                   ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING wrapped";
        let connection = self.store.connection();
        let mut statement = connection.prepare_cached(sql)?;
        Ok(statement.query_row((name, wrapped), |row| row.get(0))?)
    }
}

fn said(row: &Row<'_>, first: usize) -> rusqlite::Result<Said> {
    Ok(Said { discover: row.get(first)?, initialize: row.get(first + 1)? })
}
