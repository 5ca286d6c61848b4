//! The process tier: a sandboxed process on the host's kernel.
//!
//! The driver decides what stands in the box and what it may use; the [`crate::keeper`] builds it. The driver knows
//! instances by their ids and owners, and nothing of who may call them.

mod instance;
mod keepers;
mod orphans;
mod probe;
mod volume;
mod way_out;

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use partywall_domain::{no_box_path, no_mount_point};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::cgroup::Cgroups;
use crate::driver::{BoxFuture, Driver, Io, NotStarted, Order, Running};
use crate::egress::{Egress, PROXY_PORT};
use crate::floor::{Enforced, Guarantee};
use crate::launch::{Launch, SOCKET, Transport};
use crate::order::{Bind, BindAccess, Ceilings, Inner, Outer, frame};
use crate::socket::Socket;
use crate::uids::Uids;
use keepers::{Keeper, Keepers};
use volume::Volume;
use way_out::WayOut;

/// Bytes of an environment, names and values: half of what `execve` takes with the usual stack.
const ENVIRONMENT_BYTES_MAX: usize = 1 << 20;

/// Where the driver keeps what it must, and how it starts its keeper.
#[derive(Clone, Debug)]
pub struct ProcessSettings {
    /// A directory of its own: uids, volumes, records of what runs, sockets.
    pub state: PathBuf,
    /// The program that runs [`crate::keeper::run`], and its arguments up to the stage.
    pub keeper: (PathBuf, Vec<String>),
}

/// The process tier on this host.
#[derive(Debug)]
pub struct ProcessDriver {
    settings: ProcessSettings,
    keepers: Arc<Keepers>,
    enforced: Enforced,
    cgroups: Cgroups,
    /// None where we are no root.
    uids: Option<Mutex<Uids>>,
    orphans: u32,
    /// Held as long as this driver is: the records and volumes are one gateway's.
    _lock: File,
}

impl ProcessDriver {
    /// Finds out what this host enforces and ends what a crashed gateway left behind.
    pub async fn start(settings: ProcessSettings) -> io::Result<Self> {
        for dir in [
            settings.state.clone(),
            settings.state.join("records"),
            settings.state.join("volumes"),
            settings.state.join("sockets"),
        ] {
            fs::create_dir_all(&dir).map_err(|error| at(&dir, error))?;
            fs::set_permissions(&dir, Permissions::from_mode(0o700)).map_err(|error| at(&dir, error))?;
        }
        let lock = lock(&settings.state.join("lock"))?;
        let name = orphans::name(&settings.state)?;
        let cgroups = Cgroups::claim(&name);
        let orphans = orphans::end(&settings.state, &cgroups).await;
        let root = nix::unistd::geteuid().is_root();
        let uids = if root { Some(Mutex::new(Uids::open(&settings.state.join("uids"))?)) } else { None };
        let enforced = probe::enforced(&settings.keeper, &cgroups, root).await;
        let keepers = Keepers::new(settings.keeper.clone(), cgroups.clone());
        Ok(Self { settings, keepers, enforced, cgroups, uids, orphans, _lock: lock })
    }

    /// Instances of a gateway that crashed, which were found and ended.
    pub fn orphans(&self) -> u32 {
        self.orphans
    }

    fn check(&self, order: &Order) -> Result<(), NotStarted> {
        // Without these two there is no box at all, whatever anybody requires.
        let least = BTreeSet::from([Guarantee::Namespaces, Guarantee::Seccomp]);
        let floor = crate::floor::Floor { guarantees: least, ..Default::default() }.and(&order.launch.require);
        self.enforced.require(&floor)?;
        check_launch(order).map_err(NotStarted::Refused)
    }

    fn uid(&self, order: &Order) -> io::Result<Option<u32>> {
        let Some(uids) = &self.uids else { return Ok(None) };
        let keeps = order.launch.volume.is_some();
        uids.lock().unwrap_or_else(PoisonError::into_inner).of(&order.owner.whose, keeps).map(Some)
    }

