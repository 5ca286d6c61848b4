//! The supervisor with real boxes: keys come from tenants who entered by the door, servers are small programs.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod life;
mod world;
