//! Opens one tenant's file: made for this user alone, migrated once, and unable to reach any other file.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use partywall_domain::TenantId;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::Error;

/// Bytes of a page: SQLite's default, said here because the bound on the file is counted in pages.
const PAGE_BYTES: u64 = 4096;

/// WAL lets a backup read while we write. Five seconds outlast a backup's locks. `NORMAL` loses the last commits to a
/// power cut, never the file.
const SETTINGS: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
";

/// What the group and all others may do.
const OTHERS: u32 = 0o077;

pub(super) struct Files {
    dir: PathBuf,
    migrations: &'static [&'static str],
    pages_max: u64,
}

impl Files {
    pub(super) fn in_dir(dir: &Path, migrations: &'static [&'static str], bytes_max: u64) -> Result<Self, Error> {
        let dir = private(dir).map_err(|source| Error::Directory { path: dir.to_owned(), source })?;
        if dir.metadata()?.mode() & OTHERS != 0 {
            return Err(Error::Shared(dir));
        }
        Ok(Self { dir, migrations, pages_max: (bytes_max / PAGE_BYTES).max(1) })
    }

    pub(super) fn open(&self, tenant: TenantId) -> Result<Connection, Error> {
        let path = self.dir.join(format!("{tenant}.sqlite"));
        // Made before SQLite opens it: SQLite gives the `-wal` and `-shm` files beside it the same mode.
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.execute_batch(SETTINGS)?;
        connection.execute_batch(&format!("PRAGMA max_page_count = {}", self.pages_max))?;
        migrate(&mut connection, self.migrations)?;
        Ok(connection)
    }
}

/// The directory's real path (SQLite is told above to follow no link), made for this user alone. One that stands there
/// empty is taken over likewise; one with somebody's files in it keeps its mode.
fn private(dir: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let dir = dir.canonicalize()?;
    if dir.metadata()?.mode() & OTHERS != 0 && dir.read_dir()?.next().is_none() {
        std::fs::set_permissions(&dir, Permissions::from_mode(0o700))?;
    }
    Ok(dir)
}

/// Runs the migrations that the file has not seen; its `user_version` counts those it has.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), Error> {
    if version(connection)? == migrations.len() {
        return Ok(());
    }
    // Another process may have had the same idea, so the version is read again under the lock.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let pending = migrations.get(found..).ok_or(Error::Newer { found, known: migrations.len() })?;
    for migration in pending {
        transaction.execute_batch(migration)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {}", migrations.len()))?;
    Ok(transaction.commit()?)
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).map(|version| version as usize)
}
