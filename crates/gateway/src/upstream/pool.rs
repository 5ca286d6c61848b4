//! Connections to upstreams, a pool per tenant: what one tenant's exchange left on a connection, no other's meets.

use std::time::Duration;

use hyper_util::client::legacy::Client as LegacyClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use partywall_domain::TenantId;
use quick_cache::sync::Cache;

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

pub(crate) struct Pools(Cache<TenantId, Client>);

impl Default for Pools {
    fn default() -> Self {
        Self(Cache::new(TENANTS_MAX))
    }
}

impl Pools {
    /// A tenant's pool.
    pub(crate) fn of(&self, tenant: TenantId) -> Client {
        if let Some(client) = self.0.get(&tenant) {
            return client;
        }
        let client = client();
        self.0.insert(tenant, client.clone());
        client
    }
}

fn client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    LegacyClient::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_MAX)
        .build(connector)
}
