//! Changes to a text in place: what is cut out or replaced, by where it stands. All other bytes stay.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

pub(crate) struct Edits<'a> {
    text: &'a str,
    changes: Vec<(Range<usize>, Cow<'a, str>)>,
}

impl<'a> Edits<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self { text, changes: Vec::new() }
    }

    /// Puts `with` where `part` of the text stands.
    pub(crate) fn replace(&mut self, part: &RawValue, with: impl Into<Cow<'a, str>>) {
        self.changes.push((self.place(part), with.into()));
    }

    /// Puts members where an object of the text begins; `empty` says that nothing else stays in it.
    pub(crate) fn add(&mut self, object: &RawValue, members: &str, empty: bool) {
        self.add_at(self.place(object).start, members, empty);
    }

    /// The same, by where the object's brace stands.
    pub(crate) fn add_at(&mut self, brace: usize, members: &str, empty: bool) {
        let comma = if empty { "" } else { "," };
        self.changes.push((brace + 1..brace + 1, format!("{members}{comma}").into()));
    }

    /// Takes the entries out of a list or an object of the text that are not to stay. An entry begins where the one
    /// before it ended, so it goes with its comma, and in an object with its name.
    pub(crate) fn thin(&mut self, container: &RawValue, entries: &[(&RawValue, bool)]) {
        let mut from = self.place(container).start + 1;
        let mut stays_first = true;
        for (index, (entry, stays)) in entries.iter().enumerate() {
            let end = self.place(entry).end;
            match (stays, stays_first) {
                (false, _) => self.changes.push((from..end, Cow::Borrowed(""))),
                (true, true) if index > 0 => self.changes.push((from..self.past_comma(from), Cow::Borrowed(""))),
                (true, _) => {}
            }
            stays_first &= !stays;
            from = end;
        }
    }

    /// The text as changed; `None` where nothing changed.
    pub(crate) fn apply(mut self) -> Option<String> {
        if self.changes.is_empty() {
            return None;
        }
        self.changes.sort_by_key(|(range, _)| (range.start, range.end));
        let mut changed = String::with_capacity(self.text.len() + self.changes.len());
        let mut from = 0;
        for (range, with) in self.changes {
            changed.push_str(&self.text[from..range.start]);
            changed.push_str(&with);
            from = range.end;
        }
        changed.push_str(&self.text[from..]);
        Some(changed)
    }

    /// Where a value that was read out of the text stands in it: it was borrowed, so its address says it.
    fn place(&self, part: &RawValue) -> Range<usize> {
        let start = part.get().as_ptr().addr() - self.text.as_ptr().addr();
        start..start + part.get().len()
    }

    /// Just past the comma that stands next, with nothing but white space before it.
    fn past_comma(&self, from: usize) -> usize {
        self.text[from..].find(',').map_or(from, |at| from + at + 1)
    }
}
