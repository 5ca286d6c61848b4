//! The only SQL: versioned documents, sealed secrets, what upstreams said of themselves, and wrapped keys, in
//! SQLite.
//!
//! There is no query without an [`Operator`](partywall_identity::Operator) or the process's own
//! [`SystemAuthority`](partywall_identity::SystemAuthority). It does not judge documents (`tenancy` does), does not
//! unwrap keys, and knows nothing of calls: a call never waits for a database. Its functions block; an async caller
//! uses a thread that may.

mod error;
mod history;
mod migrate;
mod open;
mod platform;
mod read;
mod secret_history;
mod secrets;
mod system;

pub use error::StoreError;
pub use history::{Difference, Made, Version};
pub use open::Store;
pub use partywall_documents::Change;
pub use platform::PlatformStore;
pub use secret_history::{SecretDifference, SecretSet};
pub use system::SystemStore;

#[cfg(test)]
mod tests;
