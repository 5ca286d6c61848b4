//! One fetch: from an issuer's document to its keys, within a deadline and within bounds.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use partywall_identity::{IssuerSettings, KeyOrigin, KeySet};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::connect::Connector;
use super::discovery;
use super::memory::Digest;
use super::place::{Place, shown};

/// How long a whole fetch may take, metadata included. Default 2 s: somebody's call waits for it.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);
/// Largest metadata or key set. Default 256 KiB: thirty-two RSA keys with their certificates are a fifth of it.
pub(super) const BODY_BYTES_MAX: usize = 256 * 1024;
/// Largest head of an answer. Default 32 KiB: proxies before issuers like to set cookies.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Fetches at a time, over all issuers. Default 64: after a start many issuers are needed at once, and each holds a
/// connection and at most [`BODY_BYTES_MAX`].
const FETCHES_MAX: usize = 64;

const USER_AGENT: &str = concat!("partywall/", env!("CARGO_PKG_VERSION"));

/// Where an issuer's keys are, as its document says. Keys are kept for exactly this: whoever changes any of it starts
/// with none.
pub(super) struct Origin {
    issuer: String,
    keys: KeyOrigin,
    url: Option<String>,
    networks: Vec<IpNet>,
}

impl Origin {
    /// `None` for an issuer whose keys are given.
    pub(super) fn of(issuer: &IssuerSettings) -> Option<Self> {
        let KeyOrigin::Fetched { url, private_networks } = &issuer.keys else { return None };
        // Documents are checked when they are written; what is no network all the same opens nothing.
        let networks = private_networks.iter().filter_map(|text| text.parse().ok()).collect();
        Some(Self { issuer: issuer.url.clone(), keys: issuer.keys.clone(), url: url.clone(), networks })
    }

    /// Whether this is what the issuer's document says.
    pub(super) fn is_of(&self, issuer: &IssuerSettings) -> bool {
        self.issuer == issuer.url && self.keys == issuer.keys
    }
}

/// What came of a fetch.
pub(super) enum Outcome {
    /// Keys, and where the issuer's metadata says that they are, if that was asked.
    Keys { keys: KeySet, digest: Digest, discovered: Option<String> },
    /// The issuer says that it has none.
    Withdrawn(String),
    /// Nothing; why.
    Failed(String),
}

pub(super) struct Fetcher {
    connector: Connector,
    places: Semaphore,
}

impl Fetcher {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, places: Semaphore::new(FETCHES_MAX) }
    }

    /// Asks for the issuer's keys; `discovered` is where its metadata said they are, if it was asked lately.
    pub(super) async fn fetch(&self, origin: &Origin, discovered: Option<String>) -> Outcome {
        match tokio::time::timeout(DEADLINE, self.ask(origin, discovered)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(why)) => Outcome::Failed(why),
            Err(_) => Outcome::Failed(format!("the keys did not come within {} s", DEADLINE.as_secs())),
        }
    }

    async fn ask(&self, origin: &Origin, discovered: Option<String>) -> Result<Outcome, String> {
        let _place = self.places.acquire().await.map_err(|error| error.to_string())?;
        let (url, discovered) = match (&origin.url, discovered) {
            (Some(url), _) => (url.clone(), None),
            (None, Some(known)) => (known.clone(), Some(known)),
            (None, None) => {
                let found = self.discover(origin).await?;
                (found.clone(), Some(found))
            }
        };
        let told = |why: String| format!("`{}`: {why}", shown(&url));
        let body = self.get(&url, &origin.networks).await.map_err(told)?;
        match KeySet::published(&body) {
            Ok(keys) => Ok(Outcome::Keys { keys, digest: sha256(&body), discovered }),
            Err(why) if is_empty_set(&body) => Ok(Outcome::Withdrawn(told(why))),
            // What is wrong with a set may quote it.
            Err(why) => Err(told(shown(&why))),
        }
    }

    /// Asks each place of the issuer's metadata in turn; one that answers something else is passed over, as many
    /// servers answer a page to whatever is asked.
    async fn discover(&self, origin: &Origin) -> Result<String, String> {
        let mut told = Vec::new();
        for place in discovery::places(&origin.issuer)? {
            let metadata = self.get(&place, &origin.networks).await;
            match metadata.and_then(|metadata| discovery::jwks_uri(&metadata, &origin.issuer)) {
                Ok(url) => return Ok(url),
                Err(why) => told.push(format!("`{}`: {why}", shown(&place))),
            }
        }
        Err(format!("no metadata says where the keys are; give `jwks_url`, or mend: {}", told.join("; ")))
    }

    pub(super) async fn get(&self, url: &str, networks: &[IpNet]) -> Result<Bytes, String> {
        let place = Place::new(url)?;
        let stream = self.connector.connect(&place, networks).await?;
        let broken = |error: hyper::Error| format!("the connection broke: {error}");
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Whatever ends this fetch ends its connection.
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = Request::get(&place.path)
            .header(header::HOST, place.authority.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| format!("cannot be asked for: {error}"))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        check(&response)?;
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() { too_large() } else { format!("broke off: {error}") }
        })
    }
}

/// Whether an answer's head is that of something to read.
fn check(response: &Response<Incoming>) -> Result<(), String> {
    let status = response.status();
    if status.is_redirection() {
        let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).map(shown);
        let to = to.map(|to| format!(" to `{to}`")).unwrap_or_default();
        return Err(format!(
            "answered {} and sent us on{to}; redirects are not followed, write the place itself as `jwks_url`",
            status.as_u16()
        ));
    }
    if status != StatusCode::OK {
        return Err(format!("answered {}", status.as_u16()));
    }
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY_BYTES_MAX as u64) { Err(too_large()) } else { Ok(()) }
}

fn too_large() -> String {
    format!("is larger than {BODY_BYTES_MAX} bytes")
}

/// Whether an issuer says that it has no keys: an answer, where garbage is none.
fn is_empty_set(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Set {
        keys: [(); 0],
    }
    serde_json::from_slice(bytes).is_ok_and(|Set { keys: [] }| true)
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut digest_of = Digest::default();
    digest_of.copy_from_slice(digest(&SHA256, bytes).as_ref());
    digest_of
}
