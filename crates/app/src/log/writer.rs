//! The thread that writes, and the queue before it.
//!
//! Lines are put together, and the thread is woken for the first of them alone: writing each by itself would cost a call
//! more than all else that is done for it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use partywall_domain::event;
use serde_json::json;

/// Bytes of lines that wait for the thread. Default 4 MiB: some 8,000 calls, a tenth of a second at full speed.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// How long the thread lets lines gather. Default 5 ms: nobody watches closer, and a write is shared by many.
const GATHERED_FOR: Duration = Duration::from_millis(5);
/// Lines that a tap keeps. Default 1,024: far more than a tour shows.
const TAPPED_MAX: usize = 1_024;

/// Owns the thread. Dropped, it waits until all that was queued is written.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Where lines are handed in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Told when the first line comes to wait, and at the end.
    woken: Condvar,
    /// Lines that found no place since start.
    dropped: AtomicU64,
    tapped: AtomicBool,
    tap: Mutex<VecDeque<String>>,
}

#[derive(Default)]
struct Waiting {
    lines: String,
    dropped: u64,
    stopped: bool,
}

/// The newest lines, for the tour, which shows to each call its line.
pub(crate) struct Tap(Arc<Shared>);

/// How many lines were dropped.
pub(crate) struct Losses(Arc<Shared>);

impl Losses {
    /// Since start.
    pub(crate) fn count(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Writer {
    pub(crate) fn start(mut sink: Box<dyn Write + Send>) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let queue = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || queue.write_all(&mut sink))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// Tells how many lines were dropped, also when the writer is gone.
    pub(crate) fn losses(&self) -> Losses {
        Losses(Arc::clone(&self.shared))
    }

    /// Begins to keep the newest lines, in place of writing them.
    pub(crate) fn tap(&self) -> Tap {
        self.shared.tapped.store(true, Ordering::Relaxed);
        Tap(Arc::clone(&self.shared))
    }
}

impl Handle {
    /// Takes a line, which ends with a line's end.
    pub(super) fn write(&self, line: &str) {
        if self.0.tapped.load(Ordering::Relaxed) {
            let mut tap = self.0.tap.lock().unwrap_or_else(PoisonError::into_inner);
            // Shown to people, who find a member by its name.
            let sorted = serde_json::from_str::<serde_json::Value>(line).map(|line| line.to_string());
            tap.push_back(sorted.unwrap_or_else(|_| line.trim_end().to_owned()));
            if tap.len() > TAPPED_MAX {
                tap.pop_front();
            }
            return;
        }
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.len() + line.len() > WAITING_BYTES_MAX {
            waiting.dropped += 1;
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let first = waiting.lines.is_empty();
        waiting.lines.push_str(line);
        drop(waiting);
        if first {
            self.0.woken.notify_one();
        }
    }
}

impl Tap {
    /// The first kept line that contains both texts.
    pub(crate) fn find(&self, one: &str, other: &str) -> Option<String> {
        let lines = self.0.tap.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().find(|line| line.contains(one) && line.contains(other)).cloned()
    }
}

impl Shared {
    /// Writes what waits, until the end.
    fn write_all(&self, sink: &mut dyn Write) {
        let mut lines = String::new();
        loop {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            while waiting.lines.is_empty() && waiting.dropped == 0 && !waiting.stopped {
                waiting = self.woken.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if !waiting.stopped {
                let stopped = |waiting: &mut Waiting| !waiting.stopped;
                let gathered = self.woken.wait_timeout_while(waiting, GATHERED_FOR, stopped);
                (waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            }
            // The two texts take turns, so that their memory is used again.
            std::mem::swap(&mut waiting.lines, &mut lines);
            let (dropped, stopped) = (std::mem::take(&mut waiting.dropped), waiting.stopped);
            drop(waiting);
            let _ = sink.write_all(lines.as_bytes());
            lines.clear();
            if dropped > 0 {
                let _ = sink.write_all(told(dropped).as_bytes());
            }
            if stopped {
                let _ = sink.flush();
                return;
            }
        }
    }
}

/// The line that says how many lines there was no room for.
fn told(dropped: u64) -> String {
    let line = json!({"timestamp": super::now().to_string(), "level": "warn", "event": event::DROPPED, "what": "log_line", "count": dropped, "tenant_id": null});
    format!("{line}\n")
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.shared.woken.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sink that can be looked at, and takes nothing while it is held.
    #[derive(Clone, Default)]
    struct Held(Arc<Mutex<Vec<u8>>>);

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_or_counted() {
        let sink = Held::default();
        let writer = Writer::start(Box::new(sink.clone())).unwrap();
        let handle = writer.handle();
        let held = sink.0.lock().unwrap();
        let line = format!("{{\"filler\":\"{}\"}}\n", "x".repeat(1_000));
        // Three times what may wait: one time may be on its way to the sink.
        let total = 3 * WAITING_BYTES_MAX / line.len();
        (0..total).for_each(|_| handle.write(&line));
        drop(held);
        drop(writer);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let written = text.matches("filler").count();
        let told = text.lines().filter(|line| line.contains("log_line"));
        let counts =
            told.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["count"].as_u64().unwrap());
        let dropped = usize::try_from(counts.sum::<u64>()).unwrap();
        assert!(dropped > 0 && written > 0, "{written} {dropped}");
        assert_eq!(written + dropped, total);
    }
}
