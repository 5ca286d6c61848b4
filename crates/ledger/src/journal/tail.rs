//! Reading the journal beside the process that writes it: its newest entries, and those that come.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::segment;

/// Most bytes read at a look; what is beyond waits for the next. Default 4 MiB: more than comes in a second.
const LOOK_BYTES_MAX: u64 = 4 << 20;

/// Where a reader is.
pub struct Tail {
    directory: PathBuf,
    segment: u32,
    offset: u64,
    /// A line that is not whole yet.
    pending: Vec<u8>,
}

impl Tail {
    /// The newest `count` entries that are wanted, oldest first, and a reader that goes on behind them.
    pub fn newest(directory: &Path, count: usize, wanted: impl Fn(&Entry) -> bool) -> io::Result<(Vec<Entry>, Self)> {
        let numbers = segment::numbers(directory)?;
        let last = numbers.last().copied().unwrap_or(1);
        let mut tail = Self { directory: directory.to_owned(), segment: last, offset: 0, pending: Vec::new() };
        let mut found = VecDeque::new();
        for number in numbers.into_iter().rev() {
            if found.len() >= count {
                break;
            }
            let (kept, end, pending) = newest_of(directory, number, count - found.len(), &wanted)?;
            if number == last {
                (tail.offset, tail.pending) = (end, pending);
            }
            kept.into_iter().rev().for_each(|entry| found.push_front(entry));
        }
        if count == 0 {
            tail.offset = segment::length(directory, last);
        }
        Ok((found.into(), tail))
    }

    /// The entries that came since the last look, all of them.
    pub fn look(&mut self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        // What follows a segment is begun when nothing is written to that any more, so it is read to its end first.
        let follows = segment::numbers(&self.directory)?.into_iter().find(|number| *number > self.segment);
        let read = self.read_on(&mut entries)?;
        if let (0, Some(next)) = (read, follows) {
            (self.segment, self.offset, self.pending) = (next, 0, Vec::new());
            self.read_on(&mut entries)?;
        }
        Ok(entries)
    }

    fn read_on(&mut self, entries: &mut Vec<Entry>) -> io::Result<u64> {
        let mut file = match File::open(segment::path(&self.directory, self.segment)) {
            Ok(file) => file,
            // An operator may move segments away, and the first one may not be there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut reader = BufReader::new(file.take(LOOK_BYTES_MAX));
        let mut read = 0;
        loop {
            let more = reader.read_until(b'\n', &mut self.pending)? as u64;
            read += more;
            if more == 0 || self.pending.last() != Some(&b'\n') {
                break;
            }
            entries.extend(entry(&self.pending));
            self.pending.clear();
        }
        self.offset += read;
        Ok(read)
    }
}

type Newest = (VecDeque<Entry>, u64, Vec<u8>);

/// The newest wanted entries of one segment, where its end is, and half a line that stands there.
fn newest_of(directory: &Path, number: u32, count: usize, wanted: &impl Fn(&Entry) -> bool) -> io::Result<Newest> {
    let mut reader = BufReader::new(File::open(segment::path(directory, number))?);
    let (mut kept, mut end, mut line) = (VecDeque::new(), 0, Vec::new());
    loop {
        let read = reader.read_until(b'\n', &mut line)?;
        end += read as u64;
        if read == 0 || line.last() != Some(&b'\n') {
            return Ok((kept, end, line));
        }
        if let Some(entry) = entry(&line).filter(wanted) {
            kept.push_back(entry);
            if kept.len() > count {
                kept.pop_front();
            }
        }
        line.clear();
    }
}

fn entry(line: &[u8]) -> Option<Entry> {
    Entry::of_line(std::str::from_utf8(line).ok()?)
}
