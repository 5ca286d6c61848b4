//! The gateway's end of a way out: takes the listener of a box from its keeper, and serves it.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::egress::{self, Closed, Egress};

/// Until the keeper must have handed it over. 20 s: the time that a start has by default.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(20);
/// Refusals that wait to be told; more at once are not told.
pub(super) const NOTICES_MAX: usize = 16;

/// A socket at which one keeper is waited for.
pub(super) struct WayOut {
    listener: UnixListener,
    path: PathBuf,
}

impl WayOut {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let listener = UnixListener::bind(&path).map_err(|error| super::at(&path, error))?;
        Ok(Self { listener, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the listener and serves it, until this is ended.
    pub(super) async fn serve(self, rules: Arc<[Egress]>, notices: mpsc::Sender<String>) {
        let taken = tokio::time::timeout(HANDOVER_TIMEOUT, self.take()).await;
        drop(self);
        let Ok(Ok(listener)) = taken else { return };
        // Whoever does not read the notices loses them, and nothing else.
        let refused = move |closed: &Closed| drop(notices.try_send(format!("egress: {closed}")));
        egress::serve(listener, rules, refused).await;
    }

    async fn take(&self) -> io::Result<TcpListener> {
        let (keeper, _) = self.listener.accept().await?;
        let descriptor = keeper.async_io(Interest::READABLE, || receive(&keeper)).await?;
        let listener = std::net::TcpListener::from(descriptor);
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    }
}

impl Drop for WayOut {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn receive(keeper: &UnixStream) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(keeper.as_fd(), &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let received = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    received.ok_or_else(|| io::Error::other("the keeper handed nothing over"))
}
