//! How a call ended, as the books know it.

use crate::RefusalCode;

/// How a call that was reserved ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered, and the answer reached its end.
    Answered,
    /// The upstream answered with an HTTP error, or its answer broke off. A JSON-RPC error within an answer is an answer.
    UpstreamError,
    /// Partywall refused it after the reservation.
    Refused(RefusalCode),
    /// The client went away, or the call was dropped before its end.
    Abandoned,
}

impl Outcome {
    /// The word in logs and in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::UpstreamError => "upstream_error",
            Self::Refused(_) => "refused",
            Self::Abandoned => "abandoned",
        }
    }
}
