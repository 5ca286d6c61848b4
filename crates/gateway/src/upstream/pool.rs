//! Connections to upstreams, a pool per tenant: what one tenant's exchange left on a connection, no other's meets.

use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as LegacyClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use partywall_domain::TenantId;
use quick_cache::sync::Cache;
use rustls::ClientConfig;

use super::Client;

/// Tenants whose pools are kept. Default 4,096; the pool of the one that was quiet longest closes its idle
/// connections, calls in flight go on.
const TENANTS_MAX: usize = 4_096;
/// Idle connections kept per tenant and upstream. Default 16: as many as a tenant has calls in flight.
const IDLE_MAX: usize = 16;
/// How long an idle connection is kept. Default 20 s: below what servers commonly keep (30 s and more), so that we
/// close first and no request goes down a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection may take to stand. Default 2 s: upstreams are near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct Pools {
    clients: Cache<TenantId, Client>,
    tls: ClientConfig,
}

impl Pools {
    /// Pools whose connections to `https` upstreams trust and show what `tls` says.
    pub(crate) fn new(tls: ClientConfig) -> Self {
        Self { clients: Cache::new(TENANTS_MAX), tls }
    }

    /// A tenant's pool.
    pub(crate) fn of(&self, tenant: TenantId) -> Client {
        if let Some(client) = self.clients.get(&tenant) {
            return client;
        }
        let client = client(self.tls.clone());
        self.clients.insert(tenant, client.clone());
        client
    }
}

fn client(tls: ClientConfig) -> Client {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    LegacyClient::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_MAX)
        .build(connector)
}
