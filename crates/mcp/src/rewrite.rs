//! What the gateway changes in an answer, and nothing else: lists lose what the tenant may not see, `public` caching
//! becomes `private`, and capabilities lose what is not passed on. All other bytes stay as the server wrote them.

use serde_json::value::RawValue;

use crate::edits::Edits;
use crate::object::{Members, NoObject};

/// What a list has: an entry, with what it is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed<'a> {
    /// A tool, by name.
    Tool(&'a str),
    /// A prompt, by name.
    Prompt(&'a str),
    /// A resource, by URI.
    Resource(&'a str),
    /// A resource template, by URI template.
    Template(&'a str),
}

/// The extension whose handles the gateway does not bind to their owner yet, and so does not pass on.
const TASKS: &str = "io.modelcontextprotocol/tasks";

/// A message that cannot be read as one JSON object, and so may not be passed on where lists must be shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl From<NoObject> for Unreadable {
    fn from(_: NoObject) -> Self {
        Self
    }
}

/// Whether a list keeps an entry.
type Keep<'a> = &'a dyn Fn(Listed<'_>) -> bool;

/// A message with its result rewritten, or `None` where nothing needs to change.
pub fn rewrite(message: &[u8], keep: Keep<'_>) -> Result<Option<Vec<u8>>, Unreadable> {
    let text = str::from_utf8(message).map_err(|_| Unreadable)?;
    let mut edits = Edits::of(text);
    for (name, raw) in Members::of(text)?.0 {
        if name == "result" {
            edit_result(raw, keep, &mut edits)?;
        }
    }
    Ok(edits.apply().map(String::into_bytes))
}

/// A result, rewritten; `None` where nothing needs to change.
pub fn rewrite_result(result: &RawValue, keep: Keep<'_>) -> Result<Option<String>, Unreadable> {
    let mut edits = Edits::of(result.get());
    edit_result(result, keep, &mut edits)?;
    Ok(edits.apply())
}

fn edit_result(result: &RawValue, keep: Keep<'_>, edits: &mut Edits<'_>) -> Result<(), Unreadable> {
    for (name, raw) in Members::of_value(result)?.0 {
        match &*name {
            "tools" => shorten(raw, |item| item.name.as_deref().map(Listed::Tool), keep, edits),
            "prompts" => shorten(raw, |item| item.name.as_deref().map(Listed::Prompt), keep, edits),
            "resources" => shorten(raw, |item| item.uri.as_deref().map(Listed::Resource), keep, edits),
            "resourceTemplates" => shorten(raw, |item| item.template.as_deref().map(Listed::Template), keep, edits),
            "cacheScope" if raw.get() != "\"private\"" => edits.replace(raw, "\"private\""),
            "capabilities" => without_tasks(raw, edits)?,
            _ => {}
        }
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Item {
    name: Option<String>,
    uri: Option<String>,
    #[serde(rename = "uriTemplate")]
    template: Option<String>,
}

fn shorten(list: &RawValue, known_by: fn(&Item) -> Option<Listed<'_>>, keep: Keep<'_>, edits: &mut Edits<'_>) {
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else { return };
    let kept = |raw: &RawValue| serde_json::from_str(raw.get()).is_ok_and(|item| known_by(&item).is_some_and(keep));
    let entries: Vec<_> = items.into_iter().map(|raw| (raw, kept(raw))).collect();
    edits.thin(list, &entries);
}

fn without_tasks(capabilities: &RawValue, edits: &mut Edits<'_>) -> Result<(), Unreadable> {
    let offered = Members::of_value(capabilities)?;
    for (_, extensions) in offered.0.iter().filter(|(name, _)| name == "extensions") {
        edits.thin(extensions, &Members::of_value(extensions)?.all_but(TASKS));
    }
    edits.thin(capabilities, &offered.all_but("tasks"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_a(listed: Listed<'_>) -> bool {
        matches!(listed, Listed::Tool("a") | Listed::Prompt("a") | Listed::Resource("a") | Listed::Template("a"))
    }

    fn check(message: &str, expected: &str) {
        let rewritten = rewrite(message.as_bytes(), &only_a).unwrap();
        assert_eq!(rewritten.map_or(message.to_owned(), |bytes| String::from_utf8(bytes).unwrap()), expected);
    }

    #[test]
    fn lists_lose_what_is_hidden_and_keep_every_other_byte() {
        check(
            r#"{"x":1e400,"result":{"tools":[{"name":"a","v":12345678901234567890123},{"name":"b"},{"noname":1}],"z":[ 1 ]},"id":1}"#,
            r#"{"x":1e400,"result":{"tools":[{"name":"a","v":12345678901234567890123}],"z":[ 1 ]},"id":1}"#,
        );
        check(r#"{"result":{"resources":[{"uri":"b"}]}}"#, r#"{"result":{"resources":[]}}"#);
        check(r#"{"result":{"resourceTemplates":[{"uriTemplate":"b"}]}}"#, r#"{"result":{"resourceTemplates":[]}}"#);
        check(
            r#"{"result":{"prompts":[{"name":"b"}],"prompts":[{"name":"b"}]}}"#,
            r#"{"result":{"prompts":[],"prompts":[]}}"#,
        );
    }

    #[test]
    fn spaces_and_escapes_stay_around_what_is_taken_out() {
        check(
            "{ \"\\u0072esult\" :\r\n { \"t\\u006fols\" : [ {\"name\":\"b\"} , {\"name\":\"a\"}\t,{\"name\":\"b\"} ] , \"cacheScope\" : \"public\" } }\n",
            "{ \"\\u0072esult\" :\r\n { \"t\\u006fols\" : [ {\"name\":\"a\"} ] , \"cacheScope\" : \"private\" } }\n",
        );
        let (a, b) = (r#"{"uri":"a"}"#, r#"{"uri":"b"}"#);
        for (listed, kept) in [
            (format!("[{b},{b}, {a}]"), format!("[ {a}]")),
            (format!("[{a}, {b} ,{a}]"), format!("[{a} ,{a}]")),
            (format!("[ {b}, {b} ]"), "[ ]".to_owned()),
            (format!("[{b},{a},{b}, {a} ,{b}]"), format!("[{a}, {a}]")),
        ] {
            let result = |list: &str| format!(r#"{{"result":{{"resources":{list}}}}}"#);
            check(&result(&listed), &result(&kept));
        }
    }

    #[test]
    fn what_needs_no_change_is_not_touched() {
        for message in [
            r#"{ "result" : { "tools" : [ {"name":"a"} ] } }"#,
            r#"{"result":{"cacheScope":"private"}}"#,
            r#"{"error":{"tools":[{"name":"b"}]}}"#,
        ] {
            assert_eq!(rewrite(message.as_bytes(), &only_a), Ok(None), "{message}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_passed_on() {
        for message in [
            "",
            "not json",
            "[1]",
            r#"[{"result":{"tools":[{"name":"b"}]}}]"#,
            r#"{"result":{"tools":[{"name":"b"}]}} x"#,
            r#"{"result":{"\ud800":1,"tools":[{"name":"b"}]}}"#,
        ] {
            assert_eq!(rewrite(message.as_bytes(), &only_a), Err(Unreadable), "{message}");
        }
    }

    #[test]
    fn caches_stay_private_and_tasks_are_not_offered() {
        check(r#"{"result":{"ttlMs":5,"cacheScope":"public"}}"#, r#"{"result":{"ttlMs":5,"cacheScope":"private"}}"#);
        check(
            r#"{"result":{"capabilities":{"tools":{},"tasks":{},"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{}}}}}"#,
            r#"{"result":{"capabilities":{"tools":{},"extensions":{"a/b":{}}}}}"#,
        );
        check(
            r#"{"result":{"capabilities":{"tasks":{}, "extensions":{"io.modelcontextprotocol/tasks":{}}}}}"#,
            r#"{"result":{"capabilities":{ "extensions":{}}}}"#,
        );
    }
}
