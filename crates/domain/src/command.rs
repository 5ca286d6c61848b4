//! How a server is started as an instance: what the catalog says of it.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::name::SecretName;

/// Places in the box that are its own: nothing is mounted on or below them.
const TAKEN: [&str; 3] = ["/proc", "/dev", "/run"];
/// Those on which nothing is mounted; below them something may be.
const WHOLE: [&str; 2] = ["/", "/tmp"];

/// How to start an instance of a server, and what it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// For whom one instance stands.
    pub instance_per: InstancePer,
    /// The program, by its path in the box.
    pub program: PathBuf,
    /// Its arguments; every user of the host can read them, so no secret stands here.
    pub arguments: Vec<String>,
    /// All of its environment, by name.
    pub environment: Vec<(String, Setting)>,
    /// Files under `/run/secrets` of the box, by name, each with a secret of the tenant.
    pub files: Vec<(String, SecretName)>,
    /// What of the host stands in the box, read-only.
    pub roots: Vec<Root>,
    /// Where it starts.
    pub directory: PathBuf,
    /// Where in the box its volume stands, if it has one.
    pub volume: Option<PathBuf>,
    /// Where it may connect to. Empty: nowhere.
    pub egress: Vec<Egress>,
    /// How it speaks.
    pub transport: Transport,
    /// What it may use.
    pub limits: InstanceLimits,
    /// When it starts, sleeps and stops.
    pub life: Life,
    /// What it may ask of clients.
    pub asks: Asks,
}

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// This text.
    Plain(String),
    /// A secret of the tenant whose instance it is.
    FromSecret(SecretName),
}

impl Command {
    /// The secrets that a tenant must have for an instance to be started.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let variables = self.environment.iter().filter_map(|(_, value)| match value {
            Setting::FromSecret(secret) => Some(secret),
            Setting::Plain(_) => None,
        });
        variables.chain(self.files.iter().map(|(_, secret)| secret))
    }
}

/// For whom one instance of a server stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstancePer {
    /// For every tenant alike: only a server that keeps nothing between calls.
    All,
    /// For one tenant.
    #[default]
    Tenant,
    /// For one subject of one issuer.
    Subject,
    /// For one legacy session of one principal. A modern message has no session: it counts as its subject's.
    Session,
}

impl InstancePer {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::All, Self::Tenant, Self::Subject, Self::Session];

    /// The word that documents use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Tenant => "tenant",
            Self::Subject => "subject",
            Self::Session => "session",
        }
    }
}

/// What a server may ask of clients. Calls of several principals then take turns at one instance, so that each question
/// has one to go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// To have a model write something.
    pub sampling: bool,
    /// To have the user fill in something.
    pub elicitation: bool,
    /// Which folders the client works on.
    pub roots: bool,
}

impl Asks {
    /// Whether it asks anything.
    pub fn any(self) -> bool {
        self.sampling || self.elicitation || self.roots
    }
}

/// A path of the host, and where it stands in the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// On the host. Links are followed; file systems mounted below it do not come along.
    pub host: PathBuf,
    /// In the box.
    pub at: PathBuf,
}

impl Root {
    /// The same path in the box as on the host.
    pub fn same(path: impl Into<PathBuf>) -> Self {
        let host = path.into();
        Self { at: host.clone(), host }
    }
}

/// Why this is no path in a box; `None` if it is one.
pub fn no_box_path(place: &Path) -> Option<String> {
    let shown = place.display();
    let plain = place.is_absolute() && !place.components().any(|part| matches!(part, Component::ParentDir));
    (!plain).then(|| format!("`{shown}` is no path in the box; write it from `/` on, without `..`"))
}

/// Why nothing can be mounted at this place of a box; `None` if it can.
pub fn no_mount_point(place: &Path) -> Option<String> {
    let whole = WHOLE.iter().any(|whole| place == Path::new(whole));
    let taken = whole || TAKEN.iter().any(|taken| place.starts_with(taken));
    let own = || format!("`{}` is the box's own; mount it elsewhere", place.display());
    no_box_path(place).or_else(|| taken.then(own))
}

/// How an instance speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over its standard input and output.
    Stdio,
    /// Over a Unix socket that it makes.
    Unix,
}

/// One way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// The host: a name, matched whole and without case, or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the name may lead into a private network. An address that is named is meant, whatever it is.
    pub private: bool,
}

/// What one instance may use, with all its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceLimits {
    /// Bytes of memory, `/tmp` included. Default 512 MiB: a Node or Python server with room to work.
    pub memory_bytes: u64,
    /// Thousandths of one core. Default 1000: a busy server is fast, and leaves the other cores.
    pub cpu_millis: u32,
    /// Processes and threads. Default 128: Node starts a dozen threads, a server that runs commands a few more.
    pub processes_max: u32,
    /// Open descriptors of one process. Default 1024: the usual soft limit.
    pub files_max: u32,
    /// Bytes of one file. Default 1 GiB.
    pub file_bytes_max: u64,
    /// Bytes of `/tmp`, which count as memory where they are used. Default 64 MiB.
    pub tmp_bytes: u64,
}

impl Default for InstanceLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            cpu_millis: 1000,
            processes_max: 128,
            files_max: 1024,
            file_bytes_max: 1 << 30,
            tmp_bytes: 64 << 20,
        }
    }
}

/// When an instance starts, sleeps and stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Until it must answer after its start. Default 20 s: an interpreter with a cold cache on a busy host.
    pub start_timeout: Duration,
    /// Without a call, until it is frozen: it keeps its memory and uses no CPU. Default 30 s; none: never.
    pub freeze_after: Option<Duration>,
    /// Without a call, until it is stopped. Default 300 s: a conversation's pauses are shorter.
    pub stop_after: Duration,
    /// For calls in flight when it is replaced or stopped. Default 30 s.
    pub drain_deadline: Duration,
    /// Between the wish that it end and its end by force. Default 5 s.
    pub stop_grace: Duration,
    /// Whether one is kept warm without calls, from the start of the node on.
    pub min_warm: bool,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            start_timeout: Duration::from_secs(20),
            freeze_after: Some(Duration::from_secs(30)),
            stop_after: Duration::from_mins(5),
            drain_deadline: Duration::from_secs(30),
            stop_grace: Duration::from_secs(5),
            min_warm: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_boxs_own_is_no_mount_point() {
        for good in ["/usr", "/opt/x", "/etc/ssl", "/runs", "/home/server", "/tmp/x"] {
            assert_eq!(no_mount_point(Path::new(good)), None, "{good}");
        }
        for bad in ["/", "/proc", "/dev/shm", "/tmp", "/run/secrets", "usr", "/usr/../etc", ""] {
            assert!(no_mount_point(Path::new(bad)).is_some(), "{bad}");
        }
        assert_eq!(no_box_path(Path::new("/tmp")), None);
    }
}
