//! What the control plane is made of.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use partywall_documents::{Document, Mistake};
use partywall_domain::Revision;
use partywall_identity::{KeySource, Operator, OperatorKey, SystemAuthority};
use partywall_ledger::Ledger;
use partywall_store::{Store, StoreError};
use partywall_tenancy::{Snapshot, compile};

use crate::fleet::Fleet;
use crate::probe::Prober;

/// What a control plane needs.
pub struct Parts {
    /// Where the configuration stands.
    pub store: Store,
    /// The process's own authority, to keep what upstreams said.
    pub authority: Arc<SystemAuthority>,
    /// Who is an operator.
    pub operator: OperatorKey,
    /// Where the admin listener listens: the only host by which it may be called, beside `localhost`.
    pub listener: SocketAddr,
    /// How upstreams are asked.
    pub prober: Arc<dyn Prober>,
    /// How nodes are asked.
    pub fleet: Arc<dyn Fleet>,
    /// Issuers' keys that were fetched.
    pub keys: Arc<dyn KeySource>,
    /// The books of this node.
    pub ledger: Ledger,
    /// The URL that clients use, of which tokens' audiences are made.
    pub public_url: String,
    /// Whether documents may trust a development issuer, whose tokens anybody with its folder can make.
    pub development: bool,
}

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// The newest configuration that was compiled here, so that reading it twice costs once.
    compiled: Mutex<Option<Arc<Snapshot>>>,
}

/// Why the configuration cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the configuration that stands has {} mistakes, the first at `{}`: {}", .0.len(), .0[0].path, .0[0].message)]
    Mistakes(Vec<Mistake>),
}

impl Control {
    /// A control plane of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { parts, compiled: Mutex::new(None) }))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// The configuration that stands. Blocks.
    pub(crate) fn standing(&self, operator: &Operator) -> Result<Arc<Snapshot>, Unreadable> {
        let platform = self.parts().store.platform(operator);
        if let Some(snapshot) = self.compiled(platform.revision()?) {
            return Ok(snapshot);
        }
        let (revision, documents) = platform.documents()?;
        self.compile(revision, &documents).map_err(Unreadable::Mistakes)
    }

    /// These documents as a snapshot. Blocks.
    pub(crate) fn compile(&self, revision: Revision, documents: &[Document]) -> Result<Arc<Snapshot>, Vec<Mistake>> {
        if let Some(snapshot) = self.compiled(revision) {
            return Ok(snapshot);
        }
        let snapshot = Arc::new(compile(revision, documents)?);
        *self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    fn compiled(&self, revision: Revision) -> Option<Arc<Snapshot>> {
        let compiled = self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.clone().filter(|snapshot| snapshot.revision() == revision)
    }
}
