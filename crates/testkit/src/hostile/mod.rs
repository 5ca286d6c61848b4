//! Peers that misbehave: clients that no gateway wants, and upstreams that no gateway deserves.
//!
//! Each is a row of a table, [`RUDE`] and [`WRONG`]: bytes and pauses on a plain TCP connection, because no HTTP library
//! would send them. The tests hold what the gateway makes of each against what the protocol page says, and a soak mixes
//! all of them into an honest load.

mod answers;
mod requests;
mod rude;
mod steps;
mod upstream;
mod wrong;

pub use answers::Call;
pub use requests::Target;
pub use rude::{RUDE, Rude, Seen};
pub use steps::Step;
pub use upstream::{Exchange, GOOD, Upstream, WELL};
pub use wrong::{WRONG, Wrong};

/// Bytes of what is called a gigabyte here.
pub const GIGABYTE: u64 = 1 << 30;
