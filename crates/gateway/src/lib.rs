//! The data plane: the life of a call, in the order of its modules.
//!
//! It does not know the store: what it serves by is one snapshot in memory, so a call never waits for a database. It
//! makes no principal and no tenant context; it asks `identity` and `tenancy` for them.

// In the order in which a call meets them.
mod listener;

mod front;

mod call;

mod enter;

mod request;

mod admit;

mod authorize;

mod route;

mod upstream;

mod reply;

// What the steps stand on.
mod addresses;
mod assertion;
mod booked;
mod cold;
mod cors;
mod ended;
mod endpoint;
mod exchange;
mod framing;
mod instances;
mod lease;
mod metadata;
mod named;
mod pool;
mod probe;
mod public_url;
mod refusal;
mod said;
mod seat;
mod session;
pub mod stdio;
mod told;
mod unheard;
mod verified;
mod visitor;
mod warm;

#[cfg(test)]
mod counts;

use std::sync::Arc;

use arc_swap::ArcSwap;
use partywall_identity::KeySource;
use partywall_ledger::Ledger;
use partywall_secrets::SecretKeys;
use partywall_supervisor::supervisor::Supervisor;
use partywall_tenancy::{SealKeys, Snapshot};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use addresses::AddressLimits;
pub use assertion::Signer;
pub use front::{FRONT_ROUTES, FrontRoute};
pub use instances::{Instances, Speaks, Spoken, Tier};
pub use listener::{DRAIN_TIMEOUT, Tls, serve};
pub use probe::{Probe, ProbeError};
pub use public_url::PublicUrl;
pub use reply::ReplyBody;
pub use said::SaidBook;
pub use warm::Warm;

use addresses::Addresses;
use cold::Answers;
use ended::Ended;
use enter::VERIFICATIONS_MAX;
use pool::Pools;
use verified::Verified;

/// What a data plane is made of.
pub struct Parts {
    /// The configuration in force. Swapped whole by the node; a call loads it once.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// The books.
    pub ledger: Ledger,
    /// What seals session ids.
    pub seal: SealKeys,
    /// What opens tenants' secrets.
    pub secrets: Arc<SecretKeys>,
    /// What signs assertions.
    pub signer: Signer,
    /// What the upstreams said of themselves.
    pub said: SaidBook,
    /// The URL that clients know us by.
    pub public_url: PublicUrl,
    /// What may come from one address.
    pub addresses: AddressLimits,
    /// Issuers' keys that are fetched.
    pub keys: Arc<dyn KeySource>,
    /// What connections to `https` upstreams trust and show.
    pub upstream_tls: rustls::ClientConfig,
    /// What starts instances here; none: this node starts none.
    pub tier: Option<Tier>,
}

/// One node's data plane.
pub struct Gateway {
    /// The configuration in force.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// What the upstreams said of themselves.
    pub said: SaidBook,
    ledger: Ledger,
    /// The instances of this node, where it starts any.
    pub instances: Option<Instances>,
    seal: Arc<SealKeys>,
    secrets: Arc<SecretKeys>,
    signer: Arc<Signer>,
    /// The URL that clients know us by.
    pub public_url: PublicUrl,
    addresses: Addresses,
    keys: Arc<dyn KeySource>,
    /// Tokens that were verified lately.
    verified: Verified,
    /// A place for each token that is verified now.
    verifications: Semaphore,
    /// Sessions of instances that their clients ended.
    ended: Ended,
    /// What instances answered to lists, for while they do not run.
    answers: Arc<Answers>,
    /// Connections to upstreams, a pool per tenant.
    pools: Pools,
    /// Cancelled when the node drains: long-lived streams end then.
    draining: CancellationToken,
}

impl Gateway {
    /// A gateway of these parts. With a tier it lives on the runtime that this is called on.
    pub fn new(parts: Parts) -> Self {
        let (answers, signer, pools) = (Arc::default(), Arc::new(parts.signer), Pools::new(parts.upstream_tls));
        let speaks = Speaks::new(Arc::clone(&parts.snapshot), Arc::clone(&answers), pools.clone(), Arc::clone(&signer));
        let instances = parts.tier.map(|tier| Supervisor::new(tier.driver, speaks, tier.watch, tier.settings));
        Self {
            snapshot: parts.snapshot,
            instances,
            said: parts.said,
            ledger: parts.ledger,
            seal: Arc::new(parts.seal),
            secrets: parts.secrets,
            signer,
            addresses: Addresses::new(parts.addresses),
            public_url: parts.public_url,
            keys: parts.keys,
            verified: Verified::default(),
            verifications: Semaphore::new(VERIFICATIONS_MAX as usize),
            ended: Ended::default(),
            answers,
            pools,
            draining: CancellationToken::new(),
        }
    }
}
