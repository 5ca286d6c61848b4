//! Instances of servers, as calls use them: what is built on an instance's streams once it has been started.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use partywall_domain::{Asks, Auth, InstancePer, ServerName};
use partywall_supervisor::Socket;
use partywall_supervisor::driver::{BoxFuture, Driver, Io};
use partywall_supervisor::supervisor::{self, Connect, InstanceInfo, Lease, Supervisor, Watch};
use partywall_tenancy::Snapshot;

use crate::assertion::Signer;
use crate::cold::Answers;
use crate::pool::{Pools, Url, url_of};
use crate::probe::Probe;
use crate::said::Known;
use crate::stdio::{Connection, Options, Owner, Questions, Settings};
use crate::unheard;

/// Between two looks whether a server listens yet. Default 5 ms: little beside the start of a program.
const LISTENS_YET: Duration = Duration::from_millis(5);

/// The instances of this node.
pub type Instances = Supervisor<Speaks>;
/// A call's hold on an instance.
pub(crate) type Held = Lease<Spoken>;

/// What starts instances on this node.
pub struct Tier {
    /// The tier.
    pub driver: Arc<dyn Driver>,
    /// Who is told what becomes of instances.
    pub watch: Arc<dyn Watch>,
    /// What holds for all of them.
    pub settings: supervisor::Settings,
}

/// Speaks MCP with an instance until it answers.
pub struct Speaks {
    snapshot: Arc<ArcSwap<Snapshot>>,
    answers: Arc<Answers>,
    pools: Pools,
    signer: Arc<Signer>,
}

/// What calls use of an instance. It is a handle: cheap to clone, and the same instance.
#[derive(Clone)]
pub enum Spoken {
    /// A server on stdio.
    Stdio(Connection<Owner>),
    /// A server that listens.
    Http(Listening),
}

/// A server that speaks HTTP over its socket.
#[derive(Clone)]
pub struct Listening {
    pub(crate) url: Url,
    pub(crate) known: Arc<Known>,
}

impl Spoken {
    /// The channel of a server on stdio.
    pub(crate) fn stdio(&self) -> Option<&Connection<Owner>> {
        if let Self::Stdio(connection) = self { Some(connection) } else { None }
    }
}

impl Speaks {
    pub(crate) fn new(
        snapshot: Arc<ArcSwap<Snapshot>>,
        answers: Arc<Answers>,
        pools: Pools,
        signer: Arc<Signer>,
    ) -> Self {
        Self { snapshot, answers, pools, signer }
    }

    /// How the server's document says that an instance is spoken to.
    fn settings(&self, instance: &InstanceInfo) -> Settings {
        let snapshot = self.snapshot.load();
        let Some(server) = snapshot.server(instance.key.server()) else { return Settings::default() };
        let command = server.command.as_ref();
        let asks = command.map_or_else(Asks::default, |command| command.asks);
        let sole = command.is_some_and(|command| command.instance_per == InstancePer::Session);
        Settings {
            options: Options { questions: questions(asks), era: None, sole },
            line_bytes_max: usize::try_from(server.limits.filtered_bytes_max).unwrap_or(usize::MAX),
            is_everybodys: command.is_some_and(|command| command.instance_per == InstancePer::All),
        }
    }
}

fn questions(asks: Asks) -> Questions {
    Questions { sampling: asks.sampling, elicitation: asks.elicitation, roots: asks.roots }
}

impl Connect for Speaks {
    type Connection = Spoken;

    fn connect(&self, instance: &InstanceInfo, io: Io) -> BoxFuture<'static, Result<Spoken, String>> {
        match io {
            Io::Stdio { input, output } => {
                let (settings, changes) = (self.settings(instance), self.answers.changes(&instance.key));
                let instance = instance.clone();
                Box::pin(async move {
                    let connection = Connection::open(input, output, settings, changes);
                    tokio::spawn(unheard::tell(instance, connection.unheard()));
                    connection.ready().await.map(|_| Spoken::Stdio(connection))
                })
            }
            Io::Unix(socket) => {
                let snapshot = self.snapshot.load();
                let auth = snapshot.server(instance.key.server()).map(|server| server.auth.clone()).unwrap_or_default();
                let server = instance.key.server().clone();
                let (pools, signer) = (self.pools.clone(), Arc::clone(&self.signer));
                Box::pin(async move { listening(&pools, &signer, &server, &auth, &socket).await.map(Spoken::Http) })
            }
        }
    }
}

/// Waits until the server listens on its socket, and asks what it speaks.
async fn listening(
    pools: &Pools,
    signer: &Signer,
    server: &ServerName,
    auth: &Auth,
    socket: &Socket,
) -> Result<Listening, String> {
    while let Err(error) = socket.connect().await {
        if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) {
            return Err(error.to_string());
        }
        // The supervisor ends this, when the time for a start is over or the server has ended.
        tokio::time::sleep(LISTENS_YET).await;
    }
    let url = url_of(socket);
    let probe = Probe { server, url: &url, sharing: None, auth };
    let said = probe.said(pools, signer).await?;
    Ok(Listening { url, known: Arc::new(Known::of(&said)) })
}
