//! What is called, and by whom: every call of a run, prepared before the clock runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::{HeaderValue, Uri};

use super::prepared::{Call, LEGACY, Prepared, SESSION_ID};
use super::wire::{Answer, Target, Wire};
use super::{Arguments, Eras};

/// What every worker needs to know.
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) timeout: Duration,
    calls: Vec<Prepared>,
    next: AtomicUsize,
}

impl Plan {
    /// Prepares the calls; a legacy one has its session opened here.
    pub(super) async fn prepare(arguments: &Arguments, tokens: &[Option<HeaderValue>]) -> anyhow::Result<Self> {
        let url: Uri = arguments.url.parse().with_context(|| format!("`{}` is not a URL", arguments.url))?;
        let target = Target::of(&url)?;
        let host = HeaderValue::from_str(url.authority().map_or("", http::uri::Authority::as_str))?;
        let given = serde_json::from_str(&arguments.with).context("--arguments is not JSON")?;
        let call = Call::new(&arguments.tool, &given);
        let mut wire = target.connect().await.with_context(|| format!("`{url}` cannot be reached; is it running?"))?;
        let mut calls = Vec::new();
        for token in tokens {
            let token = token.as_ref();
            if arguments.era != Eras::Legacy {
                calls.push(Prepared::modern(&url, &host, token, &call)?);
            }
            if arguments.era != Eras::Modern {
                if !wire.is_open() {
                    wire = target.connect().await?;
                }
                let session = open_session(&mut wire, &url, &host, token).await?;
                calls.push(Prepared::legacy(&url, &host, token, session.as_ref(), call.legacy.clone())?);
            }
        }
        Ok(Self { target, timeout: arguments.timeout, calls, next: AtomicUsize::new(0) })
    }

    /// How many different calls there are.
    pub(super) fn callers(&self) -> usize {
        self.calls.len()
    }

    /// The next call: all of them in turn, whichever connection asks.
    pub(super) fn next(&self) -> &Prepared {
        &self.calls[self.next.fetch_add(1, Ordering::Relaxed) % self.calls.len()]
    }
}

/// Shakes hands for a token; gives the session's id, if the server opened one.
async fn open_session(
    wire: &mut Wire,
    url: &Uri,
    host: &HeaderValue,
    token: Option<&HeaderValue>,
) -> anyhow::Result<Option<HeaderValue>> {
    let initialize = serde_json::json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": { "name": "partywall-bench", "version": env!("CARGO_PKG_VERSION") },
    }});
    let mut send = async |session: Option<&HeaderValue>, message: String| -> anyhow::Result<Answer> {
        let request = Prepared::legacy(url, host, token, session, Bytes::from(message))?.request();
        let answer = wire.exchange(request).await.map_err(|error| anyhow!("the handshake broke off: {error}"))?;
        if !answer.status.is_success() {
            bail!("the handshake was answered with {}; is the token good for this URL?", answer.status);
        }
        Ok(answer)
    };
    let session = send(None, initialize.to_string()).await?.headers.get(SESSION_ID).cloned();
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned();
    send(session.as_ref(), initialized).await?;
    Ok(session)
}
