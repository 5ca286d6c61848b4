//! The kit as an author meets it: through its public items alone.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test that called it")]

mod databases;
mod guard;
mod support;
mod verifier;
