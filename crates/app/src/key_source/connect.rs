//! A connection to a place: its name is resolved, each address is checked, and the very address that was checked is
//! the one that is connected to. A name that points elsewhere a moment later changes nothing.
//!
//! Nothing is pooled: a fetch is rare, and a connection that is kept is one whose address nobody checks again.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use super::address;
use super::place::{Place, shown};

/// Addresses of one name that are tried. Default 4: two of each family.
const ADDRESSES_MAX: usize = 4;
/// How long one address may take to answer. Default 600 ms: three fit into the deadline of a fetch.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(600);

pub(super) type Resolved<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Which addresses a name has.
pub(super) trait Resolve: Send + Sync {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolved<'a>;
}

/// The system's resolver.
pub(super) struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolved<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.take(ADDRESSES_MAX).collect()) })
    }
}

/// What bytes go over, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) struct Connector {
    own_listeners: Vec<SocketAddr>,
    resolver: Box<dyn Resolve>,
    tls: OnceCell<TlsConnector>,
}

impl Connector {
    pub(super) fn new(own_listeners: Vec<SocketAddr>, resolver: Box<dyn Resolve>) -> Self {
        Self { own_listeners, resolver, tls: OnceCell::new() }
    }

    /// One that trusts these certificates and not the system's.
    #[cfg(test)]
    pub(super) fn trusting(mut self, roots: RootCertStore) -> Self {
        self.tls = OnceCell::new_with(Some(tls(roots).expect("the protocol versions are the defaults")));
        self
    }

    pub(super) async fn connect(&self, place: &Place, networks: &[IpNet]) -> Result<Box<dyn Stream>, String> {
        let stream = self.reach(place, networks).await?;
        if !place.tls {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(place.host.clone())
            .map_err(|_| format!("`{}` is not a name that a certificate can have", place.host))?;
        let tls = self.tls.get_or_try_init(system_tls).await?;
        let stream = tls.connect(name, stream).await;
        let stream = stream.map_err(|error| format!("TLS with it failed: {}", shown(&error.to_string())))?;
        Ok(Box::new(stream))
    }

    /// Connects to the first address that may be asked and answers.
    async fn reach(&self, place: &Place, networks: &[IpNet]) -> Result<TcpStream, String> {
        let host = &place.host;
        let addresses = self.resolver.resolve(host, place.port).await;
        let addresses = addresses.map_err(|error| format!("`{host}` cannot be resolved: {error}"))?;
        let mut told = Vec::new();
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            match self.try_address(address, place.tls, networks).await {
                Ok(stream) => return Ok(stream),
                Err(why) => told.push(why),
            }
        }
        Err(if told.is_empty() { format!("`{host}` has no address") } else { told.join("; ") })
    }

    async fn try_address(&self, address: SocketAddr, tls: bool, networks: &[IpNet]) -> Result<TcpStream, String> {
        self.refuse_own(address, None)?;
        address::check(address, tls, networks)?;
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(stream) => stream.map_err(|error| format!("{address} cannot be reached: {error}"))?,
            Err(_) => return Err(format!("{address} did not answer within {} ms", CONNECT_TIMEOUT.as_millis())),
        };
        // Nothing has been sent yet.
        self.refuse_own(address, stream.local_addr().ok())?;
        Ok(stream)
    }

    fn refuse_own(&self, address: SocketAddr, local: Option<SocketAddr>) -> Result<(), String> {
        if address::is_own(&self.own_listeners, address, local) {
            return Err(format!("{address} is a listener of this gateway, which has no issuer's keys"));
        }
        Ok(())
    }
}

/// TLS with whoever the system's certificates vouch for, so that a company's own authority counts where it is installed.
async fn system_tls() -> Result<TlsConnector, String> {
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let loaded = loaded.map_err(|error| format!("the system's certificates cannot be read: {error}"))?;
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(loaded.certs);
    if taken == 0 {
        return Err("this system has no certificate authorities to check TLS with; install its package \
                    `ca-certificates`, or name a file of them in `SSL_CERT_FILE`"
            .to_owned());
    }
    tls(roots)
}

fn tls(roots: RootCertStore) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
