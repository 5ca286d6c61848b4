//! Reads every log line that the whole test suite emitted, and tells which ones break the promise: a line written
//! while serving a tenant says whose it is, any other is of a closed list of events, and no line carries a secret.
//!
//! A complaint names the file and the line and never quotes it: what leaked into a log must not leak into this one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use partywall_domain::{TenantId, event};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// How many lines of each event were read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    events: BTreeMap<String, usize>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (event, lines) in &self.events {
            writeln!(f, "{lines:>8} {event}")?;
        }
        write!(f, "{:>8} lines in all", self.events.values().sum::<usize>())
    }
}

/// Checks every `*.jsonl` below `dir`, against every `*.secret` below it (one secret per line).
///
/// No line at all is a complaint too: a check that read nothing proves nothing.
pub fn check(dir: &Path) -> Result<Summary, Vec<String>> {
    let files = files_below(dir).map_err(|error| vec![format!("`{}`: {error}; run the tests first", dir.display())])?;
    let mut complaints = Vec::new();
    let secrets = secrets(&files, &mut complaints);
    let mut summary = Summary::default();
    for path in files.iter().filter(|path| has_extension(path, "jsonl")) {
        let Some(text) = text_of(path, &mut complaints) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            match judge(line, &secrets) {
                Ok(event) => *summary.events.entry(event).or_default() += 1,
                Err(complaint) => complaints.push(format!("`{}` line {number}: {complaint}", path.display())),
            }
        }
    }
    if summary.events.is_empty() && complaints.is_empty() {
        complaints.push(format!("`{}`: no log line was written; have the tests write theirs here", dir.display()));
    }
    if complaints.is_empty() { Ok(summary) } else { Err(complaints) }
}

fn files_below(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn text_of(path: &Path, complaints: &mut Vec<String>) -> Option<String> {
    fs::read_to_string(path)
        .inspect_err(|error| complaints.push(format!("`{}`: {error}; write it as UTF-8 text", path.display())))
        .ok()
}

fn secrets(files: &[PathBuf], complaints: &mut Vec<String>) -> BTreeSet<String> {
    let texts = files.iter().filter(|path| has_extension(path, "secret")).filter_map(|path| text_of(path, complaints));
    let texts: Vec<String> = texts.collect();
    let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}

/// The line's event, or what is wrong with it.
fn judge(line: &str, secrets: &BTreeSet<String>) -> Result<String, String> {
    let fields = fields(line)?;
    no_secret(line, secrets)?;
    for value in fields.values() {
        no_secret_within(value, secrets)?;
    }
    text(&fields, "timestamp")?;
    text(&fields, "level")?;
    let event = text(&fields, "event")?;
    if !event::ALL.contains(&event) {
        return Err(format!("event `{event}` is not in the list; use one that is, or add it to `domain::event`"));
    }
    whose(&fields, event)?;
    Ok(event.to_owned())
}

/// A tenant's line says which tenant, request and trace; any other says `null`, so that nobody can have forgotten.
fn whose(fields: &BTreeMap<String, Value>, event: &str) -> Result<(), String> {
    match fields.get("tenant_id") {
        None => Err("`tenant_id` is missing; write it, `null` where no tenant is known".to_owned()),
        Some(Value::Null) if event == event::CALL => {
            Err("a `call` without a tenant; open its span from the tenant context".to_owned())
        }
        Some(Value::Null) => Ok(()),
        Some(Value::String(tenant)) if tenant.parse::<TenantId>().is_ok() => {
            // What an instance does it does for its tenant, and for no one request.
            if event::OF_INSTANCES.contains(&event) {
                return Ok(());
            }
            hex_id(fields, "request_id")?;
            hex_id(fields, "trace_id")
        }
        Some(_) => Err("`tenant_id` is no id of a tenant; write its lower-case UUID, never its name".to_owned()),
    }
}

fn text<'a>(fields: &'a BTreeMap<String, Value>, name: &str) -> Result<&'a str, String> {
    let text = fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("`{name}` is missing or no text; write it on every line"))
}

fn hex_id(fields: &BTreeMap<String, Value>, name: &str) -> Result<(), String> {
    let id = fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let good = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    good.then_some(()).ok_or_else(|| format!("`{name}` is not 32 hex digits; a tenant's line carries it"))
}

fn no_secret_within(value: &Value, secrets: &BTreeSet<String>) -> Result<(), String> {
    match value {
        Value::String(text) => no_secret(text, secrets),
        Value::Array(values) => values.iter().try_for_each(|value| no_secret_within(value, secrets)),
        Value::Object(fields) => fields.values().try_for_each(|value| no_secret_within(value, secrets)),
        _ => Ok(()),
    }
}

fn no_secret(text: &str, secrets: &BTreeSet<String>) -> Result<(), String> {
    let told = |what: &str| Err(format!("it carries {what}; take it out where it is written"));
    if text.contains("Bearer ") {
        return told("an `Authorization` value");
    }
    if text.contains("-----BEGIN ") {
        return told("a PEM header");
    }
    if text.match_indices("eyJ").any(|(at, _)| is_token(&text[at..])) {
        return told("what looks like a JWT");
    }
    if secrets.iter().any(|secret| text.contains(secret.as_str())) {
        return told("a secret that a test used");
    }
    Ok(())
}

/// Whether a text begins with two segments of base64url, each closed by a dot; the signature may be empty.
fn is_token(text: &str) -> bool {
    let segment = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let mut parts = text.splitn(3, '.');
    let (header, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    segment(header) && segment(payload) && parts.next().is_some()
}

fn fields(line: &str) -> Result<BTreeMap<String, Value>, String> {
    let Fields { fields, twice } =
        serde_json::from_str(line).map_err(|_| "it is no JSON object; log through the one layer that writes them")?;
    match twice {
        Some(name) => Err(format!("`{name}` stands in it twice; a reader takes either")),
        None => Ok(fields),
    }
}

/// An object's fields, and the first one that it has twice: a plain map would keep the last and hide the other.
struct Fields {
    fields: BTreeMap<String, Value>,
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut read = Fields { fields: BTreeMap::new(), twice: None };
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if read.fields.contains_key(&name) && read.twice.is_none() {
                read.twice = Some(name.clone());
            }
            read.fields.insert(name, value);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
