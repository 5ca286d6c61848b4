//! TOML with places.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};
use serde_json::{Map, Number, Value};

use super::file::{Read, Syntax};
use super::places::Spot;

/// Most mistakes of syntax told of one file. Default 10: what follows is mostly an echo of the first.
const MISTAKES_MAX: usize = 10;

pub(super) fn read(text: &str) -> Result<Read, Vec<Syntax>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut mistakes: Vec<_> = errors
        .iter()
        .take(MISTAKES_MAX)
        .map(|error| Syntax {
            spot: error.span().map(|span| lines.spot(span.start)),
            message: error.message().to_owned(),
        })
        .collect();
    let mut walk = Walk { lines: &lines, places: Vec::new(), mistakes: Vec::new() };
    let value = Value::Object(walk.table("", table.get_ref()));
    let Walk { places, mistakes: more, .. } = walk;
    mistakes.extend(more);
    if mistakes.is_empty() { Ok(Read { value, places }) } else { Err(mistakes) }
}

struct Walk<'a> {
    lines: &'a Lines<'a>,
    places: Vec<(String, Spot)>,
    mistakes: Vec<Syntax>,
}

impl Walk<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) -> Map<String, Value> {
        let mut map = Map::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            // A table is where its name stands, anything else where it itself stands.
            let named = matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
            let at = if named { key.span().start } else { value.span().start };
            self.places.push((path.clone(), self.lines.spot(at)));
            map.insert(name.to_owned(), self.value(&path, value));
        }
        map
    }

    fn value(&mut self, path: &str, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::String(text.clone().into_owned()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(moment) => Value::String(moment.to_string()),
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix()).map(Number::from);
                self.number(value, number.ok())
            }
            DeValue::Float(number) => {
                let number = number.as_str().parse().ok().and_then(Number::from_f64);
                self.number(value, number)
            }
            DeValue::Array(items) => Value::Array(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| {
                        let path = format!("{path}.{index}");
                        self.places.push((path.clone(), self.lines.spot(item.span().start)));
                        self.value(&path, item)
                    })
                    .collect(),
            ),
            DeValue::Table(table) => Value::Object(self.table(path, table)),
        }
    }

    fn number(&mut self, value: &Spanned<DeValue<'_>>, number: Option<Number>) -> Value {
        if number.is_none() {
            let spot = Some(self.lines.spot(value.span().start));
            self.mistakes.push(Syntax { spot, message: "a number of at most 64 bits is expected here".to_owned() });
        }
        number.map_or(Value::Null, Value::Number)
    }
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    begins: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let begins = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, begins }
    }

    fn spot(&self, at: usize) -> Spot {
        let line = self.begins.partition_point(|begin| *begin <= at);
        let begin = self.begins.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(begin..at).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }
}
