//! Asking the upstreams again what they speak, each after its own time to live.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use partywall_domain::{Placement, ServerName, event};
use partywall_gateway::{Gateway, Probe};
use partywall_identity::{Job, SystemAuthority};
use partywall_store::Store;
use tokio_util::sync::CancellationToken;

/// How often to look whose time is over. Default 1 s: the shortest time to live there is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs until `stop`.
pub(crate) async fn run(gateway: Arc<Gateway>, store: Store, authority: Arc<SystemAuthority>, stop: CancellationToken) {
    let mut asked: HashMap<Arc<str>, Instant> = HashMap::new();
    let started = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let upstreams = upstreams(&gateway);
        asked.retain(|url, _| upstreams.contains_key(url));
        for (url, (server, ttl)) in upstreams {
            if asked.get(&url).unwrap_or(&started).elapsed() >= ttl {
                ask(&gateway, &store, &authority, &server, &url).await;
                asked.insert(url, Instant::now());
            }
        }
    }
}

/// Every upstream in the configuration, with its server and how long its word is taken.
fn upstreams(gateway: &Gateway) -> HashMap<Arc<str>, (ServerName, Duration)> {
    let snapshot = gateway.snapshot.load();
    let ttl = |seconds| Duration::from_secs(seconds);
    let shared = snapshot.servers().filter_map(|server| {
        Some((Arc::clone(server.url.as_ref()?), (server.name.clone(), ttl(server.limits.discover_ttl_s))))
    });
    let remote = snapshot.tenants().flat_map(partywall_tenancy::TenantConfig::servers).filter_map(|grant| match grant
        .placement()
    {
        Placement::Remote(url) => {
            Some((Arc::clone(url), (grant.server().name.clone(), ttl(grant.server().limits.discover_ttl_s))))
        }
        Placement::Shared => None,
    });
    shared.chain(remote).collect()
}

async fn ask(gateway: &Gateway, store: &Store, authority: &SystemAuthority, server: &ServerName, url: &Arc<str>) {
    // What was proven at apply is not proven again: a server that is restarting must not lose its tenants.
    let probe = Probe { server, url, sharing: None };
    match gateway.probe(authority, &probe).await {
        Ok(said) => {
            gateway.said.learn(Arc::clone(url), &said);
            if let Err(error) = store.system(authority, Job::Probe).put_said(url, &said) {
                tracing::warn!(event = event::PROBED, server = server.as_str(), cause = %error);
            }
        }
        // What it said before stands: clients keep their era while the server restarts.
        Err(error) => tracing::warn!(event = event::PROBED, server = server.as_str(), cause = %error),
    }
}
