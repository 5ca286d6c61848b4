//! Keys are fetched from servers on this machine, which are what a document's `private_networks` are for.

mod corpus;
mod decisions;
mod discovery;
mod flood;
mod rotation;
mod server;
mod tls;
mod walls;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use partywall_domain::{Profile, Shape};
use partywall_identity::{IssuerSettings, KeyOrigin, KeySource as _};

use super::HttpKeySource;
use super::connect::{Connector, Resolve, System};

/// A source whose clock stands until it is told to go on.
struct Scene {
    source: HttpKeySource,
    clock: Arc<Mutex<Instant>>,
}

impl Scene {
    fn new() -> Self {
        Self::with(Connector::new(Vec::new(), Box::new(System)))
    }

    fn with(connector: Connector) -> Self {
        let clock = Arc::new(Mutex::new(Instant::now()));
        let read = Arc::clone(&clock);
        let source = HttpKeySource::with(connector, Box::new(move || *read.lock().expect("no test panics within")));
        Self { source, clock }
    }

    fn pass(&self, time: Duration) {
        *self.clock.lock().expect("no test panics within") += time;
    }

    /// What a call does that has a token with this `kid`: whether the key is there in the end.
    async fn needs(&self, issuer: &IssuerSettings, kid: &str) -> bool {
        let has = || self.source.known(issuer).is_some_and(|keys| keys.has(kid));
        if !has() {
            self.source.fetch(issuer, Some(kid)).await;
        }
        has()
    }

    /// Why `issuer` has no keys.
    async fn refused(&self, issuer: &IssuerSettings) -> String {
        self.source.fetch(issuer, None).await;
        assert!(self.source.known(issuer).is_none(), "`{}` has keys", issuer.name);
        self.source.problem(issuer).expect("no keys, so there is a reason")
    }
}

/// An issuer whose keys are on this machine; `jwks_url` where its document has one.
fn issuer(url: &str, jwks_url: Option<&str>) -> IssuerSettings {
    elsewhere(url, jwks_url, &["127.0.0.0/8"])
}

fn elsewhere(url: &str, jwks_url: Option<&str>, networks: &[&str]) -> IssuerSettings {
    IssuerSettings {
        name: "corporate".parse().expect("a name"),
        url: url.to_owned(),
        shape: Shape::of(Profile::Rfc9068),
        tenant_claim: None,
        audiences: Vec::new(),
        clients: Vec::new(),
        algorithms: Vec::new(),
        keys: KeyOrigin::Fetched {
            url: jwks_url.map(str::to_owned),
            private_networks: networks.iter().map(ToString::to_string).collect(),
        },
        listed: false,
        development: false,
    }
}

/// The text of a set with these key ids.
fn set(kids: &[&str]) -> String {
    let key = |kid: &&str| {
        let algorithm = partywall_testkit::token::Algorithm::Es256;
        partywall_testkit::token::Issuer::with("https://a.example", kid, algorithm).jwk()
    };
    serde_json::json!({ "keys": kids.iter().map(key).collect::<Vec<_>>() }).to_string()
}

/// A resolver that says one thing after the other, and the last one from then on.
struct Says(Mutex<Vec<IpAddr>>);

impl Says {
    fn these(ips: &[&str]) -> Box<dyn Resolve> {
        Box::new(Self(Mutex::new(ips.iter().rev().map(|ip| ip.parse().expect(ip)).collect())))
    }
}

impl Resolve for Says {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> super::connect::Resolved<'a> {
        Box::pin(async move {
            let mut left = self.0.lock().expect("no test panics within");
            let now = if left.len() > 1 { left.pop() } else { left.last().copied() };
            Ok(now.map(|ip| SocketAddr::new(ip, port)).into_iter().collect())
        })
    }
}
