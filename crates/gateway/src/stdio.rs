//! An instance that speaks MCP over two byte streams, as an upstream.
//!
//! One task per instance runs the [`Channel`](partywall_mcp::stdio::Channel) between the streams and the clients; a
//! [`Connection`] is the handle to it, cheap to clone. The task ends with the instance or with its last handle, and
//! whatever waits for it then ends too: with [`Turned::Gone`] where it was not taken yet, with a refusal in the answer
//! where it was. How the streams came to be is not its business.

mod body;
mod commands;
mod connection;
mod lists;
mod mailbox;
mod owner;
mod pump;
#[cfg(test)]
mod tests;
mod ticket;
mod unbidden;

pub use body::{Answer, Messages, Seal};
pub use connection::{Call, Connection, Settings, Unheard};
pub use lists::Changes;
pub(crate) use lists::Lists;
pub use owner::Owner;
pub use partywall_mcp::stdio::{Client, Described, Dropped, Failure, Options, Questions, Reply, Turned};
pub use ticket::Ticket;
