//! Lines of a byte stream, each a message (2026-07-28 and older, stdio). Bounded: a line that does not end is no line.

/// Cuts what arrives into lines.
#[derive(Debug)]
pub struct Lines {
    pending: Vec<u8>,
    /// Where the next line begins in `pending`.
    from: usize,
    /// Up to where no line ends.
    searched: usize,
    bytes_max: usize,
}

/// A line is over its limit. Nothing that comes after it can be told apart, so the stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

impl Lines {
    /// Lines of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { pending: Vec::new(), from: 0, searched: 0, bytes_max }
    }

    /// Takes what arrived. Take the lines out before the next piece comes: what waits is bounded by that.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.from);
        self.searched -= self.from;
        self.from = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole line, without its end; lines with nothing in them are no messages and are passed over.
    ///
    /// # Errors
    /// Where a line is over the limit, whether it has ended or not.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, LineTooLong> {
        loop {
            let found = self.pending[self.searched..].iter().position(|byte| *byte == b'\n');
            let end = found.map_or(self.pending.len(), |at| self.searched + at);
            let start = self.from;
            if end - start > self.bytes_max {
                return Err(LineTooLong);
            }
            if found.is_none() {
                self.searched = end;
                return Ok(None);
            }
            self.from = end + 1;
            self.searched = self.from;
            if !self.pending[start..end].trim_ascii().is_empty() {
                let line = &self.pending[start..end];
                return Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[&[u8]], bytes_max: usize) -> Result<Vec<Vec<u8>>, LineTooLong> {
        let mut lines = Lines::new(bytes_max);
        let mut all = Vec::new();
        for piece in pieces {
            lines.push(piece);
            while let Some(line) = lines.next_line()? {
                all.push(line.to_vec());
            }
        }
        Ok(all)
    }

    #[test]
    fn lines_end_where_the_server_ended_them() {
        let cut = |text: &str| cut(&[text.as_bytes()], 8).map(|lines| lines.concat());
        assert_eq!(cut("{}\n"), Ok(b"{}".to_vec()));
        assert_eq!(cut("{}\r\n\r\n \n[]\n{"), Ok(b"{}[]".to_vec()));
        assert_eq!(cut("12345678\n"), Ok(b"12345678".to_vec()));
        assert_eq!(cut("123456789\n"), Err(LineTooLong));
        assert_eq!(cut("123456789"), Err(LineTooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However the bytes arrive, the lines are the same, and nothing of them is lost.
        #[test]
        fn lines_are_the_same_however_they_arrive(
            lines in prop::collection::vec("[ -~]{0,20}[!-~]", 0..20),
            size in 1usize..30,
        ) {
            let stream: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            let expected: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(cut(&pieces, 64), Ok(expected));
        }
    }
}
