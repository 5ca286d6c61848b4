//! The log: JSON lines, one event each, flat.
//!
//! A line written within a call carries `tenant_id`, `request_id` and `trace_id`, because it takes them from the span
//! that the call opened, not because somebody remembered. Writing never stops a call: lines wait in a bounded queue
//! for a thread of their own, and what does not fit is counted and said.

mod layer;
mod members;
mod writer;

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use writer::{Losses, Tap, Writer};

/// What is logged unless the environment says otherwise: our own events, and of libraries what is wrong. The demo's
/// notes server runs in this process; what its SDK says of a caller's mistakes is said by the gateway already.
const FILTER: &str = "warn,rmcp=error,partywall=info,partywall_app=info,partywall_control=info,partywall_gateway=info,\
                      partywall_ledger=info,partywall_node=info,partywall_store=info";
/// The environment variable that says otherwise, in the syntax of `tracing-subscriber`'s `EnvFilter`.
const FILTER_VARIABLE: &str = "PARTYWALL_LOG";

/// Begins to log, to `file` or else to standard error. Keep what it returns until the end: dropping it writes what
/// is still in the queue.
pub(crate) fn start(file: Option<&Path>) -> anyhow::Result<Writer> {
    let sink: Box<dyn Write + Send> = match file {
        Some(path) => {
            Box::new(OpenOptions::new().create(true).append(true).mode(0o600).open(path).with_context(|| {
                format!(
                    "the log file `{}` cannot be written; choose another, or leave it out for stderr",
                    path.display()
                )
            })?)
        }
        None => Box::new(io::stderr()),
    };
    let writer = Writer::start(sink)?;
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(FILTER));
    let layer = layer::JsonLines::new(writer.handle());
    tracing_subscriber::registry().with(filter).with(layer).try_init()?;
    Ok(writer)
}

/// The time now (RFC 3339, UTC, to the microsecond).
fn now() -> impl Display {
    std::fmt::from_fn(|f| write!(f, "{:.6}", jiff::Timestamp::now()))
}
