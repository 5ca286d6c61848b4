//! Nothing of ours is imported by a glob: a reader sees where each name comes from. A test module may write
//! `use super::*`, as it belongs to the module around it.

use std::collections::BTreeSet;

use super::hold;
use crate::checkout::{self, Source};
use crate::mentions::{Mention, mentions};

#[test]
fn nothing_of_ours_is_imported_by_a_glob() {
    let members = checkout::members();
    let ours = members.iter().flat_map(|member| [member.name.clone(), format!("partywall_{}", member.name)]).collect();
    let sources = members.iter().flat_map(checkout::sources);
    hold(&sources.flat_map(|source| complaints(&ours, &source)).collect::<Vec<_>>());
}

fn complaints(ours: &BTreeSet<String>, source: &Source) -> Vec<String> {
    let ships = |mention: &Mention| source.shipped.lines().nth(mention.line - 1).is_some_and(|line| !line.is_empty());
    let ours = |first: &String| ["crate", "super", "self"].contains(&first.as_str()) || ours.contains(first);
    let glob = |mention: &Mention| {
        mention.path.first().is_some_and(ours)
            && mention.path.last().is_some_and(|last| last == "*")
            && (ships(mention) || mention.path != ["super", "*"])
    };
    let tell = |mention: Mention| {
        format!(
            "`{}` line {}: `{}` hides where names come from; write them out",
            source.path,
            mention.line,
            mention.path.join("::")
        )
    };
    mentions(&source.text).into_iter().filter(glob).map(tell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(path: &str, text: &str) -> Vec<String> {
        let ours = BTreeSet::from(["partywall_domain".to_owned()]);
        let sources = checkout::sources_from("crates/x", vec![(format!("crates/x/{path}"), text.to_owned())]);
        complaints(&ours, &sources[0])
    }

    #[test]
    fn a_glob_of_ours_is_told() {
        let rows = ["use crate::*;", "use crate::{a::B, c::*};", "use super::*;", "use partywall_domain::event::*;"];
        for row in rows {
            assert_eq!(judged("src/a.rs", row).len(), 1, "{row}");
        }
        let told = "`crates/x/src/a.rs` line 1: `crate::c::*` hides where names come from; write them out";
        assert_eq!(judged("src/a.rs", "use crate::c::*;"), [told]);
        assert_eq!(judged("tests/a.rs", "use partywall_domain::*;").len(), 1);
        assert_eq!(judged("src/a.rs", "#[cfg(test)]\nmod tests {\n    use crate::a::*;\n}").len(), 1);
    }

    #[test]
    fn a_test_module_may_see_the_module_around_it() {
        assert_eq!(judged("src/a.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n}"), [""; 0]);
        assert_eq!(judged("src/a.rs", "use proptest::prelude::*;\nfn f() -> u8 { 2 * 3 }"), [""; 0]);
    }
}
