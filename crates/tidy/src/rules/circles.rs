//! The top-level modules of a crate need each other in one direction only, so that each can be read after those it
//! stands on.
//!
//! The crate's root is no such module: it may know all of them, and naming a thing through the root counts as naming
//! the module it comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::hold;
use crate::checkout::{self, Source};
use crate::mentions::{Mention, mentions};

type Needs = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_modules_need_each_other_in_a_circle() {
    let complaints: Vec<String> = checkout::members()
        .iter()
        .flat_map(|member| complaints(&member.name, &needs(&checkout::sources(member))))
        .collect();
    hold(&complaints);
}

fn complaints(name: &str, needs: &Needs) -> Vec<String> {
    let mut told = BTreeSet::new();
    let circles = needs.keys().filter_map(|start| circle(start, needs)).filter(|circle| {
        let members: BTreeSet<String> = circle.iter().cloned().collect();
        told.insert(members)
    });
    let tell = |circle: Vec<String>| {
        let drawn: Vec<String> = circle.iter().map(|module| format!("`{module}`")).collect();
        format!("`{name}`: {} need each other; move what they share into a module of its own", drawn.join(" → "))
    };
    circles.map(tell).collect()
}

/// The shortest way from a module back to itself.
fn circle(start: &str, needs: &Needs) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = std::collections::VecDeque::from([vec![start.to_owned()]]);
    while let Some(way) = ways.pop_front() {
        for next in way.last().and_then(|last| needs.get(last)).into_iter().flatten() {
            let longer = [way.as_slice(), std::slice::from_ref(next)].concat();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

/// Which top-level module names which others.
fn needs(sources: &[Source]) -> Needs {
    let mentions = placed(sources);
    let modules: BTreeSet<&str> = mentions.iter().filter_map(|(from, _)| Some(from.first()?.as_str())).collect();
    let through_root = through_root(&mentions, &modules);
    let mut needs = Needs::new();
    for (from, mention) in &mentions {
        let (Some(from_top), Some(path)) = (from.first(), absolute(from, &mention.path)) else { continue };
        let Some(first) = path.first() else { continue };
        let to = modules.get(first.as_str()).copied().or_else(|| through_root.get(first).map(String::as_str));
        if let Some(to) = to.filter(|to| to != from_top) {
            needs.entry(from_top.clone()).or_default().insert(to.to_owned());
        }
    }
    needs
}

/// Every mention that ships, with the module it stands in. Binaries beside the library are crates of their own.
fn placed(sources: &[Source]) -> Vec<(Vec<String>, Mention)> {
    let mut placed = Vec::new();
    for source in sources {
        let Some(module) = source.module.as_ref().filter(|module| module.first().is_none_or(|top| top != "bin")) else {
            continue;
        };
        placed.extend(
            mentions(&source.shipped)
                .into_iter()
                .map(|mention| ([module.as_slice(), &mention.inside].concat(), mention)),
        );
    }
    placed
}

/// What the root hands on (`pub use id::TenantId`): each name with the module it comes from.
fn through_root(mentions: &[(Vec<String>, Mention)], modules: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let at_root = mentions.iter().filter(|(from, _)| from.is_empty());
    let named = at_root.filter_map(|(from, mention)| {
        let path = absolute(from, &mention.path).unwrap_or_else(|| mention.path.clone());
        let known = path.len() > 1 && modules.contains(path[0].as_str());
        known.then(|| (mention.name.clone(), path[0].clone()))
    });
    named.collect()
}

/// A path from the crate's root down; none if it does not say where it begins, as with another crate's.
fn absolute(from: &[String], path: &[String]) -> Option<Vec<String>> {
    let (mut base, mut rest) = match path.first()?.as_str() {
        "crate" => (&from[..0], &path[1..]),
        "self" => (from, &path[1..]),
        "super" => (from, path),
        _ => return None,
    };
    while rest.first().is_some_and(|segment| segment == "super") {
        base = &base[..base.len().checked_sub(1)?];
        rest = &rest[1..];
    }
    Some([base, rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|&(path, text)| (format!("crates/x/src/{path}"), text.to_owned())).collect();
        complaints("x", &needs(&checkout::sources_from("crates/x", files)))
    }

    const CIRCLE: &str = "`x`: `a` → `b` → `a` need each other; move what they share into a module of its own";

    #[test]
    fn each_way_to_close_a_circle_is_seen() {
        let b = ("b.rs", "use crate::a::A;");
        let rows = [
            ("a.rs", "use crate::b::B;"),
            ("a.rs", "use super::b::B;"),
            ("a.rs", "use crate::{b::{self, B}, c::C};"),
            ("a.rs", "fn f() { crate::b::f(); }"),
            ("a.rs", "fn f() { assert!(crate::b::f()); }"),
            ("a.rs", "mod inner { use super::super::b::B; }"),
            ("a/deep.rs", "use super::super::b::B;"),
            ("a.rs", "use crate::B;"),
        ];
        let root = ("lib.rs", "mod a; mod b; mod c; pub use b::B;");
        for row in rows {
            assert_eq!(judged(&[root, row, b]), [CIRCLE], "{row:?}");
        }
    }

    #[test]
    fn a_longer_circle_is_told_once() {
        let files = [("a.rs", "use crate::b::X;"), ("b.rs", "use crate::c::X;"), ("c.rs", "use crate::a::X;")];
        let told = "`x`: `a` → `b` → `c` → `a` need each other; move what they share into a module of its own";
        assert_eq!(judged(&files), [told]);
    }

    #[test]
    fn one_direction_is_no_circle_and_tests_may_look_back() {
        let root = ("lib.rs", "mod a; mod b; use a::A; use b::B;");
        let a = ("a.rs", "use self::deep::D;\n#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}");
        let deep = ("a/deep.rs", "use super::A; use b::outside;");
        assert_eq!(judged(&[root, a, deep, ("b.rs", "use crate::a::A;")]), [""; 0]);
    }
}
