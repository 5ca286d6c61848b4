//! The first stage: from a child of the gateway to a process in namespaces of its own, which outlives nothing.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use nix::unistd::{Gid, Pid, Uid, getegid, geteuid, setgroups, setresgid, setresuid};
use rustix::process::{PidfdFlags, getppid, pidfd_open};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, configure_capability_in_ambient_set, set_capabilities,
};

use super::{Step, handover, let_go_of_streams, root, told};
use crate::order::{GROUPS, INSIDE, Outer, read_frame};

/// Who a server is in its box, whatever its tenant's uid on the host. Not root: many programs refuse or misbehave.
pub(super) const INNER_ID: u32 = 1000;

/// The uid that a probe becomes: `nobody`, which owns nothing.
const PROBING_UID: u32 = 65_534;

pub(super) fn run() -> Step<u8> {
    let gateway = gateway()?;
    join_groups()?;
    let order: Outer = read_frame(File::from(stdin()?)).map_err(told("cannot read the order"))?;
    let egress = order.egress.as_deref().map(handover::reach).transpose()?;
    if order.uid.is_some() {
        // Built by the host's root, what stands in the box is nothing that anyone in it could take down.
        unshare(CloneFlags::CLONE_NEWNS).map_err(told("cannot make a mount namespace"))?;
        root::build(&order)?;
    }
    namespaces_for(order.uid)?;
    if order.uid.is_none() {
        root::build(&order)?;
    }
    loopback_up()?;
    if let Some(gateway) = egress {
        handover::hand_over(&gateway)?;
    }
    keep_capabilities_over_exec()?;
    let signals = signals()?;
    let inside = Command::new("/proc/self/exe").arg0("keeper").args(stage()).env_clear().spawn();
    let inside = inside.map_err(told("cannot start the second stage"))?;
    prctl::set_dumpable(false).map_err(told("cannot close the keeper's memory"))?;
    let_go_of_streams()?;
    keep(&gateway, &signals, inside)
}

/// Enters the groups, before there is an order: it may take long.
fn join_groups() -> Step {
    let groups = std::env::var(GROUPS).unwrap_or_default();
    // 0 is whoever writes it.
    groups.lines().try_for_each(|file| fs::write(file, "0").map_err(told(format_args!("cannot join `{file}`"))))
}

/// The arguments that led here, with the next stage's name behind them.
fn stage() -> Vec<std::ffi::OsString> {
    std::env::args_os().skip(1).chain([INSIDE.into()]).collect()
}

/// A copy of the standard input without a buffer, so that not a byte of the server's is taken.
pub(super) fn stdin() -> Step<std::os::fd::OwnedFd> {
    std::io::stdin().as_fd().try_clone_to_owned().map_err(told("cannot read the standard input"))
}

/// Watches the gateway, however it ends.
fn gateway() -> Step<std::os::fd::OwnedFd> {
    let parent = getppid().ok_or("the gateway is gone")?;
    let watch = pidfd_open(parent, PidfdFlags::empty()).map_err(told("cannot watch the gateway"))?;
    // Between the two calls it could have ended, and its number be another's.
    if getppid() == Some(parent) { Ok(watch) } else { Err("the gateway is gone".to_owned()) }
}

/// Becomes the tenant's uid, if there is one to become, and enters namespaces where nobody else is.
pub(super) fn namespaces_for(uid: Option<u32>) -> Step {
    if let Some(uid) = uid {
        become_uid(uid)?;
    }
    let (uid, gid) = (geteuid(), getegid());
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    unshare(all).map_err(told("cannot make namespaces; does this host let users make user namespaces?"))?;
    // The maps below belong to root while a process that changed its uid counts as undumpable.
    prctl::set_dumpable(true).map_err(told("cannot open the keeper's own maps"))?;
    let write = |file: &str, text: String| fs::write(file, text).map_err(told(format_args!("cannot write `{file}`")));
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("{INNER_ID} {uid} 1"))?;
    write("/proc/self/gid_map", format!("{INNER_ID} {gid} 1"))
}

