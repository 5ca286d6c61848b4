//! Looking at an issuer for whoever sets one up: its metadata and its keys, asked for as the gateway would.

use bytes::Bytes;
use ipnet::IpNet;
use partywall_identity::KeySet;

use super::connect::{Connector, System};
use super::discovery;
use super::fetch::{DEADLINE, Fetcher};
use super::place::shown;

/// Asks issuers, and keeps nothing.
pub(crate) struct Looker {
    fetcher: Fetcher,
    networks: Vec<IpNet>,
}

impl Looker {
    /// `networks` are not public and may be asked all the same.
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self { fetcher: Fetcher::new(Connector::new(Vec::new(), Box::new(System))), networks }
    }

    /// Where the issuer's metadata is, and its text.
    pub(crate) async fn metadata(&self, issuer: &str) -> Result<(String, Bytes), String> {
        let mut told = Vec::new();
        for place in discovery::places(issuer)? {
            let found = self.get(&place).await;
            match found.and_then(|text| discovery::jwks_uri(&text, issuer).map(|_| text)) {
                Ok(text) => return Ok((place, text)),
                Err(why) => told.push(format!("`{}`: {why}", shown(&place))),
            }
        }
        Err(told.join("; "))
    }

    /// Whether there are keys at this place that can verify.
    pub(crate) async fn keys(&self, url: &str) -> Result<KeySet, String> {
        let told = |why: String| format!("`{}`: {why}", shown(url));
        KeySet::published(&self.get(url).await.map_err(told)?).map_err(|why| told(shown(&why)))
    }

    async fn get(&self, url: &str) -> Result<Bytes, String> {
        let answer = tokio::time::timeout(DEADLINE, self.fetcher.get(url, &self.networks)).await;
        answer.unwrap_or_else(|_| Err(format!("did not answer within {} s", DEADLINE.as_secs())))
    }
}
