//! Starting keepers: one waits for the next order, since a program of this size takes milliseconds to start.
//!
//! A keeper that waits has done nothing yet but start. It reads its order from a pipe, and ends with it.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::launch::Transport;

/// From the moment at which the one that waited was taken to the start of the next: the instance that took it starts
/// meanwhile, and has the processors to itself. 50 ms.
const NEXT_AFTER: Duration = Duration::from_millis(50);

/// The keepers of one driver.
#[derive(Debug)]
pub(super) struct Keepers {
    /// The program that runs [`crate::keeper::run`], and its arguments up to the stage.
    program: (PathBuf, Vec<String>),
    /// For a server on stdio. None before the first order: a gateway without instances has no keeper.
    waiting: Mutex<Option<Child>>,
}

impl Keepers {
    pub(super) fn new(program: (PathBuf, Vec<String>)) -> Arc<Self> {
        Arc::new(Self { program, waiting: Mutex::default() })
    }

    /// A keeper that has no order yet.
    pub(super) fn take(self: &Arc<Self>, transport: Transport) -> io::Result<Child> {
        if transport == Transport::Unix {
            // Nobody would read what it writes, and a pipe that nobody reads stops whoever writes.
            return self.start(Stdio::null());
        }
        let waiting = self.waiting().take_if(|keeper| matches!(keeper.try_wait(), Ok(None)));
        tokio::spawn(Self::start_next(Arc::downgrade(self)));
        waiting.map_or_else(|| self.start(Stdio::piped()), Ok)
    }

    async fn start_next(keepers: std::sync::Weak<Self>) {
        tokio::time::sleep(NEXT_AFTER).await;
        let Some(keepers) = keepers.upgrade() else { return };
        let mut waiting = keepers.waiting();
        // One that has ended, by whatever hand, is no use.
        if waiting.as_mut().is_none_or(|keeper| !matches!(keeper.try_wait(), Ok(None))) {
            // What fails is tried again with the next order, and told by that.
            *waiting = keepers.start(Stdio::piped()).ok();
        }
    }

    fn start(&self, output: Stdio) -> io::Result<Child> {
        let (program, arguments) = &self.program;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().current_dir("/").kill_on_drop(true);
        let child = command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::piped()).spawn();
        child.map_err(|error| super::at(program, error))
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Child>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
