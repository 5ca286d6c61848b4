//! The trusted base stays small enough to be read in an afternoon: `identity` makes principals, `tenancy` makes
//! contexts, and every wall rests on those two.

use super::hold;
use crate::checkout::{self, Source};

/// All lines that ship count, comments too: a reader reads them.
const LINES_MAX: usize = 1_500;

#[test]
fn the_trusted_base_is_small() {
    let base = checkout::members().into_iter().filter(|member| ["identity", "tenancy"].contains(&member.name.as_str()));
    let sources: Vec<Source> = base.flat_map(|member| checkout::sources(&member)).collect();
    assert!(!sources.is_empty(), "`identity` and `tenancy` are not where they were; tell this rule where the base is");
    println!("trusted base: {} of {LINES_MAX} lines", lines(&sources));
    hold(&complaints(&sources, LINES_MAX));
}

fn complaints(sources: &[Source], max: usize) -> Vec<String> {
    let lines = lines(sources);
    let told = format!(
        "`identity` and `tenancy`: {lines} lines ship, {max} may; move out what makes no principal and no context"
    );
    if lines < max { Vec::new() } else { vec![told] }
}

fn lines(sources: &[Source]) -> usize {
    sources.iter().map(|source| source.shipped_lines).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_free_and_comments_are_not() {
        let text = "// Why.\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        let sources = checkout::sources_from("crates/x", vec![("crates/x/src/lib.rs".to_owned(), text.to_owned())]);
        assert_eq!(complaints(&sources, 3), [""; 0]);
        let told = "`identity` and `tenancy`: 2 lines ship, 2 may; move out what makes no principal and no context";
        assert_eq!(complaints(&sources, 2), [told]);
    }
}
