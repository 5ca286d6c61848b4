//! Starts, watches and stops instances of servers, and gives byte streams.
//!
//! It knows no tokens and no MCP: whose an instance is comes as an [`partywall_tenancy::InstanceKey`], and what is said
//! over its streams is for whoever asked for it.

pub mod driver;
pub mod egress;
pub mod floor;
pub mod keeper;
pub mod launch;
pub mod process;
pub mod slot;
pub mod supervisor;

mod cgroup;
mod order;
mod output;
mod socket;
mod uids;

pub use output::{LINE_BYTES_MAX, Line};
pub use socket::Socket;
pub use uids::{UID_FIRST, UIDS_MAX};
