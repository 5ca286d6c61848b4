//! Reading a JSON value field by field, so that one reading finds every mistake.
//!
//! Serde stops at the first error; an operator with five mistakes would need five tries.

use std::cell::RefCell;
use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

/// Most items of a list or table in a document. Default 1,000: far above what a person maintains by hand.
const ITEMS_MAX: usize = 1000;

/// Something wrong in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where: names and indices joined by `.`, as in `tenant.acme.identities.0.issuer`.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// The mistakes found so far.
#[derive(Debug, Default)]
pub struct Mistakes(RefCell<Vec<Mistake>>);

impl Mistakes {
    /// Notes a mistake.
    pub fn add(&self, path: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(Mistake { path: path.into(), message: message.into() });
    }

    /// All of them, in the order found.
    pub fn into_vec(self) -> Vec<Mistake> {
        self.0.into_inner()
    }
}

/// A JSON object that is being read. Fields that nobody asked for are mistakes.
#[derive(Debug)]
pub struct Table<'a> {
    path: String,
    map: &'a Map<String, Value>,
    asked: Vec<&'static str>,
    mistakes: &'a Mistakes,
}

impl<'a> Table<'a> {
    /// Begins to read `value`, which must be an object.
    pub fn new(path: impl Into<String>, value: &'a Value, mistakes: &'a Mistakes) -> Option<Self> {
        let path = path.into();
        match value.as_object() {
            Some(map) if map.len() <= ITEMS_MAX => Some(Self { path, map, asked: Vec::new(), mistakes }),
            Some(_) => {
                mistakes.add(path, format!("more than {ITEMS_MAX} entries"));
                None
            }
            None => {
                mistakes.add(path, "a table is expected here");
                None
            }
        }
    }

    /// Where this table stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path of a field of this table.
    pub fn path_of(&self, field: &str) -> String {
        format!("{}.{field}", self.path)
    }

    /// Notes a mistake at a field.
    pub fn mistake(&self, field: &str, message: impl Into<String>) {
        self.mistakes.add(self.path_of(field), message);
    }

    /// The raw value of a field.
    pub fn value(&mut self, field: &'static str) -> Option<&'a Value> {
        if !self.asked.contains(&field) {
            self.asked.push(field);
        }
        self.map.get(field)
    }

    /// A text.
    pub fn text(&mut self, field: &'static str) -> Option<&'a str> {
        let value = self.value(field)?;
        let text = value.as_str();
        if text.is_none() {
            self.mistake(field, "a text is expected here");
        }
        text
    }

    /// A text that is something: a name, an address.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, field: &'static str) -> Option<T> {
        let text = self.text(field)?;
        text.parse().map_err(|error: T::Err| self.mistake(field, error.to_string())).ok()
    }

    /// Notes a mistake if a required field is not there at all.
    pub fn required(&self, field: &str, example: &str) {
        if !self.map.contains_key(field) {
            self.mistake(field, format!("`{field}` is missing; for example `{example}`"));
        }
    }

    /// True or false.
    pub fn flag(&mut self, field: &'static str) -> Option<bool> {
        let value = self.value(field)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.mistake(field, "`true` or `false` is expected here");
        }
        flag
    }

    /// A whole number within bounds.
    pub fn number(&mut self, field: &'static str, min: u64, max: u64) -> Option<u64> {
        let value = self.value(field)?;
        let number = value.as_u64().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.mistake(field, format!("a whole number from {min} to {max} is expected here"));
        }
        number
    }

    /// A table within this table.
    pub fn table(&mut self, field: &'static str) -> Option<Table<'a>> {
        let value = self.value(field)?;
        Table::new(self.path_of(field), value, self.mistakes)
    }

    /// The items of a list, each with its path.
    pub fn list(&mut self, field: &'static str) -> Option<Vec<(String, &'a Value)>> {
        let value = self.value(field)?;
        match value.as_array() {
            Some(items) if items.len() <= ITEMS_MAX => {
                Some(items.iter().enumerate().map(|(i, item)| (format!("{}.{field}.{i}", self.path), item)).collect())
            }
            Some(_) => {
                self.mistake(field, format!("more than {ITEMS_MAX} items"));
                None
            }
            None => {
                self.mistake(field, "a list is expected here");
                None
            }
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
        let items = self.list(field)?;
        let text = |(path, item): (String, &Value)| {
            let text = item.as_str().map(str::to_owned);
            if text.is_none() {
                self.mistakes.add(path, "a text is expected here");
            }
            text
        };
        items.into_iter().map(text).collect()
    }

    /// Every entry of a table whose field names are the writer's: each with its path.
    pub fn entries(self) -> impl Iterator<Item = (&'a str, String, &'a Value)> {
        self.map.iter().map(move |(name, value)| (name.as_str(), format!("{}.{name}", self.path), value))
    }

    /// Where mistakes go.
    pub fn mistakes(&self) -> &'a Mistakes {
        self.mistakes
    }

    /// Ends the reading: fields that were not asked for are mistakes.
    pub fn finish(self) {
        for name in self.map.keys().filter(|name| !self.asked.contains(&name.as_str())) {
            let known = self.asked.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
            self.mistake(name, format!("unknown field `{name}`; known here: {known}"));
        }
    }
}
