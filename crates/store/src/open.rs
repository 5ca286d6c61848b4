//! Opening the database. There is nothing to ask of it but through `platform` and `system`.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use partywall_domain::Revision;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::{StoreError, migrate, read};

/// How long to wait for another process that holds the database. Default 5 s: a backup of a small database is done.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// "This file is ours", in the header of every SQLite file: `PWLL`.
const APPLICATION_ID: u32 = 0x5057_4c4c;
/// Prepared statements kept. Default 32: twice what there are.
const STATEMENTS_MAX: usize = 32;

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    connection: Mutex<Connection>,
    changed: watch::Sender<Revision>,
}

impl Store {
    /// Opens the database at `path`, makes it if there is none, and takes the steps its schema lacks.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        keep_private(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
        let mut connection = Connection::open(path)?;
        check_owner(&connection, path)?;
        prepare(&connection)?;
        migrate::migrate(&mut connection)?;
        let changed = watch::Sender::new(read::revision(&connection)?);
        Ok(Self(Arc::new(Inner { connection: Mutex::new(connection), changed })))
    }

    /// The nudge: the newest revision that this process wrote or found at start. It carries no data, and a follower
    /// that misses one is only late.
    pub fn changed(&self) -> watch::Receiver<Revision> {
        self.0.changed.subscribe()
    }

    /// The connection. A holder that panicked left no half-done work: its transaction was rolled back.
    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn nudge(&self, revision: Revision) {
        self.0.changed.send_if_modified(|known| {
            let newer = revision > *known;
            *known = revision.max(*known);
            newer
        });
    }
}

/// Makes the file readable for its owner alone, before anything is in it. SQLite gives the files beside it the same
/// mode.
fn keep_private(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

fn check_owner(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let id: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) { Ok(()) } else { Err(StoreError::Foreign(path.to_owned())) }
}

/// `synchronous=FULL`: an operator who was told "revision 7" finds revision 7 after a power cut.
fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}
