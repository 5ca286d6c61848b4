//! The listener for the way out: made in the box's network, handed to the gateway over a socket.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::{Step, told};
use crate::egress::PROXY_PORT;

/// Reaches the gateway, while this process still may.
pub(super) fn reach(path: &Path) -> Step<UnixStream> {
    UnixStream::connect(path).map_err(told("cannot reach the gateway for the way out"))
}

/// Listens on the loopback of the box and hands that over. The box keeps nothing of it.
pub(super) fn hand_over(gateway: &UnixStream) -> Step {
    let failed = "cannot hand over the way out";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PROXY_PORT)).map_err(told(failed))?;
    let descriptors = [listener.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(failed.to_owned());
    }
    sendmsg(gateway, &[IoSlice::new(&[0])], &mut control, SendFlags::empty()).map(|_| ()).map_err(told(failed))
}
