//! What the gateway changes in an answer, and nothing else: lists lose what the tenant may not see, `public` caching
//! becomes `private`, and capabilities lose what is not passed on. All other bytes stay as the server wrote them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

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

/// A message that is not one JSON object, and so may not be passed on where lists must be shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// A message with its result rewritten, or `None` where nothing needs to change.
pub fn rewrite(message: &[u8], keep: &dyn Fn(Listed<'_>) -> bool) -> Result<Option<Vec<u8>>, Unreadable> {
    let members: Members<'_> = serde_json::from_slice(message).map_err(|_| Unreadable)?;
    let shorter = members.replace(|name, raw| if name == "result" { rewrite_result(raw.get(), keep) } else { None });
    Ok(shorter.map(String::into_bytes))
}

/// A result, rewritten; `None` where nothing needs to change.
pub fn rewrite_result(result: &str, keep: &dyn Fn(Listed<'_>) -> bool) -> Option<String> {
    let members: Members<'_> = serde_json::from_str(result).ok()?;
    members.replace(|name, raw| match name {
        "tools" => shorten(raw, |item| keep(Listed::Tool(item.name.as_deref()?)).then_some(())),
        "prompts" => shorten(raw, |item| keep(Listed::Prompt(item.name.as_deref()?)).then_some(())),
        "resources" => shorten(raw, |item| keep(Listed::Resource(item.uri.as_deref()?)).then_some(())),
        "resourceTemplates" => shorten(raw, |item| keep(Listed::Template(item.template.as_deref()?)).then_some(())),
        "cacheScope" => (raw.get() != "\"private\"").then(|| "\"private\"".to_owned()),
        "capabilities" => without_tasks(raw),
        _ => None,
    })
}

#[derive(serde::Deserialize)]
struct Item {
    name: Option<String>,
    uri: Option<String>,
    #[serde(rename = "uriTemplate")]
    template: Option<String>,
}

fn shorten(list: &RawValue, keep: impl Fn(&Item) -> Option<()>) -> Option<String> {
    let items: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    let kept: Vec<&str> = items
        .iter()
        .filter(|raw| serde_json::from_str(raw.get()).is_ok_and(|item: Item| keep(&item).is_some()))
        .map(|raw| raw.get())
        .collect();
    (kept.len() < items.len()).then(|| format!("[{}]", kept.join(",")))
}

fn without_tasks(capabilities: &RawValue) -> Option<String> {
    let members: Members<'_> = serde_json::from_str(capabilities.get()).ok()?;
    let extensions = |raw: &RawValue| {
        let inner: Members<'_> = serde_json::from_str(raw.get()).ok()?;
        inner.without(TASKS)
    };
    let shorter = members.replace(|name, raw| if name == "extensions" { extensions(raw) } else { None });
    let text = shorter.as_deref().unwrap_or(capabilities.get());
    let again: Members<'_> = serde_json::from_str(text).ok()?;
    let bare = again.without("tasks");
    bare.or(shorter)
}

/// A JSON object as written: names and raw values in order, whatever stands twice standing twice.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl Members<'_> {
    /// The object with some values replaced; `None` if none is.
    fn replace(&self, with: impl Fn(&str, &RawValue) -> Option<String>) -> Option<String> {
        let values: Vec<_> = self.0.iter().map(|(name, raw)| with(name, raw)).collect();
        values.iter().any(Option::is_some).then(|| {
            let texts = values.iter().zip(&self.0).map(|(new, (_, raw))| new.as_deref().unwrap_or(raw.get()));
            object(self.0.iter().map(|(name, _)| &**name).zip(texts))
        })
    }

    /// The object without a member; `None` if it has none of that name.
    fn without(&self, absent: &str) -> Option<String> {
        let rest = || self.0.iter().filter(|(name, _)| name != absent);
        (rest().count() < self.0.len()).then(|| object(rest().map(|(name, raw)| (&**name, raw.get()))))
    }
}

fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let members: Vec<_> =
        members.map(|(name, value)| format!("{}:{value}", serde_json::to_string(name).unwrap_or_default())).collect();
    format!("{{{}}}", members.join(","))
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    members.push((name, map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
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
    }
}