    fn binds(&self, order: &Order, uid: Option<u32>, sockets: &Path) -> io::Result<Vec<Bind>> {
        let read = |root: &crate::launch::Root| Bind {
            from: root.host.clone(),
            to: root.at.clone(),
            access: BindAccess::Read,
        };
        let mut binds: Vec<_> = order.launch.roots.iter().map(read).collect();
        if let Some(at) = &order.launch.volume {
            let volume = self.volume(order);
            own_directory(&volume, uid)?;
            binds.push(Bind { from: volume, to: at.clone(), access: BindAccess::Write });
        }
        if order.launch.transport == Transport::Unix {
            own_directory(sockets, uid)?;
            let to = Path::new(SOCKET).parent().unwrap_or(Path::new("/")).to_owned();
            binds.push(Bind { from: sockets.to_owned(), to, access: BindAccess::Socket });
        }
        Ok(binds)
    }

    /// The directory of the host that is this owner's volume of this server.
    fn volume(&self, order: &Order) -> PathBuf {
        self.settings.state.join("volumes").join(&order.owner.whose).join(&order.owner.server)
    }

    async fn begin(&self, order: Order) -> Result<Running, NotStarted> {
        self.check(&order)?;
        let uid = self.uid(&order)?;
        let sockets = self.settings.state.join("sockets").join(&order.id);
        let binds = self.binds(&order, uid, &sockets)?;
        let way_out = self.way_out(&order)?;
        let mut outer = outer(&order, uid, binds.clone());
        outer.egress = way_out.as_ref().map(|way_out| way_out.path().to_owned());
        let (outer, inner) = (frame(&outer)?, frame(&self.inner(&order.launch, binds))?);
        let record = self.settings.state.join("records").join(&order.id);
        let volume = order.launch.volume.is_some().then(|| Volume::at(self.volume(&order)));
        let Keeper { mut child, group } = self.keepers.take(order.launch.transport)?;
        let cleanup = instance::Cleanup { group, record, sockets: sockets.clone(), volume };
        let (input, output, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut input), Some(stderr)) = (input, stderr) else {
            return Err(NotStarted::Refused("the keeper has no streams".to_owned()));
        };
        // A keeper that failed before it read says why on stderr, and ends: that is told by its end. It builds the box
        // while the limits are set, and runs nothing in it before it has the rest of the order.
        let _ = input.write_all(&outer).await;
        let limited = cleanup.group.limit(&order.launch.limits);
        if let Err(error) = limited.and_then(|()| orphans::remember(&cleanup.record, child.id())) {
            drop(child);
            cleanup.run().await;
            return Err(error.into());
        }
        let (notice, notices) = mpsc::channel(way_out::NOTICES_MAX);
        let rules: Arc<[Egress]> = order.launch.egress.clone().into();
        let serving = way_out.map(|way_out| tokio::spawn(way_out.serve(rules, notice)).abort_handle());
        let control = instance::Instance::hold(child, cleanup, serving)?;
        let _ = input.write_all(&inner).await;
        let io = match output {
            Some(output) => Io::Stdio { input: Box::new(input), output: Box::new(output) },
            None => Io::Unix(Socket::at(sockets.join(Path::new(SOCKET).file_name().unwrap_or_default()))),
        };
        Ok(Running { io, stderr: Box::new(stderr), notices, control: Box::new(control) })
    }

    fn way_out(&self, order: &Order) -> io::Result<Option<WayOut>> {
        let path = self.settings.state.join("sockets").join(format!("{}.out", order.id));
        if order.launch.egress.is_empty() { Ok(None) } else { WayOut::open(path).map(Some) }
    }

    fn inner(&self, launch: &Launch, binds: Vec<Bind>) -> Inner {
        let limits = &launch.limits;
        let no_group = self.cgroups.version("memory").is_none();
        let uncounted = self.cgroups.version("pids").is_none();
        Inner {
            command: launch.command.clone(),
            arguments: launch.arguments.clone(),
            environment: environment(launch),
            directory: launch.directory.clone(),
            hostname: "server".to_owned(),
            limits: Ceilings {
                files: limits.files_max.into(),
                file_bytes: limits.file_bytes_max,
                processes: uncounted.then(|| u64::from(limits.processes_max) + crate::cgroup::KEEPERS),
                data_bytes: no_group.then_some(limits.memory_bytes),
            },
            binds,
            without_landlock: !self.enforced.guarantees.contains_key(&Guarantee::Landlock),
        }
    }
}

