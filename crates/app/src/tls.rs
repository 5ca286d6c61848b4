//! TLS: what the front listener shows, and what connections to upstreams trust and show.
//!
//! Certificates are files of this process, renewed by whoever renews certificates here. A changed file holds from the
//! next connection on; one that cannot be read is said, and the certificate before it stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use partywall_domain::event;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at. Default 10 s: certificates are renewed days before they end.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A certificate with its chain, and its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What connections to upstreams trust beside the system's authorities, and what they show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upstreams {
    /// Private authorities, in PEM.
    pub(crate) ca: Option<PathBuf>,
    /// Our own certificate, for servers that ask for one (mTLS).
    pub(crate) pair: Option<Pair>,
}

/// What the front listener shows, kept as its files are until `stop`.
pub(crate) fn listener(pair: Pair, stop: CancellationToken) -> anyhow::Result<watch::Receiver<Arc<ServerConfig>>> {
    let seen = modified(&pair);
    let (sender, receiver) = watch::channel(server_config(&pair)?);
    tokio::spawn(follow(pair, seen, sender, stop));
    Ok(receiver)
}

async fn follow(
    pair: Pair,
    mut seen: Option<(SystemTime, SystemTime)>,
    sender: watch::Sender<Arc<ServerConfig>>,
    stop: CancellationToken,
) {
    while tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_err() {
        let now = modified(&pair);
        if now == seen {
            continue;
        }
        match server_config(&pair) {
            Ok(config) => {
                seen = now;
                sender.send_replace(config);
                tracing::info!(event = event::CERTIFICATE, path = %pair.cert.display());
            }
            // Half of a renewal, perhaps: the other file may follow.
            Err(error) => {
                tracing::warn!(event = event::CERTIFICATE, path = %pair.cert.display(), cause = %format!("{error:#}"));
            }
        }
    }
}

fn modified(pair: &Pair) -> Option<(SystemTime, SystemTime)> {
    let of = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    of(&pair.cert).zip(of(&pair.key))
}

fn server_config(pair: &Pair) -> anyhow::Result<Arc<ServerConfig>> {
    let (chain, key) = read(pair)?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("`{}` and `{}` do not belong together", pair.cert.display(), pair.key.display()))?;
    Ok(Arc::new(config))
}

/// What connections to upstreams trust and show.
pub(crate) fn upstreams(upstreams: &Upstreams) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    // A host without authorities of its own still reaches upstreams on itself, and those of a private one.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(ca) = &upstreams.ca {
        for certificate in certificates(ca)? {
            roots.add(certificate).with_context(|| format!("`{}` holds what is no authority", ca.display()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    match &upstreams.pair {
        None => Ok(config.with_no_client_auth()),
        Some(pair) => {
            let (chain, key) = read(pair)?;
            config.with_client_auth_cert(chain, key).with_context(|| {
                format!("`{}` and `{}` do not belong together", pair.cert.display(), pair.key.display())
            })
        }
    }
}

fn read(pair: &Pair) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let key = PrivateKeyDer::from_pem_file(&pair.key)
        .map_err(|error| anyhow!("the key `{}` cannot be read ({error}); give it in PEM", pair.key.display()))?;
    Ok((certificates(&pair.cert)?, key))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = read
        .map_err(|error| anyhow!("the certificates `{}` cannot be read ({error}); give them in PEM", path.display()))?;
    if all.is_empty() { Err(anyhow!("`{}` holds no certificate; give one in PEM", path.display())) } else { Ok(all) }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
