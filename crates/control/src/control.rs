//! What the control plane is made of.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use partywall_documents::Mistake;
use partywall_domain::Revision;
use partywall_identity::{KeySource, Operator, OperatorKey, SystemAuthority};
use partywall_ledger::Ledger;
use partywall_secrets::SecretKeys;
use partywall_store::{Store, StoreError};
use partywall_tenancy::{Draft, Snapshot};

use crate::fleet::Fleet;
use crate::probe::Prober;
use crate::tiers::Tiers;
use crate::vitals::Vitals;

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
    /// What instances nodes can start, and which run.
    pub tiers: Arc<dyn Tiers>,
    /// What seals secrets of tenants.
    pub secrets: Arc<SecretKeys>,
    /// Issuers' keys that were fetched.
    pub keys: Arc<dyn KeySource>,
    /// The books of this node.
    pub ledger: Ledger,
    /// What the process knows of itself.
    pub vitals: Arc<dyn Vitals>,
    /// Most tenants that `/metrics` names.
    pub metrics_tenants_max: usize,
    /// The URL that clients use, of which tokens' audiences are made.
    pub public_url: String,
    /// What a node in this process enforces: something compiled to begin from. Where there is no node, it stays empty.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Whether documents may trust a development issuer, whose tokens anybody with its folder can make.
    pub development: bool,
}

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Parts>);

/// Why the configuration cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("revision {revision}, which stands, has {} mistakes, the first at `{}`: {}", .mistakes.len(), .mistakes[0].path, .mistakes[0].message)]
    Mistakes { revision: Revision, mistakes: Vec<Mistake> },
}

impl Control {
    /// A control plane of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    /// The configuration that stands. Blocks. It is not kept: as soon as the node of this process is there, it costs a look.
    pub(crate) fn standing(&self, operator: &Operator) -> Result<Arc<Snapshot>, Unreadable> {
        let platform = self.parts().store.platform(operator);
        let known = self.parts().snapshot.load_full();
        let (revision, changes) = platform.changes_since(known.revision())?;
        if revision == known.revision() {
            return Ok(known);
        }
        if let Some(changes) = changes
            && let Ok(snapshot) = Draft::of(&changes).over(&known, revision)
        {
            return Ok(Arc::new(snapshot));
        }
        let mut draft = Draft::default();
        let revision = platform.each(|document| draft.put(&document))?;
        draft.compile(revision).map(Arc::new).map_err(|mistakes| Unreadable::Mistakes { revision, mistakes })
    }
}
