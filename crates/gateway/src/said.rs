//! What the upstreams said of themselves, by URL: which eras they speak, and their answer to `server/discover`.
//!
//! It was said to the gateway's own probe, which belongs to no tenant, so it is the same for all and nobody's secret.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use partywall_domain::Said;
use partywall_mcp::{LEGACY_VERSIONS, rewrite_result};
use serde_json::Value;
use serde_json::value::RawValue;

/// The book of what was said. Bounded by the upstreams in the configuration.
#[derive(Default)]
pub struct SaidBook(RwLock<HashMap<Arc<str>, Arc<Known>>>);

/// What is known of one upstream.
pub(crate) struct Known {
    /// The result to answer `server/discover` with; none: the upstream does not speak the modern era.
    pub(crate) discover: Option<Box<RawValue>>,
    /// Whether the upstream speaks the legacy era.
    pub(crate) legacy: bool,
}

impl SaidBook {
    /// Takes note of what the upstream at `url` said. One that said nothing, as it says nothing without a tenant's
    /// credential, is unknown: it is asked by each caller.
    pub fn learn(&self, url: Arc<str>, said: &Said) {
        if *said == Said::default() {
            self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&url);
            return;
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(url, Arc::new(Known::of(said)));
    }

    pub(crate) fn of(&self, url: &str) -> Option<Arc<Known>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(url).cloned()
    }
}

impl Known {
    /// What is known of an upstream that said this.
    pub(crate) fn of(said: &Said) -> Self {
        Self { discover: said.discover.as_deref().and_then(passed_on), legacy: said.initialize.is_some() }
    }

    /// The versions to name to a client that asked for another.
    pub(crate) fn versions(&self) -> Vec<String> {
        let said = self.discover.as_ref().and_then(|result| serde_json::from_str::<Value>(result.get()).ok());
        let listed = said.as_ref().and_then(|result| result.get("supportedVersions")?.as_array());
        match listed {
            Some(versions) => versions.iter().filter_map(|version| version.as_str().map(str::to_owned)).collect(),
            None => LEGACY_VERSIONS.map(str::to_owned).to_vec(),
        }
    }
}

/// The result as clients may have it: cached by nobody but themselves, and without what is not passed on.
fn passed_on(result: &str) -> Option<Box<RawValue>> {
    let said = RawValue::from_string(result.to_owned()).ok()?;
    match rewrite_result(&said, &|_| true).ok()? {
        Some(rewritten) => RawValue::from_string(rewritten).ok(),
        None => Some(said),
    }
}
