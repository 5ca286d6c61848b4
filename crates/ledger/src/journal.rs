//! The journal: one line per beginning and per end, on disk before the call goes on.
//!
//! Appended with one `write` each, so a crash of the process loses nothing and leaves at most half a line at the very
//! end; a loss of power may lose the last lines, since a call does not wait for the disk. Segments are kept until an
//! operator removes them.

mod entry;
mod line;
mod segment;
mod tail;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use partywall_domain::{RequestId, event};

pub use entry::{Entry, InstanceSpent};
pub(crate) use line::Common;
pub use tail::Tail;

/// Bytes after which a new segment begins. Default 64 MiB: about 70,000 calls, quick to search.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// The journal cannot be opened.
#[derive(Debug)]
pub struct JournalError {
    path: PathBuf,
    source: io::Error,
}

impl std::fmt::Display for JournalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the journal at `{}` cannot be opened; check that the folder can be written", self.path.display())
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

pub(crate) struct Journal {
    directory: PathBuf,
    current: Mutex<Current>,
    lost: AtomicU64,
}

struct Current {
    number: u32,
    file: File,
    bytes: u64,
    /// Whether the last write may have left half a line, as a full disk does.
    torn: bool,
}

impl Journal {
    /// Opens the newest segment and closes the calls that have no end.
    pub(crate) fn open(directory: &Path) -> Result<(Self, usize), JournalError> {
        let failed = |source| JournalError { path: directory.to_owned(), source };
        segment::prepare(directory).map_err(failed)?;
        let numbers = segment::numbers(directory).map_err(failed)?;
        let number = numbers.last().copied().unwrap_or(1);
        let open = segment::open_calls(directory, &numbers).map_err(failed)?;
        let (file, bytes) = segment::append_to(directory, number).map_err(failed)?;
        let journal = Self {
            directory: directory.to_owned(),
            current: Mutex::new(Current { number, file, bytes, torn: false }),
            lost: AtomicU64::new(0),
        };
        for began in &open {
            journal.append(&began.closed_after_crash());
        }
        Ok((journal, open.len()))
    }

    /// Appends an entry.
    pub(crate) fn append(&self, entry: &Entry) {
        self.append_line(&entry.to_line());
    }

    /// Appends the line that `make` writes. Its memory is kept for the thread's next line.
    pub(crate) fn append_made(&self, make: impl FnOnce(&mut Vec<u8>)) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            make(line);
            self.append_line(line);
        });
    }

    /// Appends a line. A call is not stopped by a full disk; what could not be written is counted.
    fn append_line(&self, line: &[u8]) {
        if let Err(error) = self.write(line) {
            let count = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            // A full disk refuses every entry; each power of two is told, so that the log is not filled as well.
            if count.is_power_of_two() {
                tracing::error!(event = event::DROPPED, what = "journal_entry", count, cause = %error);
            }
        }
    }

    fn write(&self, line: &[u8]) -> io::Result<()> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.bytes > SEGMENT_BYTES_MAX {
            let number = current.number + 1;
            let (file, bytes) = segment::append_to(&self.directory, number)?;
            *current = Current { number, file, bytes, torn: false };
        }
        if current.torn {
            current.file.write_all(b"\n")?;
        }
        let written = current.file.write_all(line);
        current.torn = written.is_err();
        current.bytes += line.len() as u64;
        written
    }

    pub(crate) fn find(&self, request: RequestId) -> io::Result<Vec<Entry>> {
        let wanted = request.to_string();
        let mut found = Vec::new();
        for number in segment::numbers(&self.directory)? {
            for line in segment::lines(&self.directory, number)? {
                let line = line?;
                if line.contains(&wanted) {
                    found.extend(Entry::of_line(&line).filter(|entry| entry.request_id == wanted));
                }
            }
        }
        Ok(found)
    }

    /// Whether an entry could be written now: after one that could not, it is tried, since nothing else may come.
    pub(crate) fn is_writable(&self) -> bool {
        self.write(b"").is_ok()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
