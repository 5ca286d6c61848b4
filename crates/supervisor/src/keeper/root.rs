//! The root of a box: an empty file system with what the catalog lists, read-only, and a `/tmp` of its own.
//!
//! It is built over the host's `/tmp` in a mount namespace that nobody else sees, and becomes the root in the second
//! stage. Nothing of the host is in it that is not listed.

use std::fs::{self, File, Permissions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use rustix::fs::{StatVfsMountFlags, statvfs};

use super::outside::{INNER_ID, exists};
use super::{Step, told};
use crate::order::{Bind, BindAccess, Outer};

/// Where it is built.
pub(super) const BASE: &str = "/tmp";
/// What the skeleton may hold: directories, and the secrets' files.
const SKELETON: &str = "mode=0755,size=16m";
/// Names in `/tmp`. 16,384: each costs the kernel about a kilobyte, which counts as the instance's memory.
const NAMES_MAX: u32 = 16_384;
/// The devices of a box: none that is one.
pub(super) const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
const NONE: Option<&str> = None;

/// Builds it. What the host has is opened before anything is mounted over it.
pub(super) fn build(order: &Outer) -> Step {
    // What the host mounts or takes down from here on stays out.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .map_err(told("cannot leave the host's mounts"))?;
    let mut binds = order.binds.clone();
    // A directory before what is mounted within it.
    binds.sort_by(|a, b| a.to.cmp(&b.to));
    let sources = binds.iter().map(|bind| open(&bind.from)).collect::<Step<Vec<_>>>()?;
    let devices = DEVICES.iter().map(|device| open(Path::new(device))).collect::<Step<Vec<_>>>()?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), BASE, Some("tmpfs"), flags, Some(SKELETON)).map_err(told("cannot begin a root"))?;
    skeleton(order)?;
    for (bind, source) in binds.iter().zip(&sources) {
        put(bind, source)?;
    }
    for (device, source) in DEVICES.iter().zip(&devices) {
        make_place(&within(Path::new(device)), false)?;
        bind_mount(source, &within(Path::new(device))).map_err(told(format_args!("cannot give `{device}`")))?;
    }
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | flags;
    mount(NONE, BASE, NONE, read_only, NONE).map_err(told("cannot close the root to writing"))
}

fn open(path: &Path) -> Step<OwnedFd> {
    exists(path)?;
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_PATH);
    Ok(options.open(path).map_err(told(format_args!("cannot put `{}` into the box", path.display())))?.into())
}

/// A path of the box, from where it is built.
fn within(path: &Path) -> PathBuf {
    Path::new(BASE).join(path.strip_prefix("/").unwrap_or(path))
}

fn skeleton(order: &Outer) -> Step {
    for directory in ["/dev", "/proc", "/tmp", "/run/secrets"] {
        make_place(&within(Path::new(directory)), true)?;
    }
    let options = format!("mode=1777,size={},nr_inodes={NAMES_MAX}", order.tmp_bytes);
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let tmp = within(Path::new("/tmp"));
    mount(Some("tmpfs"), &tmp, Some("tmpfs"), flags, Some(options.as_str())).map_err(told("cannot make `/tmp`"))?;
    let links = [("/tmp", "/dev/shm"), ("/proc/self/fd", "/dev/fd"), ("/proc/self/fd/0", "/dev/stdin")];
    let outputs = [("/proc/self/fd/1", "/dev/stdout"), ("/proc/self/fd/2", "/dev/stderr")];
    for (to, link) in links.into_iter().chain(outputs) {
        symlink(to, within(Path::new(link))).map_err(told(format_args!("cannot make `{link}`")))?;
    }
    if !order.binds.iter().any(|bind| bind.to == Path::new("/etc")) {
        etc()?;
    }
    for (name, secret) in &order.secrets {
        let path = within(&Path::new("/run/secrets").join(name));
        write(&path, secret, 0o400)?;
        if let Some(uid) = order.uid {
            chown(&path, Some(uid), Some(uid)).map_err(told("cannot give a secret to its tenant"))?;
        }
    }
    Ok(())
}

/// Enough for a program to find out who it is and what `localhost` is.
fn etc() -> Step {
    let passwd = format!("root:x:0:0:root:/:/sbin/nologin\nserver:x:{INNER_ID}:{INNER_ID}:server:/tmp:/sbin/nologin\n");
    let group = format!("root:x:0:\nserver:x:{INNER_ID}:\n");
    make_place(&within(Path::new("/etc")), true)?;
    for (name, text) in [
        ("passwd", passwd.as_str()),
        ("group", &group),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ] {
        write(&within(&Path::new("/etc").join(name)), text, 0o444)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str, mode: u32) -> Step {
    let failed = || format!("cannot write `{}` of the box", path.strip_prefix(BASE).unwrap_or(path).display());
    fs::write(path, text).map_err(told(failed()))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(told(failed()))
}

fn put(bind: &Bind, source: &OwnedFd) -> Step {
    let target = within(&bind.to);
    let failed = || format!("cannot put `{}` into the box", bind.from.display());
    let kind = fs::metadata(through(source)).map_err(told(failed()))?;
    make_place(&target, kind.is_dir())?;
    bind_mount(source, &target).map_err(told(failed()))?;
    let mut flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | kept(&target)?;
    if bind.access == BindAccess::Read {
        flags |= MsFlags::MS_RDONLY;
    }
    mount(NONE, &target, NONE, flags, NONE).map_err(told(failed()))
}

/// What the host forbids on this mount stays forbidden: leaving a flag out would ask to lift it.
fn kept(target: &Path) -> Step<MsFlags> {
    let flags = statvfs(target).map_err(told("cannot read the flags of a mount"))?.f_flag;
    let pairs = [
        (StatVfsMountFlags::RDONLY, MsFlags::MS_RDONLY),
        (StatVfsMountFlags::NOEXEC, MsFlags::MS_NOEXEC),
        (StatVfsMountFlags::NOATIME, MsFlags::MS_NOATIME),
        (StatVfsMountFlags::NODIRATIME, MsFlags::MS_NODIRATIME),
        (StatVfsMountFlags::RELATIME, MsFlags::MS_RELATIME),
    ];
    let kept = pairs.into_iter().filter(|(theirs, _)| flags.contains(*theirs)).map(|(_, ours)| ours);
    Ok(kept.fold(MsFlags::empty(), |all, one| all | one))
}

/// Through the open file, so that no directory on the way has to let the tenant pass.
fn through(source: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", source.as_raw_fd()))
}

fn bind_mount(source: &OwnedFd, target: &Path) -> nix::Result<()> {
    mount(Some(&through(source)), target, NONE, MsFlags::MS_BIND, NONE)
}

fn make_place(target: &Path, directory: bool) -> Step {
    let failed = || format!("cannot make `{}` in the box", target.strip_prefix(BASE).unwrap_or(target).display());
    if target.exists() {
        return Ok(());
    }
    let parent = if directory { target } else { target.parent().unwrap_or(target) };
    fs::create_dir_all(parent).map_err(told(failed()))?;
    if directory { Ok(()) } else { File::create(target).map(|_| ()).map_err(told(failed())) }
}
