//! How an instance is kept apart from its host: tiers, what a tier may hold, and floors that somebody requires.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// How an instance is kept apart from its host, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isolation {
    /// A sandboxed process on the host's kernel.
    Process,
    /// A container.
    Container,
    /// A virtual machine with a kernel of its own.
    Microvm,
}

impl Isolation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Process, Self::Container, Self::Microvm];

    /// The word that documents use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Container => "container",
            Self::Microvm => "microvm",
        }
    }
}

/// A word that names no isolation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no isolation; known: `process`, `container`, `microvm`")]
pub struct UnknownIsolation(String);

impl FromStr for Isolation {
    type Err = UnknownIsolation;

    fn from_str(text: &str) -> Result<Self, UnknownIsolation> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or_else(|| UnknownIsolation(text.to_owned()))
    }
}

macro_rules! guarantees {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $without:literal;)*) => {
        /// One thing that a tier may enforce.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Guarantee { $($(#[$doc])* $name,)* }

        impl Guarantee {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word that documents use.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What an operator does about its absence: a clause for a refusal.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $without,)* }
            }
        }
    };
}

guarantees! {
    /// User, process, mount, network, IPC, host name and cgroup namespaces of its own.
    Namespaces = "namespaces", "let users make user namespaces (`user.max_user_namespaces`)";
    /// System calls by a list of what may pass.
    Seccomp = "seccomp", "use a kernel with `CONFIG_SECCOMP_FILTER`";
    /// A second wall around files, and around signals and abstract sockets from ABI 6 on.
    Landlock = "landlock", "use a kernel with Landlock among its `lsm=`";
    /// A uid of the host for each tenant.
    OwnUid = "own_uid", "run the gateway as root";
    /// A bound on memory for the whole instance.
    Memory = "memory", "give the gateway a cgroup with the memory controller";
    /// A bound on CPU for the whole instance.
    Cpu = "cpu", "give the gateway a cgroup with the cpu controller";
    /// A bound on the number of processes.
    Processes = "processes", "give the gateway a cgroup with the pids controller";
    /// A bound on open descriptors.
    Files = "files", "this is a defect: every Linux has it";
    /// A bound on what a volume holds.
    Volume = "volume", "do not require it: no tier of this host bounds a volume";
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no guarantee.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing a tier enforces; known: {known}", known = Guarantee::ALL.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", "))]
pub struct UnknownGuarantee(String);

impl FromStr for Guarantee {
    type Err = UnknownGuarantee;

    fn from_str(text: &str) -> Result<Self, UnknownGuarantee> {
        Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or_else(|| UnknownGuarantee(text.to_owned()))
    }
}

/// What must be enforced: a tier at least this strong, with these guarantees. Empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// The weakest tier that will do. None: any placement will, and what is started holds the rest.
    pub isolation: Option<Isolation>,
    /// What it must hold besides.
    pub guarantees: BTreeSet<Guarantee>,
}

impl Floor {
    /// What satisfies each of those that somebody requires.
    pub fn of_both(one: Option<&Self>, other: Option<&Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.clone().and(other)),
            (one, other) => one.or(other).cloned(),
        }
    }

    /// What satisfies both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.isolation = self.isolation.max(other.isolation);
        self.guarantees.extend(&other.guarantees);
        self
    }
}
