//! JSON and YAML with places.
//!
//! One shape serves both: JSON is read by its own parser, which is strict, and its places come from the YAML parser,
//! for which every JSON text is YAML. Where a name stands twice in a table, both refuse it.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::{Location, Spanned, UserMessageFormatter};

use super::file::{Read, Syntax};
use super::places::Spot;

pub(super) fn read_json(text: &str) -> Result<Read, Vec<Syntax>> {
    let tree: Typed<Json> = serde_json::from_str(text).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let spot = (error.line() > 0).then(|| (error.line(), error.column().max(1)));
        vec![Syntax { spot, message: without(&error.to_string(), &place) }]
    })?;
    let places = yaml(text).map(|tree| walk(&tree).places).unwrap_or_default();
    Ok(Read { value: walk(&tree.tree).value, places })
}

pub(super) fn read_yaml(text: &str) -> Result<Read, Vec<Syntax>> {
    let tree = yaml(text).map_err(|error| {
        let location = error.location();
        let place = location.map(|at| format!(" at line {}, column {}", at.line(), at.column())).unwrap_or_default();
        let message = without(&error.render_with_formatter(&UserMessageFormatter), &place);
        vec![Syntax { spot: location.and_then(spot), message }]
    })?;
    Ok(walk(&tree))
}

fn yaml(text: &str) -> Result<Tree, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map(|typed: Typed<Yaml>| typed.tree)
}

/// The message without the place, which stands in front of it already.
fn without(message: &str, place: &str) -> String {
    message.strip_suffix(place).unwrap_or(message).to_owned()
}

/// A value with the places of what is in it.
enum Tree {
    Leaf(Value),
    List(Vec<(Option<Spot>, Tree)>),
    Table(Vec<(String, Option<Spot>, Tree)>),
}

fn walk(tree: &Tree) -> Read {
    let mut places = Vec::new();
    let value = value("", tree, &mut places);
    Read { value, places }
}

fn value(path: &str, tree: &Tree, places: &mut Vec<(String, Spot)>) -> Value {
    match tree {
        Tree::Leaf(value) => value.clone(),
        Tree::List(items) => Value::Array(
            items
                .iter()
                .enumerate()
                .map(|(index, (spot, item))| {
                    let path = format!("{path}.{index}");
                    places.extend(spot.map(|spot| (path.clone(), spot)));
                    value(&path, item, places)
                })
                .collect(),
        ),
        Tree::Table(entries) => Value::Object(
            entries
                .iter()
                .map(|(name, spot, item)| {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    places.extend(spot.map(|spot| (path.clone(), spot)));
                    (name.clone(), value(&path, item, places))
                })
                .collect(),
        ),
    }
}

/// A syntax, and how its parser hands over the place of a value.
trait Syntactic {
    type At<T: DeserializeOwned>: DeserializeOwned;
    fn open<T: DeserializeOwned>(at: Self::At<T>) -> (T, Option<Spot>);
}

struct Json;

impl Syntactic for Json {
    type At<T: DeserializeOwned> = T;

    fn open<T: DeserializeOwned>(value: T) -> (T, Option<Spot>) {
        (value, None)
    }
}

struct Yaml;

impl Syntactic for Yaml {
    type At<T: DeserializeOwned> = Spanned<T>;

    fn open<T: DeserializeOwned>(at: Spanned<T>) -> (T, Option<Spot>) {
        (at.value, spot(at.referenced))
    }
}

fn spot(location: Location) -> Option<Spot> {
    let (line, column) = (usize::try_from(location.line()).ok()?, usize::try_from(location.column()).ok()?);
    (line > 0).then_some((line, column.max(1)))
}

struct Typed<S> {
    tree: Tree,
    syntax: PhantomData<S>,
}

impl<'de, S: Syntactic> Deserialize<'de> for Typed<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tree = deserializer.deserialize_any(Node(PhantomData::<S>))?;
        Ok(Self { tree, syntax: PhantomData })
    }
}

struct Node<S>(PhantomData<S>);

impl<'de, S: Syntactic> Visitor<'de> for Node<S> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, `true`, `false`, a list or a table")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Bool(flag)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Number(number.into())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Number(number.into())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("a finite number is expected here"))?;
        Ok(Tree::Leaf(Value::Number(number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::String(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<S::At<Typed<S>>>()? {
            let (item, spot) = S::open(item);
            list.push((spot, item.tree));
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut names = HashSet::new();
        let mut table = Vec::new();
        while let Some(name) = entries.next_key::<S::At<String>>()? {
            let (name, at_name) = S::open(name);
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("`{name}` stands twice")));
            }
            let (item, at_item) = S::open(entries.next_value::<S::At<Typed<S>>>()?);
            // A table is where its name stands, anything else where it itself stands.
            let spot = if matches!(item.tree, Tree::Leaf(_)) { at_item } else { at_name };
            table.push((name, spot, item.tree));
        }
        Ok(Tree::Table(table))
    }
}
