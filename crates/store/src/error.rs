//! Why the store could not do it.

use std::path::PathBuf;

use partywall_documents::Kind;
use partywall_domain::Revision;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody changed the configuration in between.
    #[error("the configuration moved to revision {now} in between; read it again and decide anew")]
    Moved {
        /// The revision that stands.
        now: Revision,
    },
    /// There is no such revision.
    #[error("there is no revision {unknown}; the newest is {now}")]
    NoRevision {
        /// The one asked for.
        unknown: Revision,
        /// The one that stands.
        now: Revision,
    },
    /// More documents differ than one look gives.
    #[error("more than {0} documents differ; look at revisions that are nearer to each other")]
    TooMany(usize),
    /// The document to delete does not stand.
    #[error("there is no `{0}.{1}`; nothing was changed")]
    Absent(Kind, String),
    /// The id does not belong to the tenant of this name, or belonged to one that is gone.
    #[error("the id given for tenant `{0}` is not its own; an id is given at creation and never again")]
    TenantId(String),
    /// A later version of Partywall has written here.
    #[error(
        "the database is of schema {found} and this binary knows up to {known}; run the version that wrote it, or a newer one"
    )]
    Newer {
        /// The schema of the file.
        found: u32,
        /// The newest schema this binary knows.
        known: u32,
    },
    /// A step of the schema is not the one this binary would have taken.
    #[error("step {0} of the database's schema is not this binary's; run the version that wrote it")]
    Altered(u32),
    /// Not a database of ours.
    #[error("`{0}` is a database of something else; choose another data folder")]
    Foreign(PathBuf),
    /// The file cannot be had.
    #[error("cannot open `{path}`: {source}; check the data folder and who owns it")]
    File {
        /// The database's path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What stands in the database cannot be read.
    #[error("what the database has for {0} cannot be read: {1}; restore it from a backup")]
    Damaged(String, String),
    /// SQLite's own refusal.
    #[error("the database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
}
