//! Connections to upstreams, kept per tenant: what one tenant's exchange left on a connection, no other's meets.

mod connection;
mod metered;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use partywall_domain::TenantId;
use partywall_supervisor::Socket;
use rustls::ClientConfig;
use tower_service::Service;

pub(crate) use connection::{AnswerBody, Hold};
use connection::{Connection, Stream};

/// Idle connections kept in all. Default 10,000: as many as clients may have open to us; beyond it a connection closes
/// after its exchange.
const IDLE_TOTAL_MAX: usize = 10_000;
/// Idle connections kept per tenant and upstream. Default 16: as many as a tenant has calls in flight.
const IDLE_MAX: usize = 16;
/// How long an idle connection is kept. Default 20 s: below what servers commonly keep (30 s and more), so that we
/// close first and no request goes down a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How often connections that were idle for too long are looked for. Default 5 s.
const SWEPT_EVERY: Duration = Duration::from_secs(5);
/// How long a connection may take to stand. Default 2 s: upstreams are near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Parts of the pool, each with a lock of its own. Default 16: more than there are threads that want one at once.
const SHARDS: usize = 16;

/// How the URL of an instance's socket begins. No document can have one.
const SOCKET_SCHEME: &str = "unix:";
/// Where MCP is served over an instance's socket.
const INSTANCE_PATH: &str = "/mcp";

/// The body of a request to an upstream.
pub(crate) type Body = Full<Bytes>;
/// The URL of an upstream, as a document has it.
pub(crate) type Url = Arc<str>;
type Connector = HttpsConnector<HttpConnector>;

/// The connections of all tenants. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pools(Arc<Shared>);

struct Shared {
    connector: Connector,
    shards: [Mutex<HashMap<TenantId, Vec<Slot>>>; SHARDS],
    idle: AtomicUsize,
    swept: AtomicBool,
}

/// The URL by which the pool knows an instance's socket.
pub(crate) fn url_of(socket: &Socket) -> Url {
    format!("{SOCKET_SCHEME}{}", socket.path().display()).into()
}

/// One tenant's connections to one upstream. Bounded by the upstreams of the tenant's documents while it calls them, and
/// gone with its last connection.
struct Slot {
    place: Arc<Place>,
    /// The newest last.
    idle: Vec<Connection>,
}

/// Where an upstream is.
struct Place {
    url: Url,
    uri: Uri,
    /// The socket of an instance, where it is none of the network.
    socket: Option<Socket>,
    /// The request target (RFC 9112, section 3.2.1).
    path: Uri,
    host: HeaderValue,
}

/// Where a connection goes back to.
pub(super) struct Home {
    pool: Arc<Shared>,
    tenant: TenantId,
    place: Arc<Place>,
}

/// Why an upstream did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("the URL of the upstream cannot be used")]
    Url(#[source] http::Error),
    #[error("no connection")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the connection broke")]
    Exchange(#[source] hyper::Error),
}

impl Pools {
    /// Pools whose connections to `https` upstreams trust and show what `tls` says.
    pub(crate) fn new(tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        let shards = std::array::from_fn(|_| Mutex::default());
        Self(Arc::new(Shared { connector, shards, idle: AtomicUsize::new(0), swept: AtomicBool::new(false) }))
    }

    /// Sends a tenant's request to the upstream at `url` and waits for the head of its answer. A connection that was
    /// closed while it was idle is replaced; whatever was sent is never sent again.
    pub(crate) async fn request(
        &self,
        tenant: TenantId,
        url: &Url,
        mut request: Request<Body>,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        let place = self.0.place(tenant, url)?;
        *request.uri_mut() = place.path.clone();
        request.headers_mut().insert(header::HOST, place.host.clone());
        loop {
            let (mut connection, kept) = match self.0.take(tenant, &place.url).await {
                Some(kept) => (kept, true),
                None => (self.0.open(&place).await?, false),
            };
            match connection.send(request).await {
                Ok(answer) => {
                    let home = Home { pool: Arc::clone(&self.0), tenant, place };
                    return Ok(answer.map(|incoming| AnswerBody::new(incoming, connection, home)));
                }
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if kept => request = unsent,
                    _ => return Err(Unanswered::Exchange(failed.into_error())),
                },
            }
        }
    }
}

