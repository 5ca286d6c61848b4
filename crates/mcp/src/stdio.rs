//! MCP over the two byte streams of one instance, shared by many clients of both eras.
//!
//! A server on stdio has one channel and knows one client. [`Channel`] is that client: it does the handshake, and maps the
//! ids, progress tokens and subscriptions of everybody's messages onto the one channel and back. Of a message it changes
//! only the members that must change; all other bytes stay as they were written. Who somebody is comes in as an owner
//! that can be compared and nothing else, so this knows no tenants and no principals, and time comes in as an argument.
//!
//! What a server says is for one owner or for nobody: an answer goes by its id, progress by its token, a question of the
//! server to the owner whose turn it is, a change to those who listen for it, and what belongs to nobody is dropped and
//! counted.

mod channel;
mod described;
mod frame;
mod lines;
mod splice;

pub use channel::{Action, Channel, Client, Dropped, Failure, Options, Questions, Reply, Turned};
pub use described::Described;
pub use lines::{LineTooLong, Lines};
pub use splice::input_required;
