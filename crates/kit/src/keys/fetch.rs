//! One GET of the gateway's key set. No redirects, no retries: the caller decides when to ask again.

use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::InvalidKeys;
use super::set::KeySet;

/// From connecting to the last byte. The gateway answers from memory, and a request is waiting.
const DEADLINE: Duration = Duration::from_secs(2);

/// Bytes of a key set: three keys need 600.
const SET_BYTES_MAX: usize = 64 << 10;

pub(super) struct Fetcher {
    client: Client<HttpConnector, Empty<Bytes>>,
    uri: Uri,
}

impl Fetcher {
    pub(super) fn new(uri: Uri) -> Self {
        // No idle connection is kept: the next fetch is minutes away.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { client, uri }
    }

    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        tokio::time::timeout(DEADLINE, self.get()).await.map_err(|_| FetchError::Deadline)?
    }

    async fn get(&self) -> Result<KeySet, FetchError> {
        let response = self.client.get(self.uri.clone()).await.map_err(FetchError::Unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), SET_BYTES_MAX).collect().await.map_err(FetchError::Body)?;
        KeySet::parse(&body.to_bytes()).map_err(FetchError::Set)
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no answer within {} s: check that the gateway runs", DEADLINE.as_secs())]
    Deadline,
    #[error("cannot connect: check that the gateway runs ({0})")]
    Unreachable(hyper_util::client::legacy::Error),
    #[error("it answered {0}: check the URL of the key set")]
    Status(StatusCode),
    #[error("its answer broke off or is over {SET_BYTES_MAX} bytes: check the URL of the key set ({0})")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Set(InvalidKeys),
}
