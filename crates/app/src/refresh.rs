//! What is kept for a while is renewed, and what is not needed any more is forgotten: what upstreams said of themselves,
//! each after its own time to live; the keys of issuers and the meters of tenants that left the configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use partywall_documents::Server;
use partywall_domain::{Auth, Placement, ServerName, event};
use partywall_gateway::{Gateway, Probe};
use partywall_identity::{Job, SystemAuthority};
use partywall_ledger::Ledger;
use partywall_store::Store;
use partywall_tenancy::{Snapshot, TenantConfig};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::key_source::HttpKeySource;

/// How often to look whose time is over. Default 1 s: the shortest time to live there is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Upstreams that are asked at the same time. Default 16: a thousand that answer at once are through in a second or two,
/// some that do not hold up nobody else, and no host is stormed.
const ASKED_AT_ONCE_MAX: usize = 16;

/// Runs until `stop`.
pub(crate) async fn run(gateway: Arc<Gateway>, store: Store, authority: Arc<SystemAuthority>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(ASKED_AT_ONCE_MAX));
    let started = Instant::now();
    let mut upstreams = Upstreams::default();
    // Bounded by the upstreams in the configuration. What leaves it is asked no further.
    let mut asked: HashMap<Arc<str>, Asked> = HashMap::new();
    while tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_err() {
        upstreams.keep_up(gateway.snapshot.load_full());
        asked.retain(|url, _| upstreams.0.contains_key(url));
        for (url, (server, auth, ttl)) in &upstreams.0 {
            let last = asked.entry(Arc::clone(url)).or_insert(Asked { at: started, asking: None });
            if !last.is_over(*ttl) {
                continue;
            }
            let (gateway, store, authority) = (Arc::clone(&gateway), store.clone(), Arc::clone(&authority));
            let (places, server, auth, url) = (Arc::clone(&places), server.clone(), auth.clone(), Arc::clone(url));
            let asking = tokio::spawn(async move {
                let _place = places.acquire().await;
                // What was proven at apply is not proven again: a server that is restarting must not lose its tenants.
                let probe = Probe { server: &server, url: &url, sharing: None, auth: &auth };
                ask(&gateway, &store, &authority, &probe).await;
            });
            *last = Asked { at: Instant::now(), asking: Some(AbortOnDropHandle::new(asking)) };
        }
    }
}

/// When an upstream was asked last, and the task that asks.
struct Asked {
    at: Instant,
    asking: Option<AbortOnDropHandle<()>>,
}

impl Asked {
    /// Whether it is time to ask again. One that is still being asked is not asked twice.
    fn is_over(&self, ttl: Duration) -> bool {
        self.at.elapsed() >= ttl && self.asking.as_ref().is_none_or(AbortOnDropHandle::is_finished)
    }
}

/// Lets go of what is kept for those who are not in the configuration any more: keys of issuers, meters of tenants. Runs
/// until `stop`.
pub(crate) async fn forget(gateway: Arc<Gateway>, keys: Arc<HttpKeySource>, ledger: Ledger, stop: CancellationToken) {
    let mut seen = Arc::new(Snapshot::empty());
    while tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_err() {
        let now = gateway.snapshot.load_full();
        if seen.revision() == now.revision() {
            continue;
        }
        keys.retain(now.issuers().map(partywall_identity::Issuer::settings));
        // A tenant that only has another name keeps its meter.
        let gone = seen.tenants_not_in(&now).map(|tenant| tenant.id()).filter(|id| now.name_of(*id).is_none());
        ledger.forget(gone);
        seen = now;
    }
}

/// Every upstream in the configuration, with its server and how long its word is taken; and the configuration that was
/// looked at last, so that only what changed since is looked at.
struct Upstreams(HashMap<Arc<str>, Asking>, Arc<Snapshot>);

/// As which server an upstream is asked, what that asks for of tenants, and how long its word is taken.
type Asking = (ServerName, Auth, Duration);

impl Default for Upstreams {
    fn default() -> Self {
        Self(HashMap::new(), Arc::new(Snapshot::empty()))
    }
}

