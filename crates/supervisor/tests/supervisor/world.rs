//! Tenants, a supervisor over the process tier, and a connection that is one line there and one line back.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use partywall_documents::{Document, Kind};
use partywall_domain::{Revision, TenantId};
use partywall_identity::{Resource, verify};
use partywall_supervisor::Line;
use partywall_supervisor::driver::{BoxFuture, End, Io};
use partywall_supervisor::launch::{Launch, Life, Root};
use partywall_supervisor::process::{ProcessDriver, ProcessSettings};
use partywall_supervisor::supervisor::{
    Connect, InstanceInfo, InstanceRecord, Lease, Settings, StartError, Supervisor, Watch,
};
use partywall_tenancy::{InstanceKey, Scope, Snapshot, compile};
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex as AsyncMutex;

/// For what takes milliseconds on a quiet machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const RESOURCE: &str = "https://mcp.example.com/mcp/notes";

pub(crate) struct World {
    pub(crate) supervisor: Supervisor<Lines>,
    pub(crate) seen: Arc<Seen>,
    snapshot: Snapshot,
    issuer: Issuer,
    _directory: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new(settings: Settings) -> Self {
        let directory =
            tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir_in("/tmp").unwrap();
        let keeper = directory.path().join("keeper");
        std::fs::copy(env!("CARGO_BIN_EXE_partywall-keeper"), &keeper).unwrap();
        let tier = ProcessSettings { state: directory.path().join("state"), keeper: (keeper, Vec::new()) };
        let driver = ProcessDriver::start(tier).await.unwrap();
        let seen = Arc::new(Seen::default());
        let watch: Arc<dyn Watch> = Arc::<Seen>::clone(&seen);
        let supervisor = Supervisor::new(Arc::new(driver), Lines, watch, settings);
        let issuer = Issuer::new("https://login.example.com");
        let snapshot = compile(Revision(1), &documents(&issuer)).unwrap();
        Self { supervisor, seen, snapshot, issuer, _directory: directory }
    }

    /// The key of a tenant's instance.
    pub(crate) fn key(&self, tenant: usize) -> InstanceKey {
        let claims = self.issuer.claims(RESOURCE).tenant(&format!("t{tenant}"));
        let (token, resource) = (self.issuer.token(claims), Resource::new(RESOURCE, None));
        let principal =
            verify(|url| self.snapshot.issuer(url), |_| None, &token, &resource, SystemTime::now()).unwrap();
        let context = self.snapshot.enter(principal).unwrap();
        context.instance(&"notes".parse().unwrap(), Scope::Tenant).unwrap()
    }

    /// Waits until the list of instances is as it should be.
    pub(crate) async fn until(&self, what: &str, fits: impl Fn(&[InstanceRecord]) -> bool) -> Vec<InstanceRecord> {
        let wait = async {
            loop {
                let list = self.supervisor.list();
                if fits(&list) {
                    return list;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("not {what}: {:?}", self.supervisor.list()))
    }
}

/// The instance of a key, which is to run this.
pub(crate) async fn lease_of(
    supervisor: &Supervisor<Lines>,
    key: &InstanceKey,
    launch: &Launch,
) -> Result<Lease<Spoken>, StartError> {
    supervisor.lease(key, launch.revision, || Ok(launch.clone())).await
}

fn documents(issuer: &Issuer) -> Vec<Document> {
    let document = |kind: &str, name: &str, tenant_id: Option<TenantId>, body: Value| {
        Document::new(Kind::of(kind).unwrap(), name, tenant_id, body)
    };
    let mut all = vec![
        document(
            "issuer",
            "corporate",
            None,
            json!({ "url": issuer.url(), "tenant_claim": "tenant", "jwks": issuer.jwks() }),
        ),
        document("server", "notes", None, json!({ "url": "http://127.0.0.1:9000/mcp", "sharing": "assertion" })),
        document("plan", "standard", None, json!({ "servers": { "notes": { "placement": "shared" } } })),
    ];
    all.extend((0..20).map(|number| {
        let name = format!("t{number}");
        let body = json!({ "plan": "standard", "identities": [{ "issuer": "corporate", "value": name }] });
        document("tenant", &name, Some(TenantId::random()), body)
    }));
    all
}

/// Speaks in lines.
pub(crate) struct Lines;

type Streams = (Box<dyn AsyncWrite + Send + Unpin>, BufReader<Box<dyn AsyncRead + Send + Unpin>>);

/// What calls use: a line there, a line back.
#[derive(Clone)]
pub(crate) struct Spoken(Arc<AsyncMutex<Streams>>);

impl Spoken {
    pub(crate) async fn say(&self, line: &str) -> Result<String, String> {
        let mut streams = self.0.lock().await;
        let sent = streams.0.write_all(format!("{line}\n").as_bytes()).await;
        sent.map_err(|error| error.to_string())?;
        let mut answer = String::new();
        let read = tokio::time::timeout(PATIENCE, streams.1.read_line(&mut answer)).await;
        match read.expect("no answer") {
            Ok(0) => Err("it is gone".to_owned()),
            Ok(_) => Ok(answer.trim_end().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Connect for Lines {
    type Connection = Spoken;

    fn connect(&self, _: &InstanceInfo, io: Io) -> BoxFuture<'static, Result<Spoken, String>> {
        let Io::Stdio { input, output } = io else { panic!("a socket where streams were asked for") };
        Box::pin(async move {
            let spoken = Spoken(Arc::new(AsyncMutex::new((input, BufReader::new(output)))));
            spoken.say("ping").await?;
            Ok(spoken)
        })
    }
}

/// What the supervisor told of its instances.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) ready: Mutex<Vec<Duration>>,
    pub(crate) ends: Mutex<Vec<End>>,
}

impl Watch for Seen {
    fn said(&self, _: &InstanceInfo, line: Line) {
        self.lines.lock().unwrap().push(line.text);
    }

    fn ready(&self, _: &InstanceInfo, took: Duration) {
        self.ready.lock().unwrap().push(took);
    }

    fn ended(&self, _: &InstanceInfo, end: &End, _: Duration) {
        self.ends.lock().unwrap().push(end.clone());
    }
}

/// A server that answers each line with its own name and the line.
pub(crate) fn echo(name: &str) -> Launch {
    shell(&format!("while read line; do echo {name} $line; done"))
}

pub(crate) fn shell(script: &str) -> Launch {
    let existing = ["/usr", "/bin", "/lib", "/lib64"].into_iter().filter(|path| Path::new(path).exists());
    let mut launch = Launch::new("/bin/sh", existing.map(Root::same).collect());
    launch.arguments = vec!["-c".to_owned(), script.to_owned()];
    launch.life = Life { stop_grace: Duration::from_millis(500), ..Life::default() };
    launch
}
