//! Authority for work that no caller asked for.

use std::sync::atomic::{AtomicBool, Ordering};

/// The gateway's own authority: following the configuration, probing servers, recovering the journal.
///
/// There is one in a process, taken in `main`. It is no principal: it enters no tenant.
#[derive(Debug)]
pub struct SystemAuthority(());

static TAKEN: AtomicBool = AtomicBool::new(false);

impl SystemAuthority {
    /// Takes the authority; the second time there is none left.
    pub fn take() -> Option<Self> {
        (!TAKEN.swap(true, Ordering::Relaxed)).then_some(Self(()))
    }
}

/// What background work is for. Logs and audit show it beside everything done with a [`SystemAuthority`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Following the configuration.
    Follow,
    /// Asking a server what it speaks.
    Probe,
    /// Preparing the store and the keys at start.
    Prepare,
}

impl Job {
    /// The word in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Probe => "probe",
            Self::Prepare => "prepare",
        }
    }
}
