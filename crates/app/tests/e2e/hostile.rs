//! Hostile and broken peers: each gets the answer that docs/protocol.md gives it, nobody else is disturbed, memory stays
//! bounded, and a connection on which something was left is not used again.

mod clients;
mod stage;
mod upstreams;
