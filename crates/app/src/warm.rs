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
    let places = Arc::new(Semaphore::new(STARTED_AT_ONCE_MAX));
    let mut seen = Arc::new(Snapshot::empty());
    loop {
        let now = gateway.snapshot.load_full();
        if seen.revision() != now.revision() {
            for tenant in now.tenants_not_in(&seen).filter(|tenant| !tenant.document().suspended) {
                keep(&gateway, Upkeep::of(&authority, tenant), now.revision(), &places);
            }
            for tenant in seen.tenants_not_in(&now) {
                let still = now.name_of(tenant.id()).and_then(|name| now.tenant(name.as_str()));
                let still = still.filter(|tenant| !tenant.document().suspended);
                let kept = still.map_or_else(HashSet::new, |tenant| keys(&gateway, &authority, tenant).collect());
                keys(&gateway, &authority, tenant)
                    .filter(|key| !kept.contains(key))
                    .for_each(|key| gateway.let_cool(&key));
            }
            seen = now;
        }
        if tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_ok() {
            return;
        }
    }
}

fn keys<'a>(
    gateway: &Gateway,
    authority: &SystemAuthority,
    tenant: &'a Arc<TenantConfig>,
) -> impl Iterator<Item = InstanceKey> + use<'a> {
    let warm: Vec<_> = gateway.warm(&Upkeep::of(authority, tenant)).into_iter().map(|warm| warm.key).collect();
    warm.into_iter()
}

/// Starts what is kept warm for a tenant, some at a time. What fails is tried again by itself, and its end is in the log.
fn keep(gateway: &Arc<Gateway>, upkeep: Upkeep, revision: Revision, places: &Arc<Semaphore>) {
    if gateway.warm(&upkeep).is_empty() {
        return;
    }
    let (gateway, places) = (Arc::clone(gateway), Arc::clone(places));
    tokio::spawn(async move {
        for warm in gateway.warm(&upkeep) {
            let _place = places.acquire().await;
            if let Err(why) = gateway.keep_warm(&upkeep, &warm, revision).await {
                tracing::warn!(
                    event = event::INSTANCE_NOT_KEPT,
                    tenant_id = %upkeep.config().id(),
                    server = warm.key.server().as_str(),
                    cause = %why,
                );
            }
        }
    });
}
