//! Starting keepers: one waits for the next order, since a program of this size takes milliseconds to start, and a group
//! to be made and entered.
//!
//! A keeper that waits has done nothing yet but start and enter its group. It reads its order from a pipe, and ends with it.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::cgroup::{Cgroups, Group};
use crate::launch::Transport;
use crate::order::GROUPS;

/// From the moment at which the one that waited was taken to the start of the next: the instance that took it starts
/// meanwhile, and has the processors to itself. 25 ms.
const NEXT_AFTER: Duration = Duration::from_millis(25);

/// A keeper that has no order yet, in a group of its own that has no limits yet.
#[derive(Debug)]
pub(super) struct Keeper {
    /// Its process.
    pub(super) child: Child,
    /// The group of what it will keep, itself included.
    pub(super) group: Group,
}

impl Keeper {
    /// It, unless it has ended, by whatever hand.
    fn if_it_waits(mut self) -> Option<Self> {
        if matches!(self.child.try_wait(), Ok(None)) {
            return Some(self);
        }
        self.give_up();
        None
    }

    /// Ends it and takes its group along.
    fn give_up(mut self) {
        let _ = self.child.start_kill();
        self.group.remove_now();
    }
}

/// The keepers of one driver.
#[derive(Debug)]
pub(super) struct Keepers {
    /// The program that runs [`crate::keeper::run`], and its arguments up to the stage.
    program: (PathBuf, Vec<String>),
    cgroups: Cgroups,
    /// For a server on stdio. None before the first order: a gateway without instances has no keeper.
    waiting: Mutex<Option<Keeper>>,
}

impl Keepers {
    pub(super) fn new(program: (PathBuf, Vec<String>), cgroups: Cgroups) -> Arc<Self> {
        Arc::new(Self { program, cgroups, waiting: Mutex::default() })
    }

    /// A keeper for this order.
    pub(super) fn take(self: &Arc<Self>, transport: Transport) -> io::Result<Keeper> {
        if transport == Transport::Unix {
            // Nobody would read what it writes, and a pipe that nobody reads stops whoever writes.
            return self.start(Stdio::null());
        }
        tokio::spawn(Self::start_next(Arc::downgrade(self)));
        let waiting = self.waiting().take();
        waiting.and_then(Keeper::if_it_waits).map_or_else(|| self.start(Stdio::piped()), Ok)
    }

    /// Ends the one that waits.
    pub(super) fn give_up(&self) {
        if let Some(keeper) = self.waiting().take() {
            keeper.give_up();
        }
    }

    async fn start_next(keepers: Weak<Self>) {
        tokio::time::sleep(NEXT_AFTER).await;
        let Some(keepers) = keepers.upgrade() else { return };
        let waiting = keepers.waiting().take().and_then(Keeper::if_it_waits);
        // What fails is tried again with the next order, and told by that.
        let next = waiting.or_else(|| keepers.start(Stdio::piped()).ok());
        let other = next.and_then(|next| keepers.waiting().replace(next));
        // Where two were started at once, one is enough.
        other.into_iter().for_each(Keeper::give_up);
    }

    fn start(&self, output: Stdio) -> io::Result<Keeper> {
        let (program, arguments) = &self.program;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().current_dir("/").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::piped());
        let group = self.cgroups.create()?;
        let joins: Vec<_> = group.joins().into_iter().map(PathBuf::into_os_string).collect();
        command.env(GROUPS, joins.join(OsStr::new("\n")));
        match command.spawn() {
            Ok(child) => Ok(Keeper { child, group }),
            Err(error) => {
                group.remove_now();
                Err(super::at(program, error))
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Keeper>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
