//! Instances of servers, as calls use them: what is built on an instance's streams once it has been started.

use std::sync::Arc;

use arc_swap::ArcSwap;
use partywall_domain::{Asks, InstancePer};
use partywall_supervisor::driver::{BoxFuture, Driver, Io};
use partywall_supervisor::supervisor::{self, Connect, InstanceInfo, Lease, Supervisor, Watch};
use partywall_tenancy::Snapshot;

use crate::cold::Answers;
use crate::stdio::{Connection, Options, Owner, Questions, Settings};

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
}

/// What calls use of an instance. It is a handle: cheap to clone, and the same instance.
pub type Spoken = Connection<Owner>;

impl Speaks {
    pub(crate) fn new(snapshot: Arc<ArcSwap<Snapshot>>, answers: Arc<Answers>) -> Self {
        Self { snapshot, answers }
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
        }
    }
}

fn questions(asks: Asks) -> Questions {
    Questions { sampling: asks.sampling, elicitation: asks.elicitation, roots: asks.roots }
}

impl Connect for Speaks {
    type Connection = Spoken;

    fn connect(&self, instance: &InstanceInfo, io: Io) -> BoxFuture<'static, Result<Spoken, String>> {
        let (settings, changes) = (self.settings(instance), self.answers.changes(&instance.key));
        Box::pin(async move {
            match io {
                Io::Stdio { input, output } => {
                    let connection = Connection::open(input, output, settings, changes);
                    connection.ready().await.map(|_| connection)
                }
                Io::Unix(_) => Err("HTTP over a private socket is not served".to_owned()),
            }
        })
    }
}
