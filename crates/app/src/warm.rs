//! Keeps warm what the configuration says, from the start of the gateway on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use partywall_domain::{Revision, event};
use partywall_gateway::Gateway;
use partywall_identity::SystemAuthority;
use partywall_tenancy::{InstanceKey, Snapshot, TenantConfig, Upkeep};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How often to look whether there is another configuration. Default 1 s.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Instances that are started at the same time for nobody. Default 2: a gateway that starts with a thousand of them has
/// processors left for calls.
const STARTED_AT_ONCE_MAX: usize = 2;

/// Runs until `stop`.
pub(crate) async fn run(gateway: Arc<Gateway>, authority: Arc<SystemAuthority>, stop: CancellationToken) {
    let mut keeper = Keeper { gateway, places: Arc::new(Semaphore::new(STARTED_AT_ONCE_MAX)), kept: HashSet::new() };
    let mut seen = Arc::new(Snapshot::empty());
    loop {
        let now = keeper.gateway.snapshot.load_full();
        if seen.revision() != now.revision() {
            keeper.follow(&authority, &seen, &now);
            seen = now;
        }
        if tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_ok() {
            return;
        }
    }
}

struct Keeper {
    gateway: Arc<Gateway>,
    places: Arc<Semaphore>,
    /// Bounded by what the gateway lets be kept.
    kept: HashSet<InstanceKey>,
}

impl Keeper {
    /// Brings what is kept from one configuration to the next.
    fn follow(&mut self, authority: &SystemAuthority, before: &Snapshot, now: &Snapshot) {
        for tenant in before.tenants_not_in(now) {
            let still = now.name_of(tenant.id()).and_then(|name| now.tenant(name.as_str()));
            let still = still.map_or_else(HashSet::new, |tenant| self.keys(authority, tenant));
            for key in self.keys(authority, tenant).difference(&still) {
                self.kept.remove(key);
                self.gateway.let_cool(key);
            }
        }
        for tenant in now.tenants_not_in(before) {
            self.keep(Upkeep::of(authority, tenant), self.keys(authority, tenant), now.revision());
        }
    }

    /// What is to be kept for a tenant.
    fn keys(&self, authority: &SystemAuthority, tenant: &Arc<TenantConfig>) -> HashSet<InstanceKey> {
        let upkeep = Upkeep::of(authority, tenant);
        let warm = if tenant.document().suspended { Vec::new() } else { self.gateway.warm(&upkeep) };
        warm.into_iter().map(|warm| warm.key).collect()
    }

    /// Starts what is kept for a tenant, some at a time. What fails is tried again by itself, and its end is in the log.
    fn keep(&mut self, upkeep: Upkeep, mut keys: HashSet<InstanceKey>, revision: Revision) {
        let max = self.gateway.kept_max();
        keys.retain(|key| {
            let has_room = self.kept.contains(key) || self.kept.len() < max;
            if has_room {
                self.kept.insert(key.clone());
            } else {
                not_kept(
                    &upkeep,
                    key,
                    &format!("{max} are kept already, and no more may be; raise `instances.awake_max`"),
                );
            }
            has_room
        });
        if keys.is_empty() {
            return;
        }
        let (gateway, places) = (Arc::clone(&self.gateway), Arc::clone(&self.places));
        tokio::spawn(async move {
            for warm in gateway.warm(&upkeep).iter().filter(|warm| keys.contains(&warm.key)) {
                let _place = places.acquire().await;
                if let Err(why) = gateway.keep_warm(&upkeep, warm, revision).await {
                    not_kept(&upkeep, &warm.key, &why);
                }
            }
        });
    }
}

fn not_kept(upkeep: &Upkeep, key: &InstanceKey, why: &dyn std::fmt::Display) {
    tracing::warn!(
        event = event::INSTANCE_NOT_KEPT,
        tenant_id = %upkeep.config().id(),
        server = key.server().as_str(),
        cause = %why,
    );
}
