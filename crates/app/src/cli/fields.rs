//! What differs in documents, for people: a line for each field.

use partywall_control::wire::{Change, Fate, Field};

use super::print;

/// The fields that differ, a line each: `+` is new, `-` is gone, `~` is another.
pub(super) fn lines(changes: &[Change]) -> String {
    changes.iter().flat_map(of).collect::<Vec<_>>().join("\n")
}

fn of(change: &Change) -> Vec<String> {
    let document = format!("{}.{}", change.kind, change.name);
    let alone = match change.change {
        // A document may say nothing at all; that it comes or goes is told all the same.
        Fate::Created if change.fields.is_empty() => Some(format!("+ {document}")),
        Fate::Deleted => Some(format!("- {document}")),
        _ => None,
    };
    let fields = change.fields.iter().filter(|_| change.change != Fate::Deleted).map(|field| line(&document, field));
    alone.into_iter().chain(fields).map(|line| print::plain(&line)).collect()
}

fn line(document: &str, Field { path, before, after }: &Field) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("~ {document}.{path}: {before} -> {after}"),
        (Some(before), None) => format!("- {document}.{path}: {before}"),
        (None, Some(after)) => format!("+ {document}.{path}: {after}"),
        (None, None) => format!("~ {document}.{path}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_a_line_for_each_field() {
        let field = |path: &str, before, after| Field { path: path.to_owned(), before, after };
        let change =
            |name: &str, change, fields| Change { kind: "plan".to_owned(), name: name.to_owned(), change, fields };
        let fields = vec![
            field("a", Some(json!(1)), Some(json!(2))),
            field("b.0", Some(json!("\u{1b}[2J")), None),
            field("c", None, Some(json!({ "d": true }))),
        ];
        let changes = [
            change("standard", Fate::Changed, fields),
            change("free", Fate::Created, Vec::new()),
            change("old", Fate::Deleted, vec![field("a", Some(json!(1)), None)]),
            change("same", Fate::Unchanged, Vec::new()),
        ];
        let expected = "~ plan.standard.a: 1 -> 2\n- plan.standard.b.0: \"\\u001b[2J\"\n\
                        + plan.standard.c: {\"d\":true}\n+ plan.free\n- plan.old";
        assert_eq!(lines(&changes), expected);
    }
}
