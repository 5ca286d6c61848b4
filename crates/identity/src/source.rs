//! Where keys that are fetched come from. The trait stands here, so that verifying can say what it needs; whoever
//! fetches lives elsewhere, since nothing here does IO.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::issuer::IssuerSettings;
use crate::keys::KeySet;

/// Fetches and keeps issuers' keys.
pub trait KeySource: Send + Sync {
    /// The keys that are known now, of this issuer as its document has it now: what was fetched from where another
    /// document said is not known. Never waits.
    fn known(&self, issuer: &IssuerSettings) -> Option<Arc<KeySet>>;

    /// Why the issuer's keys could not be fetched the last time; `None` if they could, or if nobody tried.
    fn problem(&self, issuer: &IssuerSettings) -> Option<String>;

    /// Fetches the issuer's keys, if it is time to: at most one fetch at a time and per floor, and none for a `kid`
    /// that was not there a moment ago. Returns when there is nothing more to wait for, whatever came of it; what is
    /// known afterwards is in [`KeySource::known`].
    fn fetch<'a>(
        &'a self,
        issuer: &'a IssuerSettings,
        kid: Option<&'a str>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}
