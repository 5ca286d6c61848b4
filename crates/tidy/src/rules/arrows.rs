//! The crates depend on each other exactly as the table in ARCHITECTURE.md draws it.
//!
//! The table is found by its columns, wherever it stands and whatever prose surrounds it; only names in backticks count.

use std::collections::{BTreeMap, BTreeSet};

use super::hold;
use crate::checkout;

type Arrows = BTreeMap<String, BTreeSet<String>>;

#[test]
fn crates_depend_as_drawn() {
    let members = checkout::members();
    let real = members.into_iter().map(|member| (member.name, member.arrows)).collect();
    hold(&complaints(&drawn(&checkout::read("ARCHITECTURE.md")), &real));
}

fn complaints(drawn: &Arrows, real: &Arrows) -> Vec<String> {
    let none = BTreeSet::new();
    let mut complaints = Vec::new();
    for (name, arrows) in real {
        let Some(drawn) = drawn.get(name) else {
            complaints.push(format!("`{name}`: give it a row in the table of ARCHITECTURE.md"));
            continue;
        };
        complaints.extend(
            arrows
                .difference(drawn)
                .map(|to| format!("`{name}`: draw the arrow to `{to}` in ARCHITECTURE.md or drop the dependency")),
        );
    }
    for (name, arrows) in drawn {
        if !real.contains_key(name) {
            complaints.push(format!("`{name}`: no crate has this name; take its row out of ARCHITECTURE.md"));
            continue;
        }
        complaints.extend(
            arrows
                .difference(real.get(name).unwrap_or(&none))
                .map(|to| format!("`{name}`: it does not depend on `{to}`; take the arrow out of ARCHITECTURE.md")),
        );
    }
    complaints
}

/// Reads the first table that has a column `crate` and a column `may depend on`.
fn drawn(page: &str) -> Arrows {
    let mut lines = page.lines().map(cells);
    let header = lines.by_ref().find_map(|cells| Some((column(&cells, "crate")?, column(&cells, "may depend on")?)));
    let (name, arrows) = header.expect("ARCHITECTURE.md has a table `crate | one line | may depend on`; draw it");
    lines
        .take_while(|cells| !cells.is_empty())
        .filter_map(|cells| Some((quoted(cells.get(name)?).pop_first()?, quoted(cells.get(arrows)?))))
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    let Some(row) = line.trim().strip_prefix('|') else { return Vec::new() };
    row.trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn column(cells: &[String], name: &str) -> Option<usize> {
    cells.iter().position(|cell| cell.eq_ignore_ascii_case(name))
}

fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\n| word | meaning |\n|---|---|\n| `a` | b |\n\nProse.\n\n\
        | crate | one line | may depend on |\n|---|---|---|\n\
        | `domain` | the nouns | – |\n| `gateway` | the `x` plane | `domain`, `identity` |\n\nMore.\n\n| `other` | x | `domain` |\n";

    fn real(rows: &[(&str, &[&str])]) -> Arrows {
        let row =
            |&(name, arrows): &(&str, &[&str])| (name.to_owned(), arrows.iter().map(ToString::to_string).collect());
        rows.iter().map(row).collect()
    }

    #[test]
    fn the_table_is_found_among_prose_and_other_tables() {
        assert_eq!(drawn(PAGE), real(&[("domain", &[]), ("gateway", &["domain", "identity"])]));
    }

    #[test]
    fn each_difference_is_named() {
        let real = real(&[("gateway", &["domain", "store"]), ("store", &[])]);
        let expected = [
            "`gateway`: draw the arrow to `store` in ARCHITECTURE.md or drop the dependency",
            "`store`: give it a row in the table of ARCHITECTURE.md",
            "`domain`: no crate has this name; take its row out of ARCHITECTURE.md",
            "`gateway`: it does not depend on `identity`; take the arrow out of ARCHITECTURE.md",
        ];
        assert_eq!(complaints(&drawn(PAGE), &real), expected);
    }
}
