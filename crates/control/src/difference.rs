//! What differs between two states of a document, field by field.

use std::collections::BTreeSet;

use partywall_documents::Document;
use partywall_domain::Sealed;
use partywall_store::Difference;
use serde_json::Value;

use crate::wire::{Change, Fate, Field};

/// What becomes of a document.
pub(crate) fn fate(difference: &Difference) -> Change {
    let fate = match (&difference.before, &difference.after) {
        (None, _) => Fate::Created,
        (Some(_), None) => Fate::Deleted,
        (Some(before), Some(after)) if before == after => Fate::Unchanged,
        _ => Fate::Changed,
    };
    Change { kind: difference.kind.to_string(), name: difference.name.clone(), change: fate, fields: Vec::new() }
}

/// What becomes of a document, and which of its fields are others.
pub(crate) fn in_full(difference: &Difference) -> Change {
    let mut fields = Vec::new();
    let body = |document: &Option<Document>| document.as_ref().map(|document| document.body.clone());
    // A document that is not there has no field; so all are told that the other one has.
    let nothing = || Value::Object(serde_json::Map::new());
    let before = body(&difference.before).unwrap_or_else(nothing);
    compare("", &before, &body(&difference.after).unwrap_or_else(nothing), &mut fields);
    secrets(difference, &mut fields);
    Change { fields, ..fate(difference) }
}

/// Notes which secrets are others; there is nothing more to show of them.
fn secrets(difference: &Difference, fields: &mut Vec<Field>) {
    let all = |document: &Option<Document>| document.as_ref().map(|it| it.secrets.clone()).unwrap_or_default();
    let (before, after) = (all(&difference.before), all(&difference.after));
    let shown = |sealed: Option<&Sealed>| sealed.map(|sealed| format!("sealed in epoch {}", sealed.epoch()).into());
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (before.get(name), after.get(name));
        if before != after {
            fields.push(Field { path: format!("secrets.{name}"), before: shown(before), after: shown(after) });
        }
    }
}

/// Notes what differs, as deep as both are tables or lists. How deep that goes is bounded by the reader of documents.
fn compare(path: &str, before: &Value, after: &Value, fields: &mut Vec<Field>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                step(path, name, before.get(name), after.get(name), fields);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for index in 0..before.len().max(after.len()) {
                step(path, &index.to_string(), before.get(index), after.get(index), fields);
            }
        }
        _ if before == after => {}
        _ => fields.push(Field { path: path.to_owned(), before: Some(before.clone()), after: Some(after.clone()) }),
    }
}

fn step(path: &str, name: &str, before: Option<&Value>, after: Option<&Value>, fields: &mut Vec<Field>) {
    let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (before, after) {
        (Some(before), Some(after)) => compare(&path, before, after, fields),
        _ => fields.push(Field { path, before: before.cloned(), after: after.cloned() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_told_where_they_differ() {
        let rows = [
            (json!({ "a": 1 }), json!({ "a": 1 }), ""),
            (json!({}), json!({ "a": 1, "b": { "c": 2 } }), "a: - -> 1; b: - -> {\"c\":2}"),
            (json!({ "a": { "b": 1, "c": 2 } }), json!({ "a": { "b": 3 } }), "a.b: 1 -> 3; a.c: 2 -> -"),
            (json!({ "a": [1, 2] }), json!({ "a": [1, 3, 4] }), "a.1: 2 -> 3; a.2: - -> 4"),
            (json!({ "a": [1] }), json!({ "a": "1" }), "a: [1] -> \"1\""),
            (json!({ "a": 1 }), json!({ "a": null }), "a: 1 -> null"),
        ];
        for (before, after, expected) in rows {
            let mut fields = Vec::new();
            compare("", &before, &after, &mut fields);
            let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
            let line = |field: &Field| format!("{}: {} -> {}", field.path, side(&field.before), side(&field.after));
            assert_eq!(fields.iter().map(line).collect::<Vec<_>>().join("; "), expected);
        }
    }
}