impl Drop for ProcessDriver {
    fn drop(&mut self) {
        self.keepers.give_up();
        self.cgroups.release();
    }
}

impl Driver for ProcessDriver {
    fn enforced(&self) -> &Enforced {
        &self.enforced
    }

    fn start(&self, order: Order) -> BoxFuture<'_, Result<Running, NotStarted>> {
        Box::pin(self.begin(order))
    }
}

/// A directory of the host that belongs to the owner's uid and to nobody else.
fn own_directory(path: &Path, uid: Option<u32>) -> io::Result<()> {
    fs::create_dir_all(path).map_err(|error| at(path, error))?;
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(|error| at(path, error))?;
    if uid.is_some() {
        chown(path, uid, uid).map_err(|error| at(path, error))?;
    }
    Ok(())
}

fn outer(order: &Order, uid: Option<u32>, binds: Vec<Bind>) -> Outer {
    let secrets =
        order.launch.secrets.iter().map(|(name, secret)| (name.clone(), secret.reveal().to_owned())).collect();
    Outer { uid, binds, tmp_bytes: order.launch.limits.tmp_bytes, egress: None, secrets }
}

/// What is declared, and where there is a way out, what makes the usual clients take it.
fn environment(launch: &Launch) -> Vec<(String, String)> {
    let declared = launch.environment.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
    let variables = names.map(|name| (name, proxy.as_str())).into_iter().chain([("NODE_USE_ENV_PROXY", "1")]);
    let variables =
        variables.filter(|_| !launch.egress.is_empty()).map(|(name, value)| (name.to_owned(), value.to_owned()));
    // What is declared comes later, and counts.
    variables.chain(declared).collect()
}

/// What no box can be made of.
fn check_launch(order: &Order) -> Result<(), String> {
    let launch = &order.launch;
    let mounted = launch.roots.iter().map(|root| &root.at).chain(&launch.volume);
    let named = [&launch.command, &launch.directory];
    if let Some(why) = named
        .into_iter()
        .find_map(|path| no_box_path(path))
        .or_else(|| mounted.into_iter().find_map(|at| no_mount_point(at)))
    {
        return Err(why);
    }
    if let Some(volume) = &launch.volume
        && !order.owner.whole_tenant
    {
        let at = volume.display();
        return Err(format!(
            "volume `{at}` needs `instance_per = \"tenant\"`: a volume is one tenant's and never shared"
        ));
    }
    for (name, _) in &launch.secrets {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err(format!("`{name}` is no name for a file under `/run/secrets`"));
        }
    }
    for (name, value) in &launch.environment {
        if name.is_empty() || name.contains(['=', '\0']) || value.reveal().contains('\0') {
            return Err(format!("`{name}` cannot stand in an environment"));
        }
    }
    let bytes: usize = launch.environment.iter().map(|(name, value)| name.len() + value.reveal().len()).sum();
    if bytes > ENVIRONMENT_BYTES_MAX {
        return Err(format!(
            "the environment has {bytes} bytes, {ENVIRONMENT_BYTES_MAX} may; put large values into secret files"
        ));
    }
    Ok(())
}

fn lock(path: &Path) -> io::Result<File> {
    let file = File::create(path).map_err(|error| at(path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let told = format!("`{}` is another gateway's; give each a state directory of its own", path.display());
            Err(io::Error::new(io::ErrorKind::AddrInUse, told))
        }
        Err(TryLockError::Error(error)) => Err(at(path, error)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it becomes the error with its path")]
fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}
