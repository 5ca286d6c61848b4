//! The corpora of the fuzz targets, and mutations of them, on every run.

#![allow(clippy::expect_used, reason = "a helper that cannot go on fails the test that called it")]

#[path = "../../../fuzz/checks/challenge.rs"]
mod challenge;
#[path = "../../../fuzz/checks/envelope.rs"]
mod envelope;
#[path = "../../../fuzz/checks/header.rs"]
mod header;
#[path = "../../../fuzz/checks/replay.rs"]
mod replay;
#[path = "../../../fuzz/checks/sse.rs"]
mod sse;

#[test]
fn envelope_corpus() {
    replay::replay("envelope", envelope::check);
}

#[test]
fn header_corpus() {
    replay::replay("header", header::check);
}

#[test]
fn sse_corpus() {
    replay::replay("sse", sse::check);
}

#[test]
fn challenge_corpus() {
    replay::replay("challenge", challenge::check);
}
