//! The members of a flat JSON object, in one text that is used again and again.

use std::fmt::{self, Display, Write};

/// Bytes of what a call's span has: three ids with their names.
const ROOM_BYTES: usize = 192;

/// Longest text in a line, in bytes; a library's error may be as long as what it failed on.
const TEXT_BYTES_MAX: usize = 2_048;

/// Members one after the other, each a name and a value.
#[derive(Default)]
pub(super) struct Members {
    /// `{"name":value,"name":value`, or nothing.
    json: String,
    /// Each name, and where its member ends.
    names: Vec<(&'static str, usize)>,
}

impl Members {
    /// None yet, with room for a few.
    pub(super) fn with_room() -> Self {
        Self { json: String::with_capacity(ROOM_BYTES), names: Vec::with_capacity(4) }
    }

    pub(super) fn clear(&mut self) {
        self.json.clear();
        self.names.clear();
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|(there, _)| *there == name)
    }

    /// A text, cut where it is too long.
    pub(super) fn text(&mut self, name: &'static str, text: impl Display) {
        self.begin(name);
        self.json.push('"');
        // Writing into memory does not fail; what a value refuses to say is left out.
        let _ = write!(Text { json: &mut self.json, left: TEXT_BYTES_MAX }, "{text}");
        self.json.push('"');
        self.end(name);
    }

    /// A number or a truth.
    pub(super) fn plain(&mut self, name: &'static str, value: impl Display) {
        self.begin(name);
        let _ = write!(self.json, "{value}");
        self.end(name);
    }

    pub(super) fn null(&mut self, name: &'static str) {
        self.begin(name);
        self.json.push_str("null");
        self.end(name);
    }

    /// Those members of another that are not here yet.
    pub(super) fn add_missing(&mut self, other: &Self) {
        let mut begin = 0;
        for (name, end) in &other.names {
            if !self.has(name) {
                self.json.push(if self.json.is_empty() { '{' } else { ',' });
                // What stands before a member there is a brace or a comma.
                self.json.push_str(&other.json[begin + 1..*end]);
                self.end(name);
            }
            begin = *end;
        }
    }

    /// The whole object, ended by a line's end.
    pub(super) fn object(&mut self) -> &str {
        self.json.push_str("}\n");
        &self.json
    }

    fn begin(&mut self, name: &str) {
        self.json.push(if self.json.is_empty() { '{' } else { ',' });
        self.json.push('"');
        self.json.push_str(name);
        self.json.push_str("\":");
    }

    fn end(&mut self, name: &'static str) {
        self.names.push((name, self.json.len()));
    }
}

/// The inside of a JSON string, written piece by piece.
struct Text<'a> {
    json: &'a mut String,
    /// Bytes that there is room for.
    left: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let taken = &text[..cut(text, self.left)];
        // What follows a cut is left out, were it short enough or not.
        self.left = if taken.len() < text.len() { 0 } else { self.left - taken.len() };
        escape(self.json, taken);
        Ok(())
    }
}

/// Where a text is cut so that it is not longer than that.
fn cut(text: &str, bytes_max: usize) -> usize {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// Appends the inside of a JSON string (RFC 8259, section 7): names are words of ours, values may be anything.
fn escape(json: &mut String, text: &str) {
    // Hardly a text has anything to escape, and to see that, many bytes are looked at at a time.
    if text.bytes().fold(true, |plain, byte| plain & !is_special(byte)) {
        json.push_str(text);
        return;
    }
    let mut rest = text;
    // What must be escaped is one byte long, and no part of a longer letter.
    while let Some(at) = rest.bytes().position(is_special) {
        let (plain, tail) = rest.split_at(at);
        json.push_str(plain);
        let (special, tail) = tail.split_at(1);
        match special {
            "\"" | "\\" => {
                json.push('\\');
                json.push_str(special);
            }
            _ => {
                let _ = write!(json, "\\u{:04x}", special.as_bytes().first().copied().unwrap_or_default());
            }
        }
        rest = tail;
    }
    json.push_str(rest);
}

fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn any_text_comes_back_as_it_was() {
        for text in ["", "plain", "a \"b\" \\c", "line\nend\r\t\u{0}\u{1f}", "größe 🦀 \u{7f}\u{2028}", "\\\""] {
            let mut members = Members::default();
            members.text("text", text);
            members.plain("number", 7);
            let object: Value = serde_json::from_str(members.object()).unwrap();
            assert_eq!((object["text"].as_str(), object["number"].as_u64()), (Some(text), Some(7)));
        }
    }

    #[test]
    fn what_is_there_already_is_not_added_again() {
        let (mut line, mut span) = (Members::default(), Members::default());
        line.text("own", 1);
        for name in ["own", "one", "two"] {
            span.text(name, name);
        }
        line.add_missing(&span);
        line.add_missing(&span);
        assert_eq!(line.object(), "{\"own\":\"1\",\"one\":\"one\",\"two\":\"two\"}\n");
        line.clear();
        line.add_missing(&span);
        line.null("tenant_id");
        assert_eq!(line.object(), "{\"own\":\"own\",\"one\":\"one\",\"two\":\"two\",\"tenant_id\":null}\n");
    }

    #[test]
    fn a_long_text_is_cut_between_two_letters() {
        let room = "x".repeat(TEXT_BYTES_MAX - 1);
        for (text, kept) in [
            (format!("{room}y"), format!("{room}y")),
            (format!("{room}yz"), format!("{room}y")),
            (format!("{room}\u{e4}z"), room.clone()),
        ] {
            // In pieces, as a value writes itself.
            let (head, tail) = text.split_at(TEXT_BYTES_MAX - 1);
            let mut members = Members::default();
            members.text("text", format_args!("{head}{tail}"));
            let object: Value = serde_json::from_str(members.object()).unwrap();
            assert_eq!(object["text"].as_str(), Some(kept.as_str()));
        }
    }
}
