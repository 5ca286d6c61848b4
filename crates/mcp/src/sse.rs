//! Server-sent events, split where the server ended them and not touched otherwise.
//!
//! (WHATWG HTML, section 9.2.) Only a stream whose messages may have to be rewritten comes through here; any other is
//! passed on as it arrives.

/// Cuts a byte stream into whole events.
#[derive(Debug, Default)]
pub struct Splitter {
    bytes: Vec<u8>,
    /// Where the event begins that is not given out yet.
    start: usize,
    searched: usize,
}

/// One event, with the blank line that ends it.
#[derive(Debug, PartialEq, Eq)]
pub struct Event(Vec<u8>);

impl Splitter {
    /// Takes what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        // What was given out goes here, once for all that arrived together: a server may send a great many events at
        // once, and moving what is left after each of them would take the square of it.
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole event, if there is one.
    pub fn next_event(&mut self) -> Option<Event> {
        let from = self.searched.saturating_sub(3).max(self.start);
        let Some(length) = end_of_event(&self.bytes[from..]) else {
            self.searched = self.bytes.len();
            return None;
        };
        let event = self.bytes[self.start..from + length].to_vec();
        self.start = from + length;
        self.searched = self.start;
        Some(Event(event))
    }

    /// The last event of a stream that has ended: one that ends in a bare `\r`, after which a `\n` might have come. What
    /// lacks its blank line is no event (WHATWG HTML, section 9.2.6), and stays.
    pub fn finish(&mut self) -> Option<Event> {
        let rest = &self.bytes[self.start..];
        let whole = rest.ends_with(b"\r\r") || rest.ends_with(b"\n\r");
        let event = whole.then(|| Event(rest.to_vec()))?;
        (self.start, self.searched) = (self.bytes.len(), self.bytes.len());
        Some(event)
    }

    /// Bytes that wait for their event's end.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }
}

/// Just past the first blank line; a `\r` at the very end may still be half of a `\r\n`.
fn end_of_event(bytes: &[u8]) -> Option<usize> {
    const ENDS: [&[u8]; 5] = [b"\n\n", b"\r\r\n", b"\r\n\r\n", b"\n\r\n", b"\r\n\n"];
    let ends = bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'\n' | b'\r'));
    ends.map(|(at, _)| at).find_map(|at| {
        ENDS.iter().find(|end| bytes[at..].starts_with(end)).map(|end| at + end.len()).or_else(|| {
            let bare = bytes[at..].starts_with(b"\r\r") || bytes[at..].starts_with(b"\n\r");
            (bare && bytes.get(at + 2).is_some_and(|next| *next != b'\n')).then_some(at + 2)
        })
    })
}

impl Event {
    /// The message it carries: its `data` lines, joined; none for a comment or a mere `retry`.
    pub fn data(&self) -> Option<Vec<u8>> {
        let mut lines = self.lines().filter_map(|(line, _)| data_of(line));
        let mut data = lines.next()?.to_vec();
        for line in lines {
            data.push(b'\n');
            data.extend_from_slice(line);
        }
        (!data.is_empty()).then_some(data)
    }

    /// The same event with other data, where its data stood; every other line stays as it is.
    pub fn with_data(&self, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() + data.len());
        let mut data = Some(data);
        for (line, end) in self.lines() {
            if data_of(line).is_none() {
                if line.is_empty() && end == b"\n" && bytes.ends_with(b"\r") {
                    // What stood between the two is gone, and together they would be the end of one line.
                    bytes.push(b'\r');
                }
                bytes.extend_from_slice(line);
                bytes.extend_from_slice(end);
                continue;
            }
            // A message may be written over several lines, and each of them needs the name of the field.
            for text in data.take().into_iter().flat_map(|data| data.split(|byte| matches!(byte, b'\n' | b'\r'))) {
                bytes.extend_from_slice(b"data: ");
                bytes.extend_from_slice(text);
                bytes.extend_from_slice(end);
            }
        }
        bytes
    }

    /// The bytes as they came.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The lines, each with what ends it.
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
            let (line, tail) = rest.split_at(length);
            let (end, tail) = tail.split_at(if tail.starts_with(b"\r\n") { 2 } else { 1 });
            rest = tail;
            Some((line, end))
        })
    }
}

/// The value of a `data` line. A stream may begin with a byte order mark, which its readers skip.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    let rest = line.strip_prefix(b"data")?;
    match rest {
        [] => Some(rest),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut splitter = Splitter::default();
        let mut events = Vec::new();
        for chunk in chunks {
            splitter.push(chunk);
            while let Some(event) = splitter.next_event() {
                events.push(event.into_bytes());
            }
        }
        events
    }

    #[test]
    fn events_are_the_same_however_they_arrive() {
        let stream = b": hi\n\nid: 1\ndata: {}\n\nevent: message\r\ndata: a\r\ndata: b\r\n\r\nretry: 3\n\n";
        let whole = split(&[stream]);
        assert_eq!(whole.len(), 4);
        assert_eq!(whole.concat(), stream);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(split(&single), whole);
    }

    #[test]
    fn a_bare_return_at_the_very_end_ends_an_event() {
        for (stream, whole) in
            [("data: a\r\r", true), ("data: a\n\r", true), ("data: a\r", false), ("data: a\n", false)]
        {
            let mut splitter = Splitter::default();
            splitter.push(stream.as_bytes());
            assert_eq!(splitter.next_event(), None);
            assert_eq!(splitter.finish().map(Event::into_bytes), whole.then(|| stream.as_bytes().to_vec()));
            assert_eq!(splitter.pending(), if whole { 0 } else { stream.len() });
        }
    }

    /// A quarter of a million events in one piece. Moving what is left after each would move 30 GB, and this test would
    /// show it by the time it takes.
    #[test]
    fn many_events_at_once_are_taken_one_by_one() {
        let events = split(&[&b"\n\n".repeat(250_000)]);
        assert_eq!(events.len(), 250_000);
    }

    #[test]
    fn data_is_joined_and_replaced() {
        let event = Event(b"id: 7\r\ndata: a\r\ndata:b\r\n\r\n".to_vec());
        assert_eq!(event.data().unwrap(), b"a\nb");
        assert_eq!(event.with_data(b"{}"), b"id: 7\r\ndata: {}\r\n\r\n");
        let event = Event(b"data: {\ndata: }\nid: 7\n\n".to_vec());
        assert_eq!(event.with_data(b"{\n\"id\": 1\n}"), b"data: {\ndata: \"id\": 1\ndata: }\nid: 7\n\n");
        // The lines between a `\r` and a `\n` may go; the two stay two ends.
        let event = Event(b"data: {\rdata: }\n\n".to_vec());
        assert_eq!(event.with_data(b"{}"), b"data: {}\r\r\n");
        assert_eq!(Event(b"\xEF\xBB\xBFdata: {}\n\n".to_vec()).data().unwrap(), b"{}");
        assert_eq!(Event(b": keep-alive\n\n".to_vec()).data(), None);
        assert_eq!(Event(b"id: 7\ndata:\n\n".to_vec()).data(), None);
    }
}