fn become_uid(uid: u32) -> Step {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    setgroups(&[]).map_err(told("cannot drop the groups"))?;
    setresgid(group, group, group).map_err(told("cannot become the tenant's group"))?;
    setresuid(user, user, user).map_err(told("cannot become the tenant's user"))
}

pub(super) fn probing_uid() -> Option<u32> {
    geteuid().is_root().then_some(PROBING_UID)
}

/// Brings up the box's own loopback: it leads nowhere else, and servers talk to themselves over it.
fn loopback_up() -> Step {
    // RTM_NEWLINK for interface 1 with IFF_UP (rtnetlink(7)): a header of 16 bytes and an `ifinfomsg` of 16.
    let header = [32_u32.to_ne_bytes(), ((4 | 1) << 16 | 16_u32).to_ne_bytes(), 1_u32.to_ne_bytes(), [0; 4]];
    let link = [[0; 4], 1_u32.to_ne_bytes(), 1_u32.to_ne_bytes(), 1_u32.to_ne_bytes()];
    let message = [header.concat(), link.concat()].concat();
    let failed = "cannot bring up the loopback";
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute);
    let socket = socket.map_err(told(failed))?;
    send(socket.as_raw_fd(), &message, MsgFlags::empty()).map_err(told(failed))?;
    let mut answer = [0; 64];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).map_err(told(failed))?;
    // An acknowledgement is an error message whose code is 0.
    match answer.get(16..20).filter(|_| length >= 20) {
        Some(code) if code.iter().all(|byte| *byte == 0) => Ok(()),
        _ => Err(failed.to_owned()),
    }
}

/// The second stage needs what the namespaces give, and is no root in them: ambient capabilities pass an `execve`.
fn keep_capabilities_over_exec() -> Step {
    let failed = "cannot hand on the capabilities";
    let have = capabilities(None).map_err(told(failed))?.permitted;
    let sets = CapabilitySets { effective: have, permitted: have, inheritable: have };
    set_capabilities(None, sets).map_err(told(failed))?;
    for one in [CapabilitySet::SYS_ADMIN, CapabilitySet::SETPCAP] {
        configure_capability_in_ambient_set(one, true).map_err(told(failed))?;
    }
    Ok(())
}

fn signals() -> Step<SignalFd> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.add(Signal::SIGQUIT);
    mask.thread_block().map_err(told("cannot hold back signals"))?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC).map_err(told("cannot take signals"))
}

/// Waits for the box to end, hands on the wish that it end, and ends with the gateway: the box dies with this process.
fn keep(gateway: &impl AsFd, signals: &SignalFd, mut inside: Child) -> Step<u8> {
    let id = rustix::process::Pid::from_child(&inside);
    let ended = pidfd_open(id, PidfdFlags::empty()).map_err(told("cannot watch the box"))?;
    loop {
        let mut watched =
            [gateway.as_fd(), signals.as_fd(), ended.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(told("cannot wait")(error)),
        }
        let [gone, signal, end] = watched.map(|fd| fd.any() == Some(true));
        if end {
            let status = inside.wait().map_err(told("cannot wait for the box"))?;
            return Ok(code(status.code(), status.signal()));
        }
        if gone {
            return Err("the gateway is gone; the server is ended with it".to_owned());
        }
        if signal && let Ok(Some(taken)) = signals.read_signal() {
            // Asked by `SIGQUIT` it ends the box by force, and is still there to see all of it gone.
            let force = taken.ssi_signo == Signal::SIGQUIT as u32;
            let _ =
                kill(Pid::from_raw(id.as_raw_nonzero().get()), if force { Signal::SIGKILL } else { Signal::SIGTERM });
        }
    }
}

/// How a shell tells a signal from an exit.
pub(super) fn code(exit: Option<i32>, signal: Option<i32>) -> u8 {
    let code = exit.unwrap_or_else(|| 128 + signal.unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Whether this path can be reached at all, for a message that names it.
pub(super) fn exists(path: &Path) -> Step {
    fs::metadata(path).map(|_| ()).map_err(told(format_args!("cannot put `{}` into the box", path.display())))
}
