//! What ships is finished: no hole that panics when somebody reaches it, and no test that is skipped.

use super::hold;
use crate::checkout::{self, Source};
use crate::mentions::mentions;

#[test]
fn what_ships_is_finished() {
    let sources = checkout::members().into_iter().flat_map(|member| checkout::sources(&member));
    hold(&sources.flat_map(|source| complaints(&source)).collect::<Vec<_>>());
}

fn complaints(source: &Source) -> Vec<String> {
    let hole = |path: &[String]| {
        path.len() > 1 && path.ends_with(&["!".to_owned()]) && HOLES.contains(&path[path.len() - 2].as_str())
    };
    let holes = mentions(&source.shipped).into_iter().filter(|mention| hole(&mention.path)).map(|mention| {
        format!("`{}` line {}: `{}!` ships; write what belongs there", source.path, mention.line, mention.name)
    });
    // A skipped test is told wherever it stands: a rule that nobody runs is no rule.
    let skipped = (1..)
        .zip(source.text.lines())
        .filter(|(_, line)| skips(line))
        .map(|(number, _)| format!("`{}` line {number}: this test is skipped; mend it or take it out", source.path));
    holes.chain(skipped).collect()
}

const HOLES: [&str; 2] = ["todo", "unimplemented"];

fn skips(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("#[ignore]") || line.starts_with("#[ignore =")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(path: &str, text: &str) -> Vec<String> {
        let sources = checkout::sources_from("crates/x", vec![(format!("crates/x/{path}"), text.to_owned())]);
        complaints(&sources[0])
    }

    #[test]
    fn a_hole_that_ships_is_told() {
        let told = "`crates/x/src/a.rs` line 2: `todo!` ships; write what belongs there";
        assert_eq!(judged("src/a.rs", "fn f() {\n    todo!()\n}"), [told]);
        assert_eq!(judged("src/a.rs", "fn f() { std::unimplemented!(\"x\") }").len(), 1);
        assert_eq!(judged("src/a.rs", "fn f() { g(vec![todo!()]) }").len(), 1);
        assert_eq!(judged("src/a.rs", "fn todo() -> bool { todo != 1 }\n#[cfg(test)]\nfn f() { todo!() }"), [""; 0]);
        assert_eq!(judged("tests/ui/a.rs", "fn f() { todo!() }"), [""; 0]);
    }

    #[test]
    fn a_skipped_test_is_told() {
        let told = "`crates/x/tests/a.rs` line 2: this test is skipped; mend it or take it out";
        assert_eq!(judged("tests/a.rs", "#[test]\n#[ignore]\nfn f() {}"), [told]);
        assert_eq!(judged("tests/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}"), [told]);
    }
}
