//! Changes to a text in place: what is cut out or replaced, by where it stands. All other bytes stay.

use std::ops::Range;

use serde_json::value::RawValue;

pub(super) struct Edits<'a> {
    text: &'a str,
    changes: Vec<(Range<usize>, &'static str)>,
}

impl<'a> Edits<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, changes: Vec::new() }
    }

    /// Puts `with` where `part` of the text stands.
    pub(super) fn replace(&mut self, part: &RawValue, with: &'static str) {
        self.changes.push((self.place(part), with));
    }

    /// Takes the entries out of a list or an object of the text that are not to stay. An entry begins where the one
    /// before it ended, so it goes with its comma, and in an object with its name.
    pub(super) fn thin(&mut self, container: &RawValue, entries: &[(&RawValue, bool)]) {
        let mut from = self.place(container).start + 1;
        let mut stays_first = true;
        for (index, (entry, stays)) in entries.iter().enumerate() {
            let end = self.place(entry).end;
            match (stays, stays_first) {
                (false, _) => self.changes.push((from..end, "")),
                (true, true) if index > 0 => self.changes.push((from..self.past_comma(from), "")),
                (true, _) => {}
            }
            stays_first &= !stays;
            from = end;
        }
    }

    /// The text as changed; `None` where nothing changed.
    pub(super) fn apply(mut self) -> Option<String> {
        if self.changes.is_empty() {
            return None;
        }
        self.changes.sort_unstable_by_key(|(range, _)| range.start);
        let mut changed = String::with_capacity(self.text.len() + self.changes.len());
        let mut from = 0;
        for (range, with) in self.changes {
            changed.push_str(&self.text[from..range.start]);
            changed.push_str(with);
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
