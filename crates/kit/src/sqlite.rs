//! A SQLite file per tenant: what one tenant's queries forget, no other tenant's rows can answer.
//!
//! Only a [`Caller`] opens a file, and it opens its own. Within a file there is no tenant column to forget. SQLite
//! cannot attach another file from here (nor `VACUUM`, which attaches one), and a connection that comes back with a
//! transaction open is closed, not used again.
//!
//! One tenant's queries run one after another, and all tenants' on a bounded number of threads, so a busy tenant
//! waits for itself and not on the others' account. Deliberately not here: an ORM, a query builder, queries across
//! tenants.

mod file;
mod pool;
mod turns;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use partywall_domain::TenantId;
pub use rusqlite;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::Caller;
use file::Files;
use pool::{Lease, Pool};
use turns::Turns;

/// What the files of all tenants together may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabasesLimits {
    /// Files open at the same time; the least recently used idle one is closed for the next. Default 256: an open file
    /// costs three descriptors and 0.14 MB, so this stays below the usual 1,024 descriptors, and opening one again
    /// costs a quarter of a millisecond.
    pub open_max: usize,
    /// Queries that run at the same time, each on a thread. Default 16: they wait for the disk, hardly for a core.
    pub busy_max: usize,
    /// Queries of one tenant that wait or run; one more is refused. Default 64: what the gateway admits of one tenant
    /// at a time, several times over.
    pub waiting_max: usize,
    /// Bytes of one tenant's file. Default 1 GiB: a tenant that fills it fills its own share, not the disk.
    pub file_bytes_max: u64,
}

impl Default for DatabasesLimits {
    fn default() -> Self {
        Self { open_max: 256, busy_max: 16, waiting_max: 64, file_bytes_max: 1 << 30 }
    }
}

/// Why there is no database, or no answer from it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller is the gateway's own probe, which has nothing to keep.
    #[error("the gateway's probe has no database: answer it with what an empty one would give")]
    Nobody,
    /// The directory for the files cannot be used.
    #[error("`{}` cannot hold the tenants' files: {source}; give a directory that this user may write", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Other users of this machine can look into the directory.
    #[error("`{}` is open to other users: give a directory that holds nothing else, or close this one with `chmod 700`", .0.display())]
    Shared(PathBuf),
    /// The file was written by a server with more migrations than this one has.
    #[error("the tenant's file is at version {found}, this server knows {known}: start the newer server")]
    Newer {
        /// The file's `user_version`.
        found: usize,
        /// How many migrations this server has.
        known: usize,
    },
    /// The tenant has too many queries waiting.
    #[error("too many queries of this tenant are waiting: try again later")]
    Busy,
    /// The file cannot be made.
    #[error("the tenant's file cannot be made: {0}; check the directory")]
    File(#[from] std::io::Error),
    /// SQLite's own answer.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The process is stopping.
    #[error("the server is stopping: try again")]
    Stopping,
}

/// The tenants' files in one directory. Cheap to clone.
#[derive(Clone)]
pub struct Databases(Arc<Inner>);

struct Inner {
    files: Files,
    pool: Pool,
    turns: Arc<Turns>,
    busy: Arc<Semaphore>,
}

impl Databases {
    /// Keeps the files in `dir`, which is made for this user alone if it is not there or empty; a directory with files
    /// in it that other users may look into is refused ([`Error::Shared`]).
    ///
    /// `migrations` are SQL scripts that bring a file from one version to the next; each runs once per file, in order,
    /// when the file is opened. Append to the list, never change what stands in it. They run in a transaction.
    pub fn open(dir: &Path, migrations: &'static [&'static str], limits: DatabasesLimits) -> Result<Self, Error> {
        let busy_max = limits.busy_max.clamp(1, limits.open_max.max(1));
        Ok(Self(Arc::new(Inner {
            files: Files::in_dir(dir, migrations, limits.file_bytes_max)?,
            pool: Pool::new(limits.open_max.max(1)),
            turns: Arc::new(Turns::new(limits.waiting_max)),
            busy: Arc::new(Semaphore::new(busy_max)),
        })))
    }

    /// The caller's own database. Touches no file yet; the gateway's probe has none, ever ([`Error::Nobody`]).
    pub fn of(&self, caller: &Caller) -> Result<TenantDb, Error> {
        match caller.tenant_id() {
            TenantId::NOBODY => Err(Error::Nobody),
            tenant => Ok(TenantDb { inner: self.0.clone(), tenant }),
        }
    }

    /// How many files are open now; never more than [`DatabasesLimits::open_max`].
    pub fn open_now(&self) -> usize {
        self.0.pool.open_now()
    }
}

/// One tenant's database.
#[derive(Clone)]
pub struct TenantDb {
    inner: Arc<Inner>,
    tenant: TenantId,
}

impl TenantDb {
    /// Runs `work` on the tenant's file, on a thread where it may block, after this tenant's earlier work.
    ///
    /// Once begun it runs to its end even if the caller goes away, so a query is never cut in half.
    pub async fn run<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let turn = self.inner.turns.wait(self.tenant).await?;
        let busy = self.inner.busy.clone().acquire_owned().await.map_err(|_| Error::Stopping)?;
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _held = (turn, busy); // given back last, after the connection
            let mut lease = Lease::of(&this.inner.pool, this.tenant);
            Ok(work(lease.connection(&this.inner.files)?)?)
        });
        match done.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Stopping),
        }
    }
}
