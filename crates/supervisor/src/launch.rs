//! What to run, and how much of the host it may have.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::egress::Egress;
use crate::floor::Floor;

/// What to run for one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The revision that says so. A call that began under an older one does not bring the older launch back.
    pub revision: u64,
    /// The program, by its path in the box.
    pub command: PathBuf,
    /// Its arguments; every user of the host can read them, so no secret stands here.
    pub arguments: Vec<String>,
    /// All of its environment. Nothing of the gateway's own is added.
    pub environment: Vec<(String, Secret)>,
    /// Files under `/run/secrets` of the box, by name; only the instance can read them.
    pub secrets: Vec<(String, Secret)>,
    /// What of the host stands in the box, read-only.
    pub roots: Vec<Root>,
    /// Where it starts. Default `/tmp`.
    pub directory: PathBuf,
    /// Where in the box its volume stands, if it has one: a directory of this tenant and server that outlives it.
    pub volume: Option<PathBuf>,
    /// Where it may connect to. Empty: nowhere.
    pub egress: Vec<Egress>,
    /// How it speaks.
    pub transport: Transport,
    /// What it may use.
    pub limits: InstanceLimits,
    /// What must be enforced, or it does not start.
    pub require: Floor,
    /// When it starts, sleeps and stops.
    pub life: Life,
}

impl Launch {
    /// A program without arguments, in a box with nothing but these roots.
    pub fn new(command: impl Into<PathBuf>, roots: Vec<Root>) -> Self {
        Self {
            revision: 0,
            command: command.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            secrets: Vec::new(),
            roots,
            directory: PathBuf::from("/tmp"),
            volume: None,
            egress: Vec::new(),
            transport: Transport::Stdio,
            limits: InstanceLimits::default(),
            require: Floor::default(),
            life: Life::default(),
        }
    }

    /// Whether this one takes the place of another: it says something else, and not less recently.
    pub fn replaces(&self, other: &Self) -> bool {
        self.revision >= other.revision && !self.runs_as(other)
    }

    /// Whether both run the same in the same way, whatever revision says so.
    fn runs_as(&self, other: &Self) -> bool {
        let what = (&self.command, &self.arguments, &self.environment, &self.secrets, &self.directory);
        let with = (&self.roots, &self.volume, &self.egress, self.transport, self.limits, &self.require, self.life);
        let theirs = (&other.command, &other.arguments, &other.environment, &other.secrets, &other.directory);
        what == theirs
            && with
                == (
                    &other.roots,
                    &other.volume,
                    &other.egress,
                    other.transport,
                    other.limits,
                    &other.require,
                    other.life,
                )
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

/// How an instance speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over its standard input and output.
    Stdio,
    /// Over a Unix socket that it makes at [`SOCKET`].
    Unix,
}

/// Where, in the box, a server that listens makes its socket.
pub const SOCKET: &str = "/run/partywall/socket";

/// A text that does not print: a tenant's secret, or a setting that could be one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the driver that hands it over.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
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
    /// Whether one is kept warm without calls.
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
    fn a_secret_does_not_print() {
        let mut launch = Launch::new("/bin/true", Vec::new());
        launch.environment.push(("TOKEN".to_owned(), Secret::new("hunter2")));
        let printed = format!("{launch:?}");
        assert!(printed.contains("TOKEN") && !printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn only_what_says_something_else_and_is_no_older_takes_the_place() {
        let standing = Launch { revision: 5, ..Launch::new("/bin/a", Vec::new()) };
        let rotated = vec![("KEY".to_owned(), Secret::new("new"))];
        let rows = [
            (Launch { revision: 6, ..standing.clone() }, false),
            (Launch { revision: 6, environment: rotated.clone(), ..standing.clone() }, true),
            (Launch { environment: rotated.clone(), ..standing.clone() }, true),
            (Launch { revision: 4, environment: rotated, ..standing.clone() }, false),
            (Launch { revision: 6, life: Life { min_warm: true, ..Life::default() }, ..standing.clone() }, true),
        ];
        for (other, replaces) in rows {
            assert_eq!(other.replaces(&standing), replaces, "{other:?}");
        }
    }
}
