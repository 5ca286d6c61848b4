//! The books, kept as the gateway keeps them: a tenant enters with a signed token, reserves, and settles or does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod addresses;
mod classes;
mod crash;
mod house;
mod journal;
mod limits;
mod log;
mod refusals;
mod strangers;
mod tail;
mod tally;
mod tools;
