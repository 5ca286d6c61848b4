//! A JSON object of which nobody knows the members, as it was written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What is no object, or one with a name that cannot be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoObject;

/// A JSON object as written: names and raw values in order, whatever stands twice standing twice.
#[derive(Default)]
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(crate) fn of(object: &'a str) -> Result<Self, NoObject> {
        serde_json::from_str(object).map_err(|_| NoObject)
    }

    /// The members of a value; none where it is no object. An object with names that cannot be read is an error: what
    /// it lists could not be shortened.
    pub(crate) fn of_value(value: &'a RawValue) -> Result<Self, NoObject> {
        if value.get().starts_with('{') { Self::of(value.get()) } else { Ok(Self(Vec::new())) }
    }

    /// The value of this name: where it stands twice, the last, which is what most readers take.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, raw)| *raw)
    }

    /// Each value, with whether it stays when all of this name go.
    pub(crate) fn all_but(&self, absent: &str) -> Vec<(&'a RawValue, bool)> {
        self.0.iter().map(|(name, raw)| (*raw, name != absent)).collect()
    }
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
