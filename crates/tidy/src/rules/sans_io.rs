//! `domain`, `mcp` and `identity` do no IO and take time as an argument, so that their tests need no runtime and no
//! patience.

use super::hold;
use crate::checkout::{self, Source};
use crate::mentions::{Mention, mentions};

/// The crates that hold to it.
const CRATES: [&str; 3] = ["domain", "mcp", "identity"];

/// What reaches outside: the beginning of a path.
const OUTSIDE: [&[&str]; 6] =
    [&["std", "fs"], &["std", "net"], &["std", "env"], &["std", "process"], &["std", "thread"], &["tokio"]];

/// What reads a clock: the end of a path.
const CLOCKS: [&[&str]; 2] = [&["Instant", "now"], &["SystemTime", "now"]];

#[test]
fn the_core_does_no_io() {
    let members = checkout::members();
    let core: Vec<_> = members.iter().filter(|member| CRATES.contains(&member.name.as_str())).collect();
    assert_eq!(core.len(), CRATES.len(), "one of {CRATES:?} is gone; say here who holds to it now");
    hold(&core.into_iter().flat_map(checkout::sources).flat_map(|source| complaints(&source)).collect::<Vec<_>>());
}

fn complaints(source: &Source) -> Vec<String> {
    let told = |mention: Mention| {
        format!(
            "`{}` line {}: `{}` is not for this crate; take its result as an argument",
            source.path,
            mention.line,
            mention.path.join("::")
        )
    };
    mentions(&source.shipped).into_iter().filter(|mention| reaches_outside(&mention.path)).map(told).collect()
}

fn reaches_outside(path: &[String]) -> bool {
    OUTSIDE.iter().any(|outside| path.starts_with(&owned(outside)))
        || CLOCKS.iter().any(|clock| path.ends_with(&owned(clock)))
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Vec<String> {
        let sources = checkout::sources_from("crates/x", vec![("crates/x/src/lib.rs".to_owned(), text.to_owned())]);
        complaints(&sources[0])
    }

    #[test]
    fn each_reach_outside_is_told() {
        let rows = [
            "use std::fs;",
            "use std::{fmt, net::TcpStream};",
            "use tokio::sync::mpsc;",
            "fn f() { let at = Instant::now(); }",
            "fn f() { g(std::time::SystemTime::now()); }",
            "fn f() -> bool { matches!(std::env::var(\"X\"), Ok(_)) }",
            "fn f() { tokio::spawn(g()); }",
        ];
        for row in rows {
            assert_eq!(judged(row).len(), 1, "{row}");
        }
        let told = "`crates/x/src/lib.rs` line 1: `std::fs` is not for this crate; take its result as an argument";
        assert_eq!(judged("use std::fs;"), [told]);
    }

    #[test]
    fn time_as_a_value_prose_and_tests_are_fine() {
        let text = "//! No `std::fs` here.\nuse std::time::Instant;\nfn f(now: Instant) {}\n\
            #[cfg(test)]\nmod tests {\n    fn f() { std::time::Instant::now(); }\n}";
        assert_eq!(judged(text), [""; 0]);
    }
}
