//! Wiring: the parts of one process, put together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use ipnet::IpNet;
use partywall_control::{BoxFuture, Control, Parts};
use partywall_domain::event;
use partywall_gateway::{AddressLimits, Gateway, PublicUrl, SaidBook, Signer};
use partywall_identity::{Issuer, Job, Operator, OperatorKey, SystemAuthority};
use partywall_ledger::Ledger;
use partywall_node::Follower;
use partywall_secrets::SecretKeys;
use partywall_store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::data::{Data, Running};
use crate::key_source::HttpKeySource;
use crate::keys::{self, KeyRing};
use crate::ports::{GatewayProber, ThisNode};
use crate::vitals::ThisProcess;
use crate::{instances, log, refresh, tls, traces, warm};

/// The name under which the first operator's deeds are on record.
const BOOTSTRAP: &str = "bootstrap";

/// How long instances may take to end with the process, before they are ended by force. Default 5 s: their own grace.
const INSTANCES_TIMEOUT: Duration = Duration::from_secs(5);

/// What to put together.
pub(crate) struct Plan {
    pub(crate) data: Data,
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    /// The URL that clients use; none: the listener's own.
    pub(crate) public_url: Option<String>,
    /// By which other names the front listener may be called.
    pub(crate) names: Names,
    /// The scopes that every client is told to ask for.
    pub(crate) scopes: Vec<String>,
    /// What may come from one address.
    pub(crate) addresses: AddressLimits,
    /// What the front listener shows over TLS; none: it speaks plain HTTP.
    pub(crate) tls: Option<tls::Pair>,
    /// What connections to upstreams trust and show.
    pub(crate) upstreams: tls::Upstreams,
    /// Most tenants that `/metrics` names.
    pub(crate) metrics_tenants_max: usize,
    /// The epoch whose key seals tenants' secrets.
    pub(crate) secrets_epoch: u32,
    /// What the log could not take.
    pub(crate) log_losses: log::Losses,
    /// What holds for all instances.
    pub(crate) instances: partywall_supervisor::supervisor::Settings,
    /// Where spans of calls go; none: nowhere.
    pub(crate) otlp: Option<traces::Otlp>,
    /// Where a development issuer serves; none: no document may trust one.
    pub(crate) development: Option<SocketAddr>,
}

/// Names beside the public URL.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) hosts: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) proxies: Vec<IpNet>,
}

/// A process put together, not serving yet.
pub(crate) struct Assembly {
    pub(crate) store: Store,
    pub(crate) authority: Arc<SystemAuthority>,
    pub(crate) keys: KeyRing,
    pub(crate) control: Control,
    pub(crate) operator: Operator,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) running: Running,
    pub(crate) stop: CancellationToken,
    /// Cancelled when the last call has ended.
    drained: CancellationToken,
    traces: Option<BoxFuture<'static, ()>>,
    issuers_keys: Arc<HttpKeySource>,
    ledger: Ledger,
    /// For the development issuer, until somebody takes it.
    pub(crate) issuer: Option<TcpListener>,
    follower: Follower,
    front: TcpListener,
    tls: Option<partywall_gateway::Tls>,
    admin: TcpListener,
    _lock: std::fs::File,
}

