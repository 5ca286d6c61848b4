//! The corpus of the fuzz target that reads what issuers publish, and mutations of it, on every run.

#![allow(clippy::expect_used, reason = "a helper that cannot go on fails the test that called it")]

#[path = "../../../../../fuzz/checks/metadata.rs"]
mod check;
#[path = "../../../../../fuzz/checks/replay.rs"]
mod replay;

use crate::key_source::{discovery, place};

#[test]
fn metadata_corpus() {
    replay::replay("metadata", check::check);
}
