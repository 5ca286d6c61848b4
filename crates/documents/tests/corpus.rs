//! The corpora of the fuzz targets, and mutations of them, on every run.

#![allow(clippy::expect_used, reason = "a helper that cannot go on fails the test that called it")]

#[path = "../../../fuzz/checks/documents.rs"]
mod documents;
#[path = "../../../fuzz/checks/replay.rs"]
mod replay;

#[test]
fn documents_corpus() {
    replay::replay("documents", documents::check);
}
