//! What the gateway wrote: the journal, followed while it grows so that half an hour of it need not fit on a disk, and the
//! log, read from its pipe.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ChildStderr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

/// How often the journal is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Segments that the gateway may still write or look into.
const NEWEST: usize = 2;

/// What stands in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// The journal.
    pub journal: JournalCounts,
    /// The log.
    pub log: LogCounts,
}

/// What stands in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalCounts {
    /// Calls that began.
    pub began: u64,
    /// Calls that ended, with those that were refused before they began.
    pub ended: u64,
    /// Calls that began and never ended, or ended twice.
    pub open: u64,
    /// Honest tenants' calls that ended as answered.
    pub honest_answered: u64,
}

/// What stands in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// Lines of calls.
    pub calls: u64,
    /// Lines that were dropped, as the log itself says.
    pub dropped: u64,
}

/// The thread that follows the journal.
pub(super) struct Journal {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<JournalCounts>>,
}

impl Journal {
    pub(super) fn follow(folder: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut reader = Reader::default();
            loop {
                let last = until.load(Ordering::Relaxed);
                reader.read_whole_segments(&folder, if last { 0 } else { NEWEST })?;
                if last {
                    reader.counts.open += reader.open.len() as u64;
                    return Ok(reader.counts);
                }
                std::thread::sleep(LOOK_EVERY);
            }
        });
        Self { over, thread }
    }

    /// Reads the rest. The gateway has ended.
    pub(super) fn close(self) -> Result<JournalCounts> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the journal's reader is gone"))?
    }
}

/// What was read so far. What is open is bounded by the calls under way.
#[derive(Default)]
struct Reader {
    counts: JournalCounts,
    open: HashSet<String>,
}

impl Reader {
    /// Counts all but the newest segments, and removes what it has counted.
    fn read_whole_segments(&mut self, folder: &Path, newest: usize) -> Result<()> {
        let Ok(files) = std::fs::read_dir(folder) else { return Ok(()) };
        let mut segments: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        segments.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        segments.sort();
        segments.truncate(segments.len().saturating_sub(newest));
        for segment in segments {
            let file = File::open(&segment).with_context(|| format!("`{}` cannot be read", segment.display()))?;
            for line in BufReader::new(file).lines() {
                self.entry(&line?)?;
            }
            std::fs::remove_file(&segment)?;
        }
        Ok(())
    }

    fn entry(&mut self, line: &str) -> Result<()> {
        let entry: Value = serde_json::from_str(line).with_context(|| format!("no entry: {line}"))?;
        let id = entry["request_id"].as_str().unwrap_or_default();
        match entry["kind"].as_str() {
            Some("began") => {
                self.counts.began += 1;
                self.counts.open += u64::from(!self.open.insert(id.to_owned()));
            }
            Some("ended") => {
                self.counts.ended += 1;
                self.open.remove(id);
                let honest = entry["tenant"].as_str().is_some_and(|name| name.starts_with("honest"));
                self.counts.honest_answered += u64::from(honest && entry["outcome"] == "answered");
            }
            _ => {}
        }
        Ok(())
    }
}

/// The thread that reads the log.
pub(super) struct Log {
    ready: Arc<AtomicBool>,
    thread: JoinHandle<Result<LogCounts>>,
}

impl Log {
    /// Reads along, and writes what it reads to a file where there is one.
    pub(super) fn read(from: ChildStderr, to: Option<&Path>) -> Result<Self> {
        let mut file = to.map(File::create).transpose()?.map(BufWriter::new);
        let ready = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ready);
        let thread = std::thread::spawn(move || {
            let mut counts = LogCounts::default();
            for line in BufReader::with_capacity(1 << 20, from).lines() {
                let line = line?;
                if let Some(file) = file.as_mut().filter(|_| line.starts_with('{')) {
                    writeln!(file, "{line}")?;
                }
                counts.take(&line);
                if line.contains("\"event\":\"ready\"") {
                    seen.store(true, Ordering::Relaxed);
                }
            }
            Ok(counts)
        });
        Ok(Self { ready, thread })
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// What there was in it. The gateway has ended.
    pub(super) fn close(self) -> Result<LogCounts> {
        self.thread.join().map_err(|_| anyhow!("the log's reader is gone"))?
    }
}

impl LogCounts {
    fn take(&mut self, line: &str) {
        if line.contains("\"event\":\"call\"") {
            self.calls += 1;
        } else if line.contains("\"event\":\"dropped\"") {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            if line["what"] == "log_line" {
                self.dropped += line["count"].as_u64().unwrap_or_default();
            }
        }
    }
}
