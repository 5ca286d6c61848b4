//! What a server says beside the protocol: lines from its stderr, bounded in length and in number.
//!
//! A server that says too much loses lines, which are counted; it never makes the gateway wait or grow. One that says far
//! too much waits until it is read.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest line, in bytes; the rest of a longer one is left out. 4 KiB: a stack frame fits.
pub const LINE_BYTES_MAX: usize = 4096;
/// Lines per second, sustained. 20: a person cannot read more.
const LINES_PER_SECOND: u32 = 20;
/// Lines at once. 200: the stack trace of an error, and what led to it.
const LINES_BURST: u32 = 200;
/// The last lines that are kept for whoever asks why it ended.
const LAST_MAX: usize = 20;
/// Bytes read at once.
const CHUNK_BYTES: usize = 16 << 10;
/// The pause after a full chunk, behind which more waits: 4 ms, so that 4 MiB are read in a second, of which a person
/// reads nothing. It has to read no faster what nobody will.
const PAUSE: Duration = Duration::from_millis(4);

/// One line of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The text, without its end; what is no UTF-8 is replaced.
    pub text: String,
    /// Whether the line was longer and the rest left out.
    pub cut: bool,
    /// Lines lost before this one, because there were too many.
    pub lost: u64,
}

/// Reads lines to the end, and hands on as many as the rate allows.
pub(crate) async fn read(mut from: impl AsyncRead + Unpin, mut each: impl FnMut(Line)) {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut lines = Lines::default();
    let mut rate = Rate::new(Instant::now());
    loop {
        let length = match from.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(length) => length,
        };
        for line in lines.take(&chunk[..length]) {
            rate.pass(line, Instant::now(), &mut each);
        }
        if length == CHUNK_BYTES {
            tokio::time::sleep(PAUSE).await;
        }
    }
    if let Some(line) = lines.rest() {
        rate.pass(line, Instant::now(), &mut each);
    }
}

/// Bytes become lines; no more than one line's worth is kept.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    cut: bool,
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut whole = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LINE_BYTES_MAX - self.begun.len();
            self.cut |= text.len() > room;
            self.begun.extend_from_slice(&text[..text.len().min(room)]);
            if part.len() > text.len() {
                whole.push(self.end());
            }
        }
        whole
    }

    fn end(&mut self) -> Line {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.begun)).trim_end_matches('\r').to_owned();
        Line { text, cut: std::mem::take(&mut self.cut), lost: 0 }
    }

    fn rest(mut self) -> Option<Line> {
        (!self.begun.is_empty()).then(|| self.end())
    }
}

/// Lets lines pass at a rate, and counts those that do not.
struct Rate {
    tokens: f64,
    at: Instant,
    lost: u64,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self { tokens: LINES_BURST.into(), at: now, lost: 0 }
    }

    fn pass(&mut self, mut line: Line, now: Instant, each: &mut impl FnMut(Line)) {
        let time: Duration = now.saturating_duration_since(self.at);
        self.at = now;
        self.tokens = (self.tokens + time.as_secs_f64() * f64::from(LINES_PER_SECOND)).min(LINES_BURST.into());
        if self.tokens < 1.0 {
            self.lost += 1;
            return;
        }
        self.tokens -= 1.0;
        line.lost = std::mem::take(&mut self.lost);
        each(line);
    }
}

/// The last lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Last(VecDeque<String>);

impl Last {
    pub(crate) fn push(&mut self, text: &str) {
        if self.0.len() >= LAST_MAX {
            self.0.pop_front();
        }
        self.0.push_back(text.to_owned());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines_of(bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        read(bytes, |line| lines.push(line)).await;
        lines
    }

    #[tokio::test]
    async fn lines_are_told_whole_and_the_last_without_an_end_too() {
        let texts: Vec<_> = lines_of(b"one\r\n\ntwo\xff\nthree").await.into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["one", "", "two\u{fffd}", "three"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_without_end_takes_no_memory() {
        let long = vec![b'x'; 10 << 20];
        let lines = lines_of(&[&long[..], b"\nshort\n"].concat()).await;
        assert_eq!((lines[0].text.len(), lines[0].cut), (LINE_BYTES_MAX, true));
        assert_eq!((lines[1].text.as_str(), lines[1].cut), ("short", false));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_can_read_is_read_at_four_mebibytes_a_second() {
        let since = tokio::time::Instant::now();
        lines_of(&b"nobody reads this\n".repeat(8 << 20 >> 4)).await;
        let took = since.elapsed().as_millis();
        assert!((2_200..2_400).contains(&took), "9 MiB took {took} ms");
    }

    #[test]
    fn too_many_lines_are_lost_and_counted() {
        let line = || Line { text: "x".to_owned(), cut: false, lost: 0 };
        let now = Instant::now();
        let (mut rate, mut passed) = (Rate::new(now), Vec::new());
        for _ in 0..LINES_BURST + 50 {
            rate.pass(line(), now, &mut |line| passed.push(line));
        }
        assert_eq!(passed.len(), LINES_BURST as usize);
        rate.pass(line(), now + Duration::from_secs(1), &mut |line| passed.push(line));
        assert_eq!(passed.last().map(|line| line.lost), Some(50));
    }
}
