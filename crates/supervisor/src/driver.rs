//! What a tier has to be able to do. One conformance suite holds every driver to it.

use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::floor::Enforced;
use crate::launch::Launch;
use crate::socket::Socket;

/// A boxed future, as traits need it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whose an instance is, as far as a tier needs it: for the uid, the volume, and the names of things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Of whom a host uid is: a tenant's id, or what stands for all of them.
    pub whose: String,
    /// The server's name.
    pub server: String,
    /// Whether it serves the whole of one tenant, so that a volume may stand in it.
    pub whole_tenant: bool,
}

/// One order to start.
#[derive(Clone, Debug)]
pub struct Order {
    /// The instance's id: lower-case letters, digits and `-`.
    pub id: String,
    /// Whose it is.
    pub owner: Owner,
    /// What to run.
    pub launch: Launch,
}

/// The streams of an instance, for whoever speaks with it.
pub enum Io {
    /// Its standard input and output.
    Stdio {
        /// What the server reads.
        input: Box<dyn AsyncWrite + Send + Unpin>,
        /// What the server writes.
        output: Box<dyn AsyncRead + Send + Unpin>,
    },
    /// The socket that the server makes; it may not be there yet.
    Unix(Socket),
}

/// A started instance.
pub struct Running {
    /// Its streams.
    pub io: Io,
    /// What it says beside the protocol.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// What its tier has to say of it meanwhile: a connection that was refused.
    pub notices: tokio::sync::mpsc::Receiver<String>,
    /// The handle by which it is held.
    pub control: Box<dyn Control>,
}

/// How an instance is held once it runs. Dropping it ends the instance by force.
pub trait Control: Send + Sync {
    /// Asks it to end.
    fn terminate(&self);
    /// Ends it with all it started.
    fn kill(&self);
    /// Stops its clock, or lets it run on; whether that was done.
    fn freeze(&self, frozen: bool) -> bool;
    /// What it used so far.
    fn usage(&self) -> Usage;
    /// Waits for its end. Whatever it had of the host is given back by then.
    fn ended(&self) -> BoxFuture<'_, End>;
}

/// What an instance used. What the host does not count is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time, in microseconds.
    pub cpu_us: Option<u64>,
    /// Memory now, in bytes.
    pub memory_bytes: Option<u64>,
    /// The most memory it had, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Bytes read from block devices.
    pub read_bytes: Option<u64>,
    /// Bytes written to block devices.
    pub written_bytes: Option<u64>,
    /// Times it was refused a process.
    pub processes_refused: Option<u64>,
}

/// How an instance ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub cause: Cause,
    /// What it used in all.
    pub usage: Usage,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.cause.fmt(f)?;
        match self.usage.processes_refused {
            Some(times) if times > 0 => write!(f, "; it was refused a process {times} times, beyond its limit"),
            _ => Ok(()),
        }
    }
}

/// Why an instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It exited by itself, with this code.
    Exited(u8),
    /// A signal ended it: its own fault, or our force.
    Signal(u8),
    /// It took more memory than it may.
    OutOfMemory,
    /// It never ran: the box could not be built. The last line on its stderr says why.
    NotStarted,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::OutOfMemory => f.write_str("took more memory than its limit"),
            Self::NotStarted => f.write_str("could not be started"),
        }
    }
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The tier enforces less than required.
    #[error(transparent)]
    BelowFloor(#[from] crate::floor::BelowFloor),
    /// The order itself cannot be carried out.
    #[error("{0}")]
    Refused(String),
    /// The host did not do it.
    #[error("cannot start an instance: {0}")]
    Host(#[from] std::io::Error),
}

/// A tier.
pub trait Driver: Send + Sync + 'static {
    /// What it enforces on this host.
    fn enforced(&self) -> &Enforced;
    /// Starts an instance. It is running when this returns, which says nothing of whether it answers.
    fn start(&self, order: Order) -> BoxFuture<'_, Result<Running, NotStarted>>;
}