impl Assembly {
    pub(crate) async fn new(plan: Plan) -> anyhow::Result<Self> {
        let lock = plan.data.lock()?;
        let Listeners { front, admin, issuer } = Listeners::bind(&plan).await?;
        let listening = front.local_addr()?;
        let public_url = public_url(&plan, listening)?;
        let (keys, secrets) = open_keys(&plan)?;
        let (store, ledger) = (open_store(&plan.data)?, open_books(&plan.data)?);
        let authority = Arc::new(SystemAuthority::take().context("the system authority is taken")?);
        let (operator_key, operator) = operator(&plan.data)?;
        let stop = CancellationToken::new();
        let follower = follow(&plan, &store, &authority, &stop).await?;
        let signer = signer(&public_url, &keys, &store, &authority)?;
        let running = running(&plan.data, &public_url, &admin, issuer.as_ref())?;
        let issuers_keys = Arc::new(HttpKeySource::new(vec![listening, admin.local_addr()?]));
        let instances = instances::Starting::new(&plan.data, plan.instances, &ledger, follower.snapshot()).await?;
        let gateway = Arc::new(Gateway::new(partywall_gateway::Parts {
            snapshot: follower.snapshot(),
            ledger: ledger.clone(),
            seal: keys.seal_keys()?,
            secrets: Arc::clone(&secrets),
            signer,
            said: remembered(&store, &authority)?,
            public_url,
            addresses: plan.addresses,
            keys: Arc::clone(&issuers_keys) as _,
            upstream_tls: tls::upstreams(&plan.upstreams)?,
            tier: Some(instances.tier()),
        }));
        let (drained, spans) = (CancellationToken::new(), Arc::<traces::Counts>::default());
        let traces = tell_spans(&plan, &ledger, &spans, &drained)?;
        let control = Control::new(Parts {
            store: store.clone(),
            authority: Arc::clone(&authority),
            operator: operator_key,
            listener: admin.local_addr()?,
            secrets,
            prober: Arc::new(GatewayProber { gateway: Arc::clone(&gateway), authority: Arc::clone(&authority) }),
            fleet: Arc::new(ThisNode(follower.enforcement())),
            tiers: Arc::new(instances.tiers(&gateway, &stop)),
            keys: Arc::clone(&issuers_keys) as _,
            ledger: ledger.clone(),
            vitals: Arc::new(ThisProcess::new(plan.log_losses, spans, stop.clone())),
            metrics_tenants_max: plan.metrics_tenants_max,
            public_url: running.public.clone(),
            snapshot: follower.snapshot(),
            development: plan.development.is_some(),
        });
        let tls = plan.tls.map(|pair| tls::listener(pair, stop.clone())).transpose()?;
        Ok(Self {
            store,
            authority,
            keys,
            control,
            operator,
            gateway,
            running,
            stop,
            drained,
            traces,
            issuers_keys,
            ledger,
            issuer,
            follower,
            front,
            tls,
            admin,
            _lock: lock,
        })
    }

    /// Serves until `stop` is cancelled; drains, then returns. `ready` runs once both listeners serve.
    pub(crate) async fn serve(self, ready: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        let tasks = TaskTracker::new();
        let gateway = Arc::clone(&self.gateway);
        let front =
            tasks.spawn(partywall_gateway::serve(Arc::clone(&self.gateway), self.front, self.tls, self.stop.clone()));
        let router = partywall_control::router(self.control);
        // The admin side answers until the last call has ended: that the node drains is asked there.
        let admin = axum::serve(self.admin, router).with_graceful_shutdown(self.drained.clone().cancelled_owned());
        if let Some(traces) = self.traces {
            tasks.spawn(traces);
        }
        tasks.spawn(
            async move { admin.await.map_err(|error| tracing::warn!(event = event::CONNECTION, cause = %error)) },
        );
        tasks.spawn(warm::run(Arc::clone(&self.gateway), Arc::clone(&self.authority), self.stop.clone()));
        tasks.spawn(refresh::run(Arc::clone(&self.gateway), self.store, self.authority, self.stop.clone()));
        let forget = refresh::forget(Arc::clone(&self.gateway), self.issuers_keys, self.ledger, self.stop.clone());
        tasks.spawn(forget);
        let done = ready.await;
        if done.is_ok() {
            tracing::info!(event = event::READY, public_url = self.running.public, admin = self.running.admin);
            self.stop.cancelled().await;
        }
        self.stop.cancel();
        tracing::info!(event = event::DRAINING);
        let cut = front.await.unwrap_or_default();
        // What has ended its calls ends now.
        if let Some(instances) = &gateway.instances {
            instances.shutdown(INSTANCES_TIMEOUT).await;
        }
        self.drained.cancel();
        tasks.close();
        // What is left of the admin side is an operator's open connection; it does not hold the process. The last spans
        // have their own time.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(3), tasks.wait()).await;
        drop(self.follower);
        tracing::info!(event = event::STOPPED, connections_cut = cut);
        done
    }
}

struct Listeners {
    front: TcpListener,
    admin: TcpListener,
    issuer: Option<TcpListener>,
}

impl Listeners {
    async fn bind(plan: &Plan) -> anyhow::Result<Self> {
        let front = bind(plan.listen, "--listen").await?;
        let admin = bind(plan.admin_listen, "--admin-listen").await?;
        let issuer = match plan.development {
            Some(address) => Some(bind(address, "--issuer-listen").await?),
            None => None,
        };
        Ok(Self { front, admin, issuer })
    }
}

fn public_url(plan: &Plan, listening: SocketAddr) -> anyhow::Result<PublicUrl> {
    let scheme = if plan.tls.is_some() { "https" } else { "http" };
    let url = plan.public_url.clone().unwrap_or_else(|| format!("{scheme}://{listening}"));
    let url = PublicUrl::new(&url, listening).map_err(|why| anyhow!("public_url: {why}"))?;
    let Names { hosts, origins, proxies } = &plan.names;
    Ok(url.allowing(hosts, origins.clone(), proxies.clone()).asking_for(&plan.scopes))
}

