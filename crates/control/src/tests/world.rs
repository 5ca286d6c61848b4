//! A control plane to test with.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use partywall_domain::{Floor, Guarantee, Isolation, Revision, Said, ServerName, TenantId};
use partywall_identity::{IssuerSettings, Job, KeySet, KeySource, Operator, OperatorKey, SystemAuthority};
use partywall_ledger::Ledger;
use partywall_secrets::{SecretKey, SecretKeys};
use partywall_store::Store;
use partywall_tenancy::{Draft, Snapshot};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::wire::{Applied, File, Instance, InstanceLine, Tier};
use crate::{
    BoxFuture, Control, Fleet, NodeAck, NotApplied, Parts, ProbeFailure, ProbeTarget, Prober, Process, Tiers, Vitals,
    router,
};

/// The operator's token.
pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";

/// A catalog, a plan and an issuer that a tenant can stand on.
pub(super) const BASE: &str = r#"version = 1

[issuer.corporate]
url = "https://login.example.com"
tenant_claim = "org"
jwks = { keys = [{ kty = "EC", crv = "P-256", kid = "1", x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }] }

[server.notes]
url = "http://127.0.0.1:9001/mcp"
sharing = "assertion"

[server.files]

[plan.standard.limits]
calls_per_second = 5

[plan.standard.servers.notes]
placement = "shared"
tools = { allow = ["*"], deny = ["delete_*"] }
scopes = { "create_*" = ["notes:write"] }
"#;

/// A tenant on it.
pub(super) const ACME: &str = r#"version = 1

[tenant.acme]
plan = "standard"
identities = [{ issuer = "corporate", value = "acme" }]
limits = { calls_burst = 7 }
"#;

pub(super) struct World {
    dir: TempDir,
    pub(super) store: Store,
    pub(super) control: Control,
    pub(super) upstreams: Arc<Upstreams>,
    pub(super) vitals: Arc<Still>,
}

/// A process that uses what it always used, and drains once it is told to.
#[derive(Default)]
pub(super) struct Still {
    pub(super) draining: AtomicBool,
}

impl Vitals for Still {
    fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn log_lines_dropped(&self) -> u64 {
        3
    }

    fn spans_sent(&self) -> u64 {
        5
    }

    fn spans_dropped(&self) -> u64 {
        2
    }

    fn process(&self) -> Process {
        Process { cpu_seconds: 1.5, resident_bytes: 4096, fds_open: 9, fds_max: 1024, started_s: 1e9 }
    }
}

/// Upstreams: those listed fail as listed, any other says an empty word. What was asked is kept.
#[derive(Default)]
pub(super) struct Upstreams {
    pub(super) broken: Mutex<HashMap<String, ProbeFailure>>,
    pub(super) asked: Mutex<Vec<ProbeTarget>>,
    /// Done once, while an upstream is being asked: somebody else's change.
    pub(super) meanwhile: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl Prober for Upstreams {
    fn probe(&self, target: ProbeTarget) -> BoxFuture<'_, Result<Said, Vec<ProbeFailure>>> {
        if let Some(meanwhile) = &*self.meanwhile.lock().unwrap() {
            meanwhile();
        }
        let broken = self.broken.lock().unwrap().get(&*target.url).cloned();
        self.asked.lock().unwrap().push(target);
        Box::pin(async move { broken.map_or(Ok(said()), |why| Err(vec![why])) })
    }
}

pub(super) fn said() -> Said {
    Said { discover: Some("{}".into()), initialize: None }
}

/// One node that keeps up and one that never does.
struct Nodes {
    store: Store,
    snapshot: Arc<ArcSwap<Snapshot>>,
}

impl Fleet for Nodes {
    fn enforced(&self, revision: Revision, _patience: Duration) -> BoxFuture<'_, Vec<NodeAck>> {
        let mut draft = Draft::default();
        let stands = self.store.system(&authority(), Job::Follow).each(|document| draft.put(&document)).unwrap();
        self.snapshot.store(Arc::new(draft.compile(stands).unwrap()));
        let ack = |node: &str, revision| NodeAck { node: node.to_owned(), revision };
        Box::pin(async move { vec![ack("one", revision), ack("two", Revision(0))] })
    }
}

/// Nodes with the tier `process`, which bounds no memory; one instance runs.
struct OneTier;

impl Tiers for OneTier {
    fn lacking(&self, isolation: Isolation, floor: Option<&Floor>) -> Option<String> {
        let memory = floor.is_some_and(|floor| floor.guarantees.contains(&Guarantee::Memory));
        match isolation {
            Isolation::Process if memory => Some("tier `process` does not hold `memory` on this host".to_owned()),
            Isolation::Process => None,
            other => Some(format!("tier `{}` cannot be had here", other.as_str())),
        }
    }

    fn tiers(&self) -> Vec<Tier> {
        vec![Tier { isolation: "process".to_owned(), ..Tier::default() }]
    }

    fn list(&self) -> Vec<(Option<TenantId>, Instance)> {
        vec![(None, Instance { id: "i-1".to_owned(), server: "files".to_owned(), ..Instance::default() })]
    }

