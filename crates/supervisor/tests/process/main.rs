//! The process tier for real: boxes of this host, with servers in them that behave, and one that does not.
//!
//! Run by root, these tests also run as an ordinary user, in a copy of themselves.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod conformance;
mod host;
mod life;
mod ways_out;
