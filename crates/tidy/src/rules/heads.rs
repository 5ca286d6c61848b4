//! Every file that ships opens by saying what it is.

use super::hold;
use crate::checkout::{self, Source};

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let sources = checkout::members().into_iter().flat_map(|member| checkout::sources(&member));
    hold(&sources.filter_map(|source| complaint(&source)).collect::<Vec<_>>());
}

fn complaint(source: &Source) -> Option<String> {
    let opens =
        source.text.lines().next().and_then(|line| line.strip_prefix("//! ")).is_some_and(|line| !line.is_empty());
    let told = || format!("`{}`: open it with a `//!` paragraph: what it is and what it does not do", source.path);
    (!source.is_test() && !opens).then(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(path: &str, text: &str) -> Option<String> {
        let sources = checkout::sources_from("crates/x", vec![(format!("crates/x/{path}"), text.to_owned())]);
        complaint(&sources[0])
    }

    #[test]
    fn a_file_without_a_head_is_told() {
        let told = "`crates/x/src/a.rs`: open it with a `//!` paragraph: what it is and what it does not do";
        assert_eq!(judged("src/a.rs", "use std::fmt;\n").as_deref(), Some(told));
        assert!(judged("src/a.rs", "//!\nfn f() {}\n").is_some());
        assert!(judged("src/a.rs", "/// About the function.\nfn f() {}\n").is_some());
        assert_eq!(judged("src/a.rs", "//! The thing.\nfn f() {}\n"), None);
        assert_eq!(judged("tests/a.rs", "fn f() {}\n"), None);
    }
}