fn url_of(listener: &TcpListener) -> std::io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// Leaves word in the data folder of where this process is.
fn running(
    data: &Data,
    public: &PublicUrl,
    admin: &TcpListener,
    issuer: Option<&TcpListener>,
) -> anyhow::Result<Running> {
    let running = Running {
        admin: url_of(admin)?,
        public: public.as_str().to_owned(),
        issuer: issuer.map(url_of).transpose()?,
        pid: std::process::id(),
    };
    data.write_running(&running)?;
    Ok(running)
}

async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another partywall running? choose another address with `{flag}`, port 0 for any")
    })
}

fn open_store(data: &Data) -> anyhow::Result<Store> {
    let path = data.store();
    Store::open(&path).map_err(|error| {
        let path = path.display();
        anyhow!("the store `{path}` cannot be opened; restore it from a copy, or use another data folder: {error}")
    })
}

fn open_keys(plan: &Plan) -> anyhow::Result<(KeyRing, Arc<SecretKeys>)> {
    let (keys, made) = KeyRing::open(&plan.data)?;
    if made {
        let path = plan.data.path().display();
        eprintln!("made a master key, `{path}/master.key`: keep a copy, without it the store's keys are lost");
    }
    let secrets = keys.secret_keys(plan.secrets_epoch)?;
    Ok((keys, Arc::new(secrets)))
}

fn open_books(data: &Data) -> anyhow::Result<Ledger> {
    let (ledger, closed) = Ledger::open(&data.journal())?;
    if closed > 0 {
        tracing::warn!(event = event::RECOVERED, count = closed);
    }
    Ok(ledger)
}

/// Begins to tell spans, where somebody wants them; what sends them is to be run.
fn tell_spans(
    plan: &Plan,
    ledger: &Ledger,
    counts: &Arc<traces::Counts>,
    drained: &CancellationToken,
) -> anyhow::Result<Option<BoxFuture<'static, ()>>> {
    let Some(otlp) = &plan.otlp else { return Ok(None) };
    let (queue, sending) = traces::start(otlp, tls::upstreams(&plan.upstreams)?, counts, drained.clone())?;
    ledger.tell(Arc::new(queue));
    Ok(Some(Box::pin(sending)))
}

/// The operator's token of the first start: made once, readable by the owner of the data folder.
fn operator(data: &Data) -> anyhow::Result<(OperatorKey, Operator)> {
    let (token, _) = data.secret("operator.token", keys::random)?;
    let key = OperatorKey::new(BOOTSTRAP, &token).ok_or_else(|| {
        anyhow!("`operator.token` is too short to be safe; delete it and start again to have a new one made")
    })?;
    let operator = key.verify(&token)?;
    Ok((key, operator))
}

async fn follow(
    plan: &Plan,
    store: &Store,
    authority: &Arc<SystemAuthority>,
    stop: &CancellationToken,
) -> anyhow::Result<Follower> {
    let follower = Follower::start(store.clone(), Arc::clone(authority), stop).await?;
    refuse_development(plan, &follower)?;
    Ok(follower)
}

/// Whoever has the data folder of a development issuer can be anybody: no real tenant stands behind such a door.
fn refuse_development(plan: &Plan, follower: &Follower) -> anyhow::Result<()> {
    let snapshot = follower.snapshot().load_full();
    let foreign = |issuer: &&Issuer| issuer.settings().development && plan.development.is_none();
    match snapshot.issuers().find(foreign) {
        Some(issuer) => Err(anyhow!(
            "the store trusts the development issuer `{}`, whose tokens anybody with its data folder can make; use a data \
             folder of its own for `serve`, or run `partywall demo`",
            issuer.settings().name
        )),
        None => Ok(()),
    }
}

/// What signs assertions in the name of this gateway.
fn signer(url: &PublicUrl, keys: &KeyRing, store: &Store, authority: &SystemAuthority) -> anyhow::Result<Signer> {
    Signer::new(url.as_str(), &keys.signing_key(store, authority, keys::ASSERTIONS)?).map_err(|why| anyhow!(why))
}

fn remembered(store: &Store, authority: &SystemAuthority) -> anyhow::Result<SaidBook> {
    let book = SaidBook::default();
    for (url, said) in store.system(authority, Job::Prepare).all_said()? {
        book.learn(url, &said);
    }
    Ok(book)
}

/// Cancels `stop` at the first signal to end; at the second the process ends at once.
pub(crate) fn stop_on_signal(stop: CancellationToken) {
    tokio::spawn(async move {
        signal().await;
        stop.cancel();
        signal().await;
        std::process::exit(1);
    });
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
