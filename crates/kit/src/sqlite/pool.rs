//! Open connections, at most so many; the least recently used idle one makes room.
//!
//! A connection is either idle in here or leased to the one piece of work that its tenant runs. Leases never outnumber
//! the bound (work is admitted before it leases), so where all places are taken an idle connection exists.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use partywall_domain::TenantId;
use rusqlite::Connection;

use super::Error;
use super::file::Files;

pub(super) struct Pool {
    open_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Idle and leased connections together.
    open: usize,
    /// Least recently used first. Some hundred entries: a scan costs less than opening a file by three magnitudes.
    idle: VecDeque<(TenantId, Connection)>,
}

impl Pool {
    pub(super) fn new(open_max: usize) -> Self {
        Self { open_max, state: Mutex::default() }
    }

    pub(super) fn open_now(&self) -> usize {
        self.state().open
    }

    /// The tenant's idle connection, or a place for a new one.
    fn take(&self, tenant: TenantId) -> Option<Connection> {
        let mut state = self.state();
        if let Some(at) = state.idle.iter().position(|(owner, _)| *owner == tenant) {
            return state.idle.remove(at).map(|(_, connection)| connection);
        }
        if state.open < self.open_max {
            state.open += 1;
            return None;
        }
        let evicted = state.idle.pop_front();
        drop(state);
        drop(evicted); // closing writes the log back into the file: not under the lock
        None
    }

    fn give_back(&self, tenant: TenantId, connection: Option<Connection>) {
        let mut state = self.state();
        match connection {
            Some(connection) => state.idle.push_back((tenant, connection)),
            None => state.open -= 1,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the pool, for one piece of work. On drop the connection goes back, or the place does.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    tenant: TenantId,
    connection: Option<Connection>,
}

impl<'a> Lease<'a> {
    pub(super) fn of(pool: &'a Pool, tenant: TenantId) -> Self {
        Self { pool, tenant, connection: pool.take(tenant) }
    }

    /// The tenant's connection, opened if it was not.
    pub(super) fn connection(&mut self, files: &Files) -> Result<&mut Connection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => files.open(self.tenant)?,
        };
        Ok(self.connection.insert(connection))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // Not proven clean means closed: work that panicked, or left a transaction open.
        let clean = |connection: &Connection| !std::thread::panicking() && connection.is_autocommit();
        let connection = self.connection.take().filter(clean);
        self.pool.give_back(self.tenant, connection);
    }
}
