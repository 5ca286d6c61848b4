//! The trusted base stays small enough to be read in an afternoon: `identity` makes principals, `tenancy` makes
//! contexts, and every wall rests on those two.

use super::hold;
use crate::checkout::{self, Source};

/// Lines of code that ship; comments are what makes them readable, and nobody shall cut those to fit.
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
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    sources.iter().map(|source| source.shipped.lines().filter(code).count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_comments_are_free() {
        let text = "// Why.\nfn a() {}\n\nfn c() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        let sources = checkout::sources_from("crates/x", vec![("crates/x/src/lib.rs".to_owned(), text.to_owned())]);
        assert_eq!(complaints(&sources, 3), [""; 0]);
        let told = "`identity` and `tenancy`: 2 lines ship, 2 may; move out what makes no principal and no context";
        assert_eq!(complaints(&sources, 2), [told]);
    }
}
