//! One running box: held by its keeper's process, ended with all that is in it, counted by its cgroup.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::volume::Volume;
use crate::cgroup::Group;
use crate::driver::{BoxFuture, Cause, Control, End, Usage};
use crate::order::NOT_STARTED;

/// What of the host is given back at the end.
pub(super) struct Cleanup {
    pub(super) group: Group,
    pub(super) record: PathBuf,
    pub(super) sockets: PathBuf,
    /// What stays: it is only looked at.
    pub(super) volume: Option<Volume>,
}

impl Cleanup {
    pub(super) async fn run(&self) {
        self.group.remove().await;
        let _ = fs::remove_file(&self.record);
        let _ = fs::remove_dir_all(&self.sockets);
    }
}

/// The handle of a running box.
pub(super) struct Instance {
    group: Group,
    volume: Option<Volume>,
    /// Names the keeper for as long as this is held, whatever becomes of its number.
    keeper: OwnedFd,
    ended: watch::Receiver<Option<End>>,
}

impl Instance {
    /// Takes the child; a task waits for its end and cleans up after it, `serving` included.
    pub(super) fn hold(mut child: Child, cleanup: Cleanup, serving: Option<AbortHandle>) -> io::Result<Self> {
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| io::Error::other("the keeper ended at once"))?;
        let keeper = pidfd_open(id, PidfdFlags::empty())?;
        let (done, ended) = watch::channel(None);
        let (group, volume) = (cleanup.group.clone(), cleanup.volume.clone());
        tokio::spawn(async move {
            let status = child.wait().await;
            serving.inspect(AbortHandle::abort);
            // The namespace's processes end with its first one; this is for those that joined the group and left it.
            cleanup.group.freeze(false);
            cleanup.group.kill();
            let cause = cause(status, cleanup.group.out_of_memory());
            let usage = used(&cleanup.group, cleanup.volume.as_ref());
            cleanup.run().await;
            let _ = done.send(Some(End { cause, usage }));
        });
        Ok(Self { group, volume, keeper, ended })
    }

    fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.keeper, signal);
    }
}

fn used(group: &Group, volume: Option<&Volume>) -> Usage {
    Usage { volume_bytes: volume.map(Volume::bytes), ..group.usage() }
}

#[expect(clippy::needless_pass_by_value, reason = "what waiting gave is used up here")]
fn cause(status: io::Result<ExitStatus>, out_of_memory: u64) -> Cause {
    let Ok(status) = status else { return Cause::NotStarted };
    // A server that lost a child to its limit and went on to end well has ended well.
    if out_of_memory > 0 && !status.success() {
        return Cause::OutOfMemory;
    }
    match (status.code().and_then(|code| u8::try_from(code).ok()), status.signal()) {
        (Some(NOT_STARTED), _) => Cause::NotStarted,
        (Some(code), _) if code > 128 => Cause::Signal(code - 128),
        (Some(code), _) => Cause::Exited(code),
        (None, signal) => Cause::Signal(signal.and_then(|signal| u8::try_from(signal).ok()).unwrap_or(0)),
    }
}

impl Control for Instance {
    fn terminate(&self) {
        self.group.freeze(false);
        self.signal(Signal::TERM);
    }

    fn kill(&self) {
        self.group.freeze(false);
        // With a group the keeper goes too, which may not have joined it yet. Without one it is the keeper that ends the
        // box, and stays to see all of it gone.
        let force = if self.group.kill() { Signal::KILL } else { Signal::QUIT };
        self.signal(force);
    }

    fn freeze(&self, frozen: bool) -> bool {
        self.group.freeze(frozen)
    }

    fn usage(&self) -> Usage {
        used(&self.group, self.volume.as_ref())
    }

    fn ended(&self) -> BoxFuture<'_, End> {
        let mut ended = self.ended.clone();
        Box::pin(async move {
            let lost = End { cause: Cause::NotStarted, usage: Usage::default() };
            ended.wait_for(Option::is_some).await.ok().and_then(|end| end.clone()).unwrap_or(lost)
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}
