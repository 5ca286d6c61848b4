//! Asking upstreams before anybody is sent there: which need asking, and what their answers mean for the documents.
//!
//! It opens no connection: [`Prober`] does, with the data plane's own client, so that what is proven holds for the
//! calls that follow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use partywall_documents::Server;
use partywall_domain::{Auth, Placement, Said, ServerName, Sharing};
use partywall_tenancy::{Snapshot, TenantConfig};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::BoxFuture;

/// Upstreams asked at the same time. Default 8: an apply that brings a hundred waits for a dozen, and no host is
/// stormed.
const ASKED_AT_ONCE_MAX: usize = 8;
/// How long one upstream may take for all questions. Default 30 s: a cold one starts, and an operator still waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks an upstream on behalf of the gateway.
pub trait Prober: Send + Sync {
    /// What the upstream says of itself. With [`Sharing::Assertion`] it must also prove that it verifies: refuse a
    /// call without an assertion and one with a forged assertion, and serve one with a genuine assertion.
    fn probe(&self, target: ProbeTarget) -> BoxFuture<'_, Result<Said, Vec<ProbeFailure>>>;
}

/// An upstream to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeTarget {
    /// The server it is, or is an instance of.
    pub server: ServerName,
    /// Where it is.
    pub url: Arc<str>,
    /// Why it may be shared; none: it need not be.
    pub sharing: Option<Sharing>,
    /// What it asks for of a tenant. The gateway's own questions have none of it.
    pub auth: Auth,
}

/// What is wrong with an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeFailure {
    /// It is not there, or is no MCP server.
    Url(String),
    /// It does not prove what `sharing` says.
    Sharing(String),
}

/// The upstreams of a configuration, each with where the documents name it.
pub(crate) type Targets = BTreeMap<Key, (ProbeTarget, Paths)>;
/// What upstreams answered.
pub(crate) type Answers = BTreeMap<Key, Result<Said, Vec<ProbeFailure>>>;
/// What makes a target another target: its URL, its server, what it must prove, and whether the assertion has another
/// header than `Authorization` there.
pub(crate) type Key = (Arc<str>, ServerName, Option<&'static str>, bool);

/// Where a failure is reported.
pub(crate) struct Paths {
    pub(crate) url: String,
    pub(crate) sharing: String,
}

/// The upstreams that `after` names and `before` does not. One that was asked before is not asked again: an operator
/// who suspends a tenant must not be held up by its instance that is down.
pub(crate) fn new_targets(before: Option<&Snapshot>, after: &Snapshot) -> Targets {
    let Some(before) = before else { return targets(after.servers(), after.tenants()) };
    // A tenant that stayed names what it named, so only the others are looked at.
    let mut targets = targets(after.servers(), after.tenants_not_in(before).map(AsRef::as_ref));
    for key in self::targets(before.servers(), before.tenants_not_in(after).map(AsRef::as_ref)).keys() {
        targets.remove(key);
    }
    targets
}

/// Asks all, some at a time. One that gives no answer at all is not in the answers.
pub(crate) async fn ask(prober: &Arc<dyn Prober>, targets: Vec<ProbeTarget>) -> Answers {
    let mut waiting = targets.into_iter();
    let mut asked = JoinSet::new();
    let mut answers = Answers::new();
    loop {
        for target in waiting.by_ref().take(ASKED_AT_ONCE_MAX - asked.len()) {
            let prober = Arc::clone(prober);
            asked.spawn(async move { (key(&target), timeout(PATIENCE, prober.probe(target)).await) });
        }
        match asked.join_next().await {
            Some(Ok((key, Ok(answer)))) => drop(answers.insert(key, answer)),
            Some(_) => {}
            None => return answers,
        }
    }
}

/// The failures with their paths; none if the upstream may be used.
pub(crate) fn failures(answers: &Answers, key: &Key, paths: &Paths) -> Vec<partywall_documents::Mistake> {
    let failures = match answers.get(key) {
        Some(Ok(_)) => Vec::new(),
        Some(Err(failures)) => failures.clone(),
        None => {
            let seconds = PATIENCE.as_secs();
            vec![ProbeFailure::Url(format!("`{}` did not answer within {seconds} s; is it running?", key.0))]
        }
    };
    let placed = |failure| {
        let (path, message) = match failure {
            ProbeFailure::Url(message) => (paths.url.clone(), message),
            ProbeFailure::Sharing(message) => (paths.sharing.clone(), message),
        };
        partywall_documents::Mistake { path, message }
    };
    failures.into_iter().map(placed).collect()
}

fn targets<'a>(
    servers: impl Iterator<Item = &'a Arc<Server>>,
    tenants: impl Iterator<Item = &'a TenantConfig>,
) -> Targets {
    let mut targets = Targets::new();
    for server in servers {
        if let Some(url) = &server.url {
            let target = ProbeTarget {
                server: server.name.clone(),
                url: Arc::clone(url),
                sharing: server.sharing,
                auth: server.auth.clone(),
            };
            let path = |field: &str| format!("server.{}.{field}", server.name);
            targets.insert(key(&target), (target, Paths { url: path("url"), sharing: path("sharing") }));
        }
    }
    for tenant in tenants {
        for grant in tenant.servers() {
            if let Placement::Remote(url) = grant.placement() {
                let server = grant.server();
                let path = format!("tenant.{}.servers.{}.placement", tenant.name(), server.name);
                let target = ProbeTarget {
                    server: server.name.clone(),
                    url: Arc::clone(url),
                    sharing: None,
                    auth: server.auth.clone(),
                };
                targets.insert(key(&target), (target, Paths { url: path.clone(), sharing: path }));
            }
        }
    }
    targets
}

fn key(target: &ProbeTarget) -> Key {
    (
        Arc::clone(&target.url),
        target.server.clone(),
        target.sharing.map(Sharing::as_str),
        target.auth.takes_authorization(),
    )
}
