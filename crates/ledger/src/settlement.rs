//! How a call ended, as the books take it.

use partywall_domain::{Outcome, RefusalCode};

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The outcome.
    pub outcome: Outcome,
    /// Why, for operators; empty where the outcome says it all.
    pub cause: String,
    /// The HTTP status the client got.
    pub status: u16,
    /// Bytes of the body the client got.
    pub bytes_out: u64,
}

impl Settlement {
    /// A refusal.
    pub fn refused(code: RefusalCode, cause: &str) -> Self {
        Self { outcome: Outcome::Refused(code), cause: cause.to_owned(), status: code.status(), bytes_out: 0 }
    }
}
