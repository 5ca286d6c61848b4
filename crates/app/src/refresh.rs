//! What is kept for a while is renewed, and what is not needed any more is forgotten: what upstreams said of themselves,
//! each after its own time to live, and the keys of issuers that left the configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use partywall_domain::{Placement, ServerName, event};
use partywall_gateway::{Gateway, Probe};
use partywall_identity::{Job, SystemAuthority};
use partywall_store::Store;
use tokio_util::sync::CancellationToken;

use crate::key_source::HttpKeySource;

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

/// Lets go of the keys of issuers that are not trusted any more. Runs until `stop`.
pub(crate) async fn forget_keys(gateway: Arc<Gateway>, keys: Arc<HttpKeySource>, stop: CancellationToken) {
    let mut seen = None;
    while tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_err() {
        let snapshot = gateway.snapshot.load_full();
        if seen.replace(snapshot.revision()) != Some(snapshot.revision()) {
            keys.retain(snapshot.issuers().map(partywall_identity::Issuer::settings));
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
