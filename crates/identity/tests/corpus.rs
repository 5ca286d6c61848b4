//! The corpora of the fuzz targets, and mutations of them, on every run.

#![allow(clippy::expect_used, reason = "a helper that cannot go on fails the test that called it")]

#[path = "../../../fuzz/checks/replay.rs"]
mod replay;
#[path = "../../../fuzz/checks/token.rs"]
mod token;

#[test]
fn token_corpus() {
    replay::replay("token", token::check);
}
