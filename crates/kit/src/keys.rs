//! The gateway's public keys: fixed, or fetched from its key set and remembered.
//!
//! A fetch happens for an unknown key id (the gateway rotated) and when the set is old (a key may be withdrawn);
//! never twice at a time, and never more often than [`Pace::floor`], whatever strangers send. When the gateway is
//! away the last good keys stay. Nothing here looks at a token.

mod fetch;
mod set;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::Uri;
use jsonwebtoken::DecodingKey;
use partywall_domain::assertion;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use fetch::Fetcher;
use set::KeySet;

/// The public keys that verify assertions. Cheap to clone; clones share what was fetched.
#[derive(Clone)]
pub struct Keys(Source);

#[derive(Clone)]
enum Source {
    Fixed(Arc<KeySet>),
    Fetched(Arc<Remembered>),
}

/// Why keys cannot be had from there.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeys {
    /// The text is not a URL of plain HTTP.
    #[error("`{0}` is not an http:// URL: give the key set's URL on loopback, as in http://127.0.0.1:7400{path}", path = assertion::JWKS_PATH)]
    Url(String),
    /// Whoever sits between us and the gateway could hand us keys of his own.
    #[error("`{0}` is not on loopback: keys over plain http are taken from 127.0.0.1, [::1] or localhost only")]
    NotLoopback(String),
    /// The document is not a key set.
    #[error("not a key set (RFC 7517): {0}; give the document that the gateway serves at `{path}`", path = assertion::JWKS_PATH)]
    Set(String),
}

impl Keys {
    /// The keys that the gateway serves at `url`, over HTTP on loopback. Fetched when first needed.
    pub fn fetched(url: &str) -> Result<Self, InvalidKeys> {
        let uri: Uri = url.parse().map_err(|_| InvalidKeys::Url(url.to_owned()))?;
        if uri.scheme_str() != Some("http") {
            return Err(InvalidKeys::Url(url.to_owned()));
        }
        if !uri.host().is_some_and(is_loopback) {
            return Err(InvalidKeys::NotLoopback(url.to_owned()));
        }
        Ok(Self(Source::Fetched(Arc::new(Remembered::new(uri, Pace::default())))))
    }

    /// Exactly the keys in this document (RFC 7517), forever: for tests, and where keys come with the deployment.
    pub fn fixed(jwks_json: &str) -> Result<Self, InvalidKeys> {
        KeySet::parse(jwks_json.as_bytes()).map(|set| Self(Source::Fixed(Arc::new(set))))
    }

    pub(crate) async fn find(&self, key_id: &str) -> Option<DecodingKey> {
        match &self.0 {
            Source::Fixed(set) => set.find(key_id),
            Source::Fetched(remembered) => remembered.find(key_id).await,
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// How often to ask.
#[derive(Clone, Copy)]
struct Pace {
    /// At least this long between two fetches. Default 5 s: the gateway publishes a key ten minutes before it signs
    /// with it, so nobody honest waits, and a flood of made-up key ids costs the gateway one small answer each time.
    floor: Duration,
    /// A set older than this is fetched again while it goes on serving. Default 5 min: how long a withdrawn key can
    /// still be believed while the gateway is there.
    age: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { floor: Duration::from_secs(5), age: Duration::from_mins(5) }
    }
}

/// A key set at a URL, with the last good copy of it.
struct Remembered {
    fetcher: Fetcher,
    pace: Pace,
    known: RwLock<Arc<KeySet>>,
    /// When the last fetch began, or `None` before the first. Held locked while one is under way.
    begun: Arc<Mutex<Option<Instant>>>,
}

impl Remembered {
    fn new(uri: Uri, pace: Pace) -> Self {
        Self { fetcher: Fetcher::new(uri), pace, known: RwLock::default(), begun: Arc::default() }
    }

    async fn find(self: &Arc<Self>, key_id: &str) -> Option<DecodingKey> {
        if let Some(key) = self.known().find(key_id) {
            self.begin_fetch(self.pace.age);
            return Some(key);
        }
        self.begin_fetch(self.pace.floor);
        drop(self.begun.lock().await); // waits for the fetch under way, whoever began it
        self.known().find(key_id)
    }

    /// Begins a fetch if none is under way and the last began at least `pause` ago.
    ///
    /// In a task of its own: a caller that goes away must not cancel what others wait for.
    fn begin_fetch(self: &Arc<Self>, pause: Duration) {
        let Ok(mut begun) = self.begun.clone().try_lock_owned() else { return };
        if begun.is_none_or(|at| at.elapsed() >= pause) {
            *begun = Some(Instant::now());
            tokio::spawn(self.clone().fetch(begun));
        }
    }

    async fn fetch(self: Arc<Self>, _under_way: OwnedMutexGuard<Option<Instant>>) {
        match self.fetcher.fetch().await {
            Ok(set) => *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set),
            Err(error) => tracing::warn!(%error, "the gateway's keys could not be fetched; the last good ones stay"),
        }
    }

    fn known(&self) -> Arc<KeySet> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;
