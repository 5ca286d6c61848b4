//! Issuers' keys, fetched: asked for where a document says, kept for a while, and asked for again when a key is new.
//!
//! An issuer is asked once for however many calls wait, not more often than the floor allows, and never at a place that
//! a token names. Nothing is decided here: `memory` says what counts and when to ask, `address` whom.

mod absent;
mod address;
mod connect;
mod discovery;
mod entry;
mod fetch;
mod look;
mod memory;
mod place;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use partywall_domain::IssuerName;
use partywall_identity::{IssuerSettings, KeySet, KeySource};

use connect::{Connector, System};
use entry::{Clock, Entry, Means};
use fetch::{Fetcher, Origin};
pub(crate) use look::Looker;

/// Fetches the keys of issuers over HTTP.
pub(crate) struct HttpKeySource {
    /// One entry for each issuer that was needed: no more than the configuration has, as [`Self::retain`] drops those
    /// that left it.
    entries: RwLock<HashMap<IssuerName, Arc<Entry>>>,
    means: Arc<Means>,
}

impl HttpKeySource {
    /// `own_listeners` are never asked, whatever a document says.
    pub(crate) fn new(own_listeners: Vec<SocketAddr>) -> Self {
        Self::with(Connector::new(own_listeners, Box::new(System)), Box::new(Instant::now))
    }

    fn with(connector: Connector, clock: Clock) -> Self {
        Self { entries: RwLock::default(), means: Arc::new(Means { fetcher: Fetcher::new(connector), clock }) }
    }

    /// Lets go of all that belongs to issuers that are none of these, or whose keys come from elsewhere now. To be
    /// called with each new configuration.
    pub(crate) fn retain<'a>(&self, issuers: impl IntoIterator<Item = &'a IssuerSettings>) {
        let issuers: HashMap<_, _> = issuers.into_iter().map(|issuer| (&issuer.name, issuer)).collect();
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|name, entry| issuers.get(name).is_some_and(|issuer| entry.origin().is_of(issuer)));
    }

    fn find(&self, issuer: &IssuerSettings) -> Option<Arc<Entry>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(&issuer.name).filter(|entry| entry.origin().is_of(issuer)).cloned()
    }

    /// The issuer's entry; a new one, without keys, if its document has changed.
    fn find_or_begin(&self, issuer: &IssuerSettings) -> Option<Arc<Entry>> {
        if let Some(entry) = self.find(issuer) {
            return Some(entry);
        }
        let origin = Origin::of(issuer)?;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have been quicker.
        if let Some(entry) = entries.get(&issuer.name).filter(|entry| entry.origin().is_of(issuer)) {
            return Some(Arc::clone(entry));
        }
        let entry = Arc::new(Entry::new(issuer.name.clone(), origin, Arc::clone(&self.means)));
        entries.insert(issuer.name.clone(), Arc::clone(&entry));
        Some(entry)
    }
}

impl KeySource for HttpKeySource {
    fn known(&self, issuer: &IssuerSettings) -> Option<Arc<KeySet>> {
        self.find(issuer)?.known()
    }

    fn problem(&self, issuer: &IssuerSettings) -> Option<String> {
        self.find(issuer)?.problem()
    }

    fn fetch<'a>(
        &'a self,
        issuer: &'a IssuerSettings,
        kid: Option<&'a str>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            if let Some(entry) = self.find_or_begin(issuer) {
                entry.fetch(kid).await;
            }
        })
    }
}
