//! What the path of a request names. All of it is the caller's claim until the token has decided.

use partywall_domain::ConnectId;

pub(crate) struct Endpoint {
    /// The whole path.
    pub(crate) path: String,
    /// The customer whose connect URL it is.
    pub(crate) connect: Option<ConnectId>,
    /// The server; nothing where the path names none.
    pub(crate) server: String,
}
