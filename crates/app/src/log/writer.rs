//! The thread that writes, and the queue before it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use partywall_domain::event;
use serde_json::json;

/// Lines that wait for the thread. Default 8,192: a second of calls at full speed, about 4 MiB.
const LINES_MAX: usize = 8_192;
/// Lines that a tap keeps. Default 1,024: far more than a tour shows.
const TAPPED_MAX: usize = 1_024;

/// Owns the thread. Dropped, it waits until all that was queued is written.
pub(crate) struct Writer {
    handle: Option<Handle>,
    thread: Option<JoinHandle<()>>,
}

/// Where lines are handed in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    dropped: AtomicU64,
    tapped: AtomicBool,
    tap: Mutex<VecDeque<String>>,
}

enum Message {
    Line(String),
    Stop,
}

/// The newest lines, for the tour, which shows to each call its line.
pub(crate) struct Tap(Arc<Shared>);

impl Writer {
    pub(crate) fn start(mut sink: Box<dyn Write + Send>) -> io::Result<Self> {
        let (queue, lines) = sync_channel(LINES_MAX);
        let shared = Arc::<Shared>::default();
        let counted = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&lines, &mut sink, &counted))?;
        Ok(Self { handle: Some(Handle { queue, shared }), thread: Some(thread) })
    }

    pub(super) fn handle(&self) -> Handle {
        #[expect(clippy::expect_used, reason = "the handle is taken in `drop` alone")]
        self.handle.clone().expect("a writer has its handle until it is dropped")
    }

    /// Begins to keep the newest lines, in place of writing them.
    pub(crate) fn tap(&self) -> Tap {
        let shared = self.handle().shared;
        shared.tapped.store(true, Ordering::Relaxed);
        Tap(shared)
    }
}

impl Handle {
    pub(super) fn write(&self, line: String) {
        if self.shared.tapped.load(Ordering::Relaxed) {
            let mut tap = self.shared.tap.lock().unwrap_or_else(PoisonError::into_inner);
            tap.push_back(line);
            if tap.len() > TAPPED_MAX {
                tap.pop_front();
            }
            return;
        }
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Line(line)) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
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

fn write_all(lines: &Receiver<Message>, sink: &mut dyn Write, shared: &Shared) {
    while let Ok(Message::Line(line)) = lines.recv() {
        let _ = writeln!(sink, "{line}");
        let dropped = shared.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let now = jiff::Timestamp::now().to_string();
            let line = json!({"timestamp": now, "level": "warn", "event": event::DROPPED, "what": "log_line", "count": dropped, "tenant_id": null});
            let _ = writeln!(sink, "{line}");
        }
    }
    let _ = sink.flush();
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            let _ = handle.queue.send(Message::Stop);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
