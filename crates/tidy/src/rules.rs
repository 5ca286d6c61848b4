//! The rules, one file each. A complaint names the thing in backticks and ends with what to do next.

mod arrows;
mod base;
mod circles;
mod globs;
mod heads;
mod lints;
mod sans_io;
mod sizes;
mod unfinished;

/// Fails with every complaint at once, so that one run shows all there is to mend.
#[track_caller]
fn hold(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