impl Upstreams {
    fn keep_up(&mut self, now: Arc<Snapshot>) {
        let Self(all, then) = self;
        if now.revision() == then.revision() {
            return;
        }
        // What went goes before what came is added: a URL may have changed hands.
        for (url, _) in shared(then).chain(then.tenants_not_in(&now).flat_map(|tenant| own(tenant))) {
            all.remove(&url);
        }
        all.extend(shared(&now).chain(now.tenants_not_in(then).flat_map(|tenant| own(tenant))));
        *then = now;
    }
}

type Upstream = (Arc<str>, Asking);

fn shared(snapshot: &Snapshot) -> impl Iterator<Item = Upstream> {
    snapshot.servers().filter_map(|server| Some(upstream(server.url.as_ref()?, server)))
}

fn own(tenant: &TenantConfig) -> impl Iterator<Item = Upstream> {
    tenant.servers().filter_map(|grant| match grant.placement() {
        Placement::Remote(url) => Some(upstream(url, grant.server())),
        Placement::Shared | Placement::Dedicated(_) => None,
    })
}

fn upstream(url: &Arc<str>, server: &Server) -> Upstream {
    let ttl = Duration::from_secs(server.limits.discover_ttl_s);
    (Arc::clone(url), (server.name.clone(), server.auth.clone(), ttl))
}

async fn ask(gateway: &Gateway, store: &Store, authority: &SystemAuthority, probe: &Probe<'_>) {
    let server = probe.server.as_str();
    match gateway.probe(authority, probe).await {
        Ok(said) => {
            gateway.said.learn(Arc::clone(probe.url), &said);
            if let Err(error) = store.system(authority, Job::Probe).put_said(probe.url, &said) {
                tracing::warn!(event = event::PROBED, server, cause = %error);
            }
        }
        // What it said before stands: clients keep their era while the server restarts.
        Err(error) => tracing::warn!(event = event::PROBED, server, cause = %error),
    }
}

#[cfg(test)]
mod tests {
    use partywall_documents::{Change, Document, Kind};
    use partywall_domain::{Revision, TenantId};
    use partywall_tenancy::Draft;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn upstreams_are_those_of_the_configuration_after_any_change() {
        let put = |kind, name: &str, body: Value| {
            let tenant_id = (kind == Kind::Tenant).then(TenantId::random);
            Change::Put(Document::new(kind, name, tenant_id, body))
        };
        let tenant = |name: &str, port: u16| {
            let url = format!("http://127.0.0.1:{port}/mcp");
            put(Kind::Tenant, name, json!({ "plan": "p", "servers": { "files": { "placement": { "remote": url } } } }))
        };
        let steps = [
            (vec![put(Kind::Plan, "p", json!({})), put(Kind::Server, "files", json!({})), tenant("a", 1)], "1"),
            (vec![tenant("b", 2)], "1 2"),
            // It changes hands: the one has it before the other is gone.
            (vec![tenant("a", 2), tenant("b", 3)], "2 3"),
            (vec![put(Kind::Server, "files", json!({ "url": "http://127.0.0.1:9/mcp" }))], "2 3 9"),
            (vec![put(Kind::Server, "files", json!({})), Change::Delete(Kind::Tenant, "a".to_owned())], "3"),
        ];
        let (mut upstreams, mut stands) = (Upstreams::default(), Arc::new(Snapshot::empty()));
        for (revision, (changes, expected)) in (1..).zip(steps) {
            let changes: Vec<_> = changes.into_iter().map(|change| keep_id(&stands, change)).collect();
            stands = Arc::new(Draft::of(&changes).over(&stands, Revision(revision)).unwrap());
            upstreams.keep_up(Arc::clone(&stands));
            let mut ports: Vec<_> = upstreams
                .0
                .keys()
                .map(|url| url.trim_matches(|c: char| !c.is_ascii_digit()).rsplit(':').next().unwrap().to_owned())
                .collect();
            ports.sort();
            assert_eq!(ports.join(" "), expected);
        }
    }

    /// A tenant that stands keeps its id.
    fn keep_id(stands: &Snapshot, change: Change) -> Change {
        match change {
            Change::Put(document) => {
                let known = stands.tenant(&document.name).filter(|_| document.kind == Kind::Tenant);
                let tenant_id = known.map(|tenant| tenant.id()).or(document.tenant_id);
                Change::Put(Document { tenant_id, ..document })
            }
            gone @ Change::Delete(..) => gone,
        }
    }
}