impl Shared {
    fn shard(&self, tenant: TenantId) -> MutexGuard<'_, HashMap<TenantId, Vec<Slot>>> {
        self.shards[usize::from(tenant.spread()) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, tenant: TenantId, url: &Url) -> Result<Arc<Place>, Unanswered> {
        let known = self
            .shard(tenant)
            .get(&tenant)
            .and_then(|slots| slots.iter().find(|slot| slot.place.url == *url).map(|slot| Arc::clone(&slot.place)));
        known.map_or_else(|| Place::of(url).map(Arc::new).map_err(Unanswered::Url), Ok)
    }

    /// An idle connection that is still good, the newest first.
    async fn take(&self, tenant: TenantId, url: &Url) -> Option<Connection> {
        loop {
            let mut connection = {
                let mut shard = self.shard(tenant);
                shard.get_mut(&tenant)?.iter_mut().find(|slot| slot.place.url == *url)?.idle.pop()?
            };
            self.idle.fetch_sub(1, Ordering::Relaxed);
            if !connection.idle_for(IDLE_TIMEOUT) && connection.is_usable().await {
                return Some(connection);
            }
        }
    }

    async fn open(&self, place: &Place) -> Result<Connection, Unanswered> {
        let stream: Box<dyn Stream> = if let Some(socket) = &place.socket {
            Box::new(socket.connect().await.map_err(|error| Unanswered::Connect(error.into()))?)
        } else {
            let stream = self.connector.clone().call(place.uri.clone()).await.map_err(Unanswered::Connect)?;
            Box::new(TokioIo::new(stream))
        };
        Connection::open(stream).await.map_err(Unanswered::Exchange)
    }

    /// Closes what was idle for too long.
    fn sweep(&self) {
        for shard in &self.shards {
            let mut closed = Vec::new();
            shard.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, slots| {
                for slot in slots.iter_mut() {
                    closed.extend(slot.idle.extract_if(.., |connection| connection.idle_for(IDLE_TIMEOUT)));
                }
                slots.retain(|slot| !slot.idle.is_empty());
                !slots.is_empty()
            });
            self.idle.fetch_sub(closed.len(), Ordering::Relaxed);
        }
    }
}

impl Home {
    /// Keeps a connection for the tenant's next request, if there is room.
    fn give(self, connection: Connection) {
        let Self { pool, tenant, place } = self;
        if pool.idle.fetch_add(1, Ordering::Relaxed) >= IDLE_TOTAL_MAX {
            pool.idle.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let mut shard = pool.shard(tenant);
        let slots = shard.entry(tenant).or_default();
        let at = slots.iter().position(|slot| slot.place.url == place.url).unwrap_or_else(|| {
            slots.push(Slot { place, idle: Vec::new() });
            slots.len() - 1
        });
        let idle = &mut slots[at].idle;
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        } else {
            pool.idle.fetch_sub(1, Ordering::Relaxed);
        }
        drop(shard);
        if !pool.swept.swap(true, Ordering::Relaxed) {
            tokio::spawn(keep_swept(Arc::downgrade(&pool)));
        }
    }
}

/// Sweeps for as long as there is a pool.
async fn keep_swept(pool: Weak<Shared>) {
    loop {
        tokio::time::sleep(SWEPT_EVERY).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep();
    }
}

impl Place {
    fn of(url: &Url) -> Result<Self, http::Error> {
        if let Some(path) = url.strip_prefix(SOCKET_SCHEME) {
            let (uri, path, socket) = (Uri::default(), INSTANCE_PATH.parse()?, Some(Socket::at(path)));
            return Ok(Self { url: Arc::clone(url), uri, socket, path, host: HeaderValue::from_static("localhost") });
        }
        let uri: Uri = url.parse()?;
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).parse()?;
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let host = uri.host().unwrap_or_default();
        let host = match uri.port_u16().filter(|port| *port != usual) {
            Some(port) => HeaderValue::try_from(format!("{host}:{port}"))?,
            None => HeaderValue::try_from(host)?,
        };
        Ok(Self { url: Arc::clone(url), uri, socket: None, path, host })
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
