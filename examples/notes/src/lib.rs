//! Notes: a shared MCP server. Every tenant keeps notes here, all users of a tenant share them, and no tenant can
//! tell whether another one has any.
//!
//! It is an example of a server built on `partywall-kit`, and a real one. What makes it safe to share stands in two
//! lines: the [`Guard`] below, and `databases.of(caller)` in `server.rs`. There is no tenant column, no tenant argument
//! and no `WHERE tenant = ?` anywhere.

mod server;
mod store;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use partywall_kit::sqlite::{Databases, DatabasesLimits};
use partywall_kit::{Guard, Keys, Settings as Gateway, Verifier};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_layer::Layer;

use server::Notes;

/// Where MCP is served.
pub const PATH: &str = "/mcp";

/// What the server must be told.
pub struct Settings {
    /// The gateway's public URL, exactly as the gateway's own settings have it.
    pub issuer: String,
    /// This server's name in the gateway's catalog.
    pub audience: String,
    /// The URL of the gateway's key set, on loopback.
    pub jwks: String,
    /// The directory for the tenants' files; made if it is not there.
    pub data: PathBuf,
    /// Cancel it to stop: calls in flight are answered, open streams end.
    pub stop: CancellationToken,
}

/// Serves notes at [`PATH`] until `settings.stop` is cancelled.
///
/// Fails at once, with the next step in its words, if a setting cannot be used.
pub async fn serve(listener: TcpListener, settings: Settings) -> io::Result<()> {
    let Settings { issuer, audience, jwks, data, stop } = settings;
    let keys = Keys::fetched(&jwks).map_err(io::Error::other)?;
    let databases = Databases::open(&data, store::MIGRATIONS, DatabasesLimits::default()).map_err(io::Error::other)?;
    let guard = Guard::new(Verifier::new(Gateway { issuer, audience, keys }));

    let config = mcp_config(listener.local_addr()?, &stop);
    let mcp = StreamableHttpService::new(
        move || Ok(Notes::new(databases.clone())),
        LocalSessionManager::default().into(),
        config,
    );
    let app = Router::new().route_service(PATH, guard.layer(mcp));
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// JSON for plain answers; sessions for clients from before 2026-07-28.
///
/// The SDK's check of `Host` defends servers on loopback that anyone's browser may reach. Elsewhere the server's name
/// is not known here, and the guard has asked for more than a name already.
fn mcp_config(address: SocketAddr, stop: &CancellationToken) -> StreamableHttpServerConfig {
    let config = StreamableHttpServerConfig::default().with_json_response(true).with_cancellation_token(stop.clone());
    if !address.ip().is_loopback() {
        return config.disable_allowed_hosts();
    }
    let own = [address.ip().to_string(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    config.with_allowed_hosts(own)
}