    fn stop(&self, id: &str) -> bool {
        id == "i-1"
    }

    fn said(&self, tenant: Option<TenantId>, _: &ServerName) -> Vec<InstanceLine> {
        let text = tenant.map_or("all", |_| "one").to_owned();
        vec![InstanceLine { text, ..InstanceLine::default() }]
    }
}

/// The issuers here give their keys.
struct NothingFetched;

impl KeySource for NothingFetched {
    fn known(&self, _: &IssuerSettings) -> Option<Arc<KeySet>> {
        None
    }

    fn problem(&self, _: &IssuerSettings) -> Option<String> {
        None
    }

    fn fetch<'a>(&'a self, _: &'a IssuerSettings, _: Option<&'a str>) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

pub(super) fn world() -> World {
    opened(TempDir::new().unwrap(), secret_keys(1))
}

/// The same house with other keys for its secrets.
pub(super) fn world_with(world: World, keys: SecretKeys) -> World {
    let World { dir, .. } = world;
    opened(dir, keys)
}

fn opened(dir: TempDir, keys: SecretKeys) -> World {
    let store = Store::open(dir.path().join("partywall.db")).unwrap();
    let upstreams = Arc::new(Upstreams::default());
    let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::empty()));
    let vitals = Arc::new(Still::default());
    let control = Control::new(Parts {
        store: store.clone(),
        authority: authority(),
        operator: OperatorKey::new("ann", TOKEN).unwrap(),
        listener: "127.0.0.1:7401".parse().unwrap(),
        secrets: Arc::new(keys),
        prober: Arc::clone(&upstreams) as Arc<dyn Prober>,
        fleet: Arc::new(Nodes { store: store.clone(), snapshot: Arc::clone(&snapshot) }),
        tiers: Arc::new(OneTier),
        keys: Arc::new(NothingFetched),
        ledger: Ledger::open(&dir.path().join("journal")).unwrap().0,
        vitals: Arc::clone(&vitals) as _,
        metrics_tenants_max: 2,
        public_url: "http://127.0.0.1:7400".to_owned(),
        snapshot,
        development: true,
    });
    World { dir, store, control, upstreams, vitals }
}

/// The keys of this epoch and of those before it.
pub(super) fn secret_keys(epoch: u32) -> SecretKeys {
    let key = |epoch: u32| SecretKey::new(epoch, &[u8::try_from(epoch).unwrap(); 32]).unwrap();
    SecretKeys::new(key(epoch), (1..epoch).map(key).collect())
}

pub(super) fn operator(name: &str) -> Operator {
    OperatorKey::new(name, TOKEN).unwrap().verify(TOKEN).unwrap()
}

fn authority() -> Arc<SystemAuthority> {
    static AUTHORITY: OnceLock<Arc<SystemAuthority>> = OnceLock::new();
    Arc::clone(AUTHORITY.get_or_init(|| Arc::new(SystemAuthority::take().unwrap())))
}

impl World {
    /// Applies, with or without writing.
    pub(super) async fn apply(&self, files: &[(&str, &str)], dry_run: bool) -> Result<Applied, NotApplied> {
        let file = |(name, text): &(&str, &str)| File { name: (*name).to_owned(), text: (*text).to_owned() };
        let files: Vec<_> = files.iter().map(file).collect();
        self.control.apply_as(&operator("ann"), &files, dry_run, Some("why not")).await
    }

    /// Applies what must go well, and tells what changed.
    pub(super) async fn applied(&self, files: &[(&str, &str)]) -> String {
        told(&self.apply(files, false).await.unwrap())
    }

    /// Applies what must not go well, and tells why.
    pub(super) async fn mistakes(&self, files: &[(&str, &str)]) -> String {
        let before = self.revision();
        let Err(NotApplied::Mistakes(mistakes)) = self.apply(files, false).await else { panic!("no mistakes") };
        assert_eq!(self.revision(), before, "mistakes change nothing");
        let place = |place: &Option<String>| place.clone().unwrap_or_else(|| "-".to_owned());
        let line = |mistake: &crate::wire::Mistake| {
            format!("{}: {}: {}\n", place(&mistake.place), mistake.path, mistake.message)
        };
        mistakes.iter().map(line).collect()
    }

    pub(super) fn revision(&self) -> Revision {
        self.store.platform(&operator("ann")).revision().unwrap()
    }

    pub(super) fn said(&self, url: &str) -> Option<Said> {
        self.store.system(&authority(), Job::Probe).said(url).unwrap()
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Response {
        router(self.control.clone()).oneshot(request).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.send(request("GET", path).body(Body::empty()).unwrap()).await;
        (response.status(), json(response).await)
    }
}

/// A request as an operator sends it.
pub(super) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    let builder = Request::builder().method(method).uri(path);
    builder.header("host", "127.0.0.1:7401").header("authorization", format!("Bearer {TOKEN}"))
}

pub(super) async fn json(response: Response) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
}

pub(super) fn told(applied: &Applied) -> String {
    let changes = applied.changes.iter().map(|c| format!("{}.{} {}\n", c.kind, c.name, c.change.as_str()));
    format!("revision {}\n{}", applied.revision, changes.collect::<String>())
}
