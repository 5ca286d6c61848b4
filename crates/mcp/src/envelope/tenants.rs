//! Where a message may name a tenant. It decides nothing there; what disagrees with the token is for others to refuse.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Envelope;
use super::members::alike;

impl<'a> Envelope<'a> {
    /// The tenants that the message names: as `partywall/tenant` in `_meta`, and in those members of `arguments` that
    /// have one of these names, in upper case or lower. `None` stands for one that is no text, or that stands twice.
    ///
    /// Of the arguments the names of their own members are read, and the values of no others.
    pub fn tenants(&self, arguments: &[String]) -> Vec<Option<Cow<'a, str>>> {
        let in_meta = self.params.meta.iter().flatten().filter_map(|meta| meta.tenant);
        let mut all: Vec<_> = in_meta.map(text).collect();
        let object = self.params.arguments.filter(|raw| !arguments.is_empty() && raw.get().starts_with('{'));
        let found = object.map(|raw| {
            let read = serde_json::Deserializer::from_str(raw.get()).deserialize_map(Named(arguments));
            // What is an object in the message is one by itself; were it none, it would agree with nothing.
            read.unwrap_or_else(|_| vec![(0, None)])
        });
        all.extend(found.into_iter().flatten().map(|(_, value)| value.and_then(text)));
        all
    }
}

fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str(raw.get()).ok().map(|super::members::Text(text)| text)
}

/// Reads an object for the members of these names: which name, and the value where it stands once.
struct Named<'n>(&'n [String]);

impl<'de> Visitor<'de> for Named<'_> {
    type Value = Vec<(usize, Option<&'de RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found: Self::Value = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let name = str::from_utf8(&name).unwrap_or_default();
            match self.0.iter().position(|known| alike(known, name)) {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(which) => {
                    let value = map.next_value()?;
                    match found.iter_mut().find(|(other, _)| *other == which) {
                        Some(twice) => twice.1 = None,
                        None => found.push((which, Some(value))),
                    }
                }
            }
        }
        Ok(found)
    }
}

/// A member's name, which need not be a text that Unicode has: half a character, written as an escape, is JSON.
struct Name<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(bytes.to_vec())))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(params: &str) -> Vec<Option<String>> {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let names = ["tenant_id".to_owned(), "kunde".to_owned()];
        let envelope = Envelope::parse(body.as_bytes()).expect("a message");
        assert_eq!(envelope.tenants(&[]).len(), usize::from(params.contains("partywall/tenant")), "{params}");
        envelope.tenants(&names).into_iter().map(|name| name.map(Cow::into_owned)).collect()
    }

    #[test]
    fn what_names_a_tenant_is_found_and_nothing_else() {
        let acme = || Some("acme".to_owned());
        for (params, expected) in [
            (r#"{"arguments":{"tenant_id":"acme"}}"#, vec![acme()]),
            (r#"{"arguments":{"x":{"tenant_id":"b"},"kunde":"b","tenant_id":"acme"}}"#, vec![Some("b".into()), acme()]),
            (r#"{"arguments":{"TENANT_ID":"acme"}}"#, vec![acme()]),
            (r#"{"arguments":{"\u212aunde":"acme"}}"#, vec![acme()]),
            (r#"{"arguments":{"tenant\u005fid":"\u0061cme"}}"#, vec![acme()]),
            (r#"{"arguments":{"tenant_id":"acme","tenant_id":"acme"}}"#, vec![None]),
            (r#"{"arguments":{"tenant_id":"acme","Tenant_Id":"acme"}}"#, vec![None]),
            (r#"{"arguments":{"tenant_id":1}}"#, vec![None]),
            (r#"{"arguments":{"tenant_id":null}}"#, vec![None]),
            (r#"{"arguments":{"tenant_id":["acme"]}}"#, vec![None]),
            (r#"{"arguments":{"tenant_id":"\ud800"}}"#, vec![None]),
            (r#"{"arguments":{"\ud800":1,"tenant_id":"acme","n":1e999}}"#, vec![acme()]),
            (r#"{"_meta":{"partywall/tenant":"acme"}}"#, vec![acme()]),
            (r#"{"_meta":{"partywall/tenant":7},"arguments":{"tenant_id":"acme"}}"#, vec![None, acme()]),
            (r#"{"arguments":{"tenant":"b","tenant_id2":"b","args":{"kunde":"b"}}}"#, vec![]),
            (r#"{"tenant_id":"b","_meta":{"tenant_id":"b"},"name":"tenant_id"}"#, vec![]),
            (r#"{"arguments":[{"tenant_id":"b"}]}"#, vec![]),
            (r#"{"arguments":"tenant_id"}"#, vec![]),
            (r#"{"arguments":1e999}"#, vec![]),
            (r#"{"arguments":null}"#, vec![]),
        ] {
            assert_eq!(named(params), expected, "{params}");
        }
    }
}
