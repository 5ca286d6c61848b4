//! What handles ask of the task.

use bytes::Bytes;
use partywall_mcp::stdio::{Client, Turned};
use tokio::sync::oneshot;

use super::mailbox::Sender;

/// A call as the task takes it: its number, and which of the requests that took it up this is.
pub(super) struct Taken {
    pub(super) call: u64,
    pub(super) visit: u64,
}

pub(super) enum Command<O> {
    /// A request; where `resume` is set, of a client that comes back to its call.
    Request {
        owner: O,
        client: Option<Client>,
        body: Bytes,
        resume: Option<u64>,
        replies: Sender,
        taken: oneshot::Sender<Result<Taken, Turned>>,
    },
    /// The stream of a legacy client.
    Stream {
        owner: O,
        client: Client,
        replies: Sender,
        taken: oneshot::Sender<Result<Taken, Turned>>,
    },
    Notify {
        owner: O,
        body: Bytes,
    },
    Respond {
        owner: O,
        body: Bytes,
        taken: oneshot::Sender<Result<(), Turned>>,
    },
    /// The client of a call is gone.
    Left(Taken),
    /// A session is over.
    Forget {
        owner: O,
    },
}
