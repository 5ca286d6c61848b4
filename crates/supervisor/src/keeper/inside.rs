//! The second stage: process 1 of the box. It closes every door behind it, starts the server and waits.
//!
//! What it puts on it cannot take off, and the server inherits all of it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, chdir, close, pivot_root, sethostname, setsid};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
};

use super::outside::{code, stdin};
use super::root::BASE;
use super::{Step, landlock, let_go_of_streams, seccomp, told};
use crate::order::{Ceilings, Inner, read_frame};

const NONE: Option<&str> = None;

pub(super) fn run() -> Step<u8> {
    // The first stage has one thread and stays as long as the box: this is no race with a thread that ends.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(told("cannot tie the box to its keeper"))?;
    let order: Inner = read_frame(File::from(stdin()?)).map_err(told("cannot read the order"))?;
    setsid().map_err(told("cannot begin a session"))?;
    sethostname(&order.hostname).map_err(told("cannot name the box"))?;
    enter_root()?;
    ceilings(&order.limits)?;
    close_what_is_open()?;
    chdir(&order.directory).map_err(told(format_args!("cannot enter `{}`", order.directory.display())))?;
    let signals = signals()?;
    drop_capabilities()?;
    prctl::set_no_new_privs().map_err(told("cannot give up new privileges"))?;
    let abi = landlock::restrict(&order.binds)?;
    if abi == 0 && !order.without_landlock {
        return Err("this kernel has no Landlock, and the gateway found one when it started".to_owned());
    }
    seccomp::restrict()?;
    prctl::set_dumpable(false).map_err(told("cannot close the keeper's memory"))?;
    let server = start(&order)?;
    drop(order);
    let_go_of_streams()?;
    wait(server, &signals)
}

/// The root that the first stage built becomes the root, and the host's is gone.
fn enter_root() -> Step {
    let failed = "cannot enter the root of the box";
    // A mount of the first stage's namespace is locked in this one; a copy of it may be moved.
    mount(Some(BASE), BASE, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE).map_err(told(failed))?;
    chdir(BASE).map_err(told(failed))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "proc", Some("proc"), flags, NONE).map_err(told("cannot mount `/proc` of the box"))?;
    pivot_root(".", ".").map_err(told(failed))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(told("cannot let go of the host's root"))?;
    chdir("/").map_err(told(failed))
}

fn ceilings(limits: &Ceilings) -> Step {
    let all = [
        (Resource::RLIMIT_CORE, Some(0)),
        (Resource::RLIMIT_NOFILE, Some(limits.files)),
        (Resource::RLIMIT_FSIZE, Some(limits.file_bytes)),
        (Resource::RLIMIT_NPROC, limits.processes),
        (Resource::RLIMIT_DATA, limits.data_bytes),
        (Resource::RLIMIT_MEMLOCK, Some(64 << 10)),
        (Resource::RLIMIT_MSGQUEUE, Some(0)),
    ];
    for (resource, limit) in all {
        let Some(limit) = limit else { continue };
        let failed = || format!("cannot set {resource:?}");
        let (_, hard) = getrlimit(resource).map_err(told(failed()))?;
        let limit = limit.min(hard);
        setrlimit(resource, limit, limit).map_err(told(failed()))?;
    }
    Ok(())
}

/// Whatever the gateway was started with and did not mean for the server.
fn close_what_is_open() -> Step {
    let entries = fs::read_dir("/proc/self/fd").map_err(told("cannot see the open descriptors"))?;
    let open: Vec<i32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        match close(descriptor) {
            // The directory that was being read is among them, and closed by now.
            Ok(()) | Err(Errno::EBADF) => {}
            Err(error) => return Err(told(format_args!("cannot close descriptor {descriptor}"))(error)),
        }
    }
    Ok(())
}

fn drop_capabilities() -> Step {
    let failed = "cannot drop the capabilities";
    let last: u32 = fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(40);
    clear_ambient_capability_set().map_err(told(failed))?;
    for one in (0..=last).map(|number| CapabilitySet::from_bits_retain(1 << number)) {
        remove_capability_from_bounding_set(one).map_err(told(failed))?;
    }
    // SECBIT_NOROOT and SECBIT_NO_SETUID_FIXUP, and no ambient set, each with its lock.
    let bits = CapabilitiesSecureBits::from_bits_retain(0b1110_1111);
    set_capabilities_secure_bits(bits).map_err(told(failed))?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).map_err(told(failed))
}

fn signals() -> Step<SigSet> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.add(Signal::SIGCHLD);
    mask.thread_block().map_err(told("cannot hold back signals"))?;
    Ok(mask)
}

fn start(order: &Inner) -> Step<Pid> {
    let mut command = Command::new(&order.command);
    command.args(&order.arguments).env_clear().envs(order.environment.iter().map(|(name, value)| (name, value)));
    let child = command.process_group(0).spawn();
    let child = child.map_err(told(format_args!("cannot run `{}`", order.command.display())))?;
    Ok(Pid::from_raw(child.id().cast_signed()))
}

/// Reaps all that ends, until the server has; what it leaves behind ends with this process.
fn wait(server: Pid, signals: &SigSet) -> Step<u8> {
    loop {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == server => return Ok(u8::try_from(code).unwrap_or(u8::MAX)),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == server => {
                    return Ok(code(None, Some(signal as i32)));
                }
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(told("cannot wait for the server")(error)),
            }
        }
        if signals.wait().map_err(told("cannot take signals"))? == Signal::SIGTERM {
            let _ = kill(server, Signal::SIGTERM);
        }
    }
}
