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

/// Where a call's time went, in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    /// In all, from the request's arrival to the end of the answer.
    pub(crate) duration_us: u64,
    /// Waiting for its turn at the upstream.
    pub(crate) queued_us: u64,
}
