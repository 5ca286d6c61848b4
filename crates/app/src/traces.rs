//! Traces: the ends of calls as spans, sent to an OpenTelemetry collector (OTLP over HTTP, protobuf).
//!
//! A call hands its span into a bounded queue and goes on; a task of its own sends batches. What finds no place, or cannot
//! be sent, is counted. The library writes the protocol and tries again where the protocol says so; the connection is
//! ours, so that it trusts what connections to upstreams trust.

mod send;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use partywall_domain::{RequestId, event};
use partywall_ledger::{Span, Spans};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

/// Spans that wait to be sent. Default 4,096: some seconds of a busy node's samples, about 4 MiB.
const SPANS_MAX: usize = 4_096;
/// Spans in one request. Default 512: as OpenTelemetry's own batches.
const BATCH_MAX: usize = 512;
/// How long a span may wait for others. Default 2 s: somebody who looks for a trace finds it.
const BATCH_EVERY: Duration = Duration::from_secs(2);
/// How long the sending of a batch may take, all attempts together. Default 10 s: the protocol's own default.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long what is left may take when the process stops. Default 2 s.
const LAST_TIMEOUT: Duration = Duration::from_secs(2);

/// Where spans go, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Otlp {
    /// The collector's URL, without `/v1/traces`.
    pub(crate) endpoint: String,
    /// Of a hundred calls, how many are told.
    pub(crate) sample_percent: u8,
}

/// What became of spans since start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    /// Spans that the collector took.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Spans that found no place or could not be sent.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn drop_some(&self, some: usize, cause: &str) {
        let before = self.dropped.fetch_add(some as u64, Ordering::Relaxed);
        let count = before + some as u64;
        // A collector that is away takes nothing for hours; each doubling is told, so that the log is not filled as well.
        if before == 0 || count.ilog2() > before.ilog2() {
            tracing::warn!(event = event::DROPPED, what = "span", count, cause);
        }
    }
}

/// Samples calls and hands their spans on.
pub(crate) struct Queue {
    spans: Sender<SpanData>,
    counts: Arc<Counts>,
    sample_percent: u8,
}

impl Spans for Queue {
    fn keeps(&self, request: RequestId) -> bool {
        // The id's last bits are random and nobody's but ours: a caller cannot choose to be kept.
        request.random_bits() % 100 < u64::from(self.sample_percent)
    }

    fn ended(&self, span: &Span<'_>) {
        if self.spans.try_send(span::data(span)).is_err() {
            self.counts.drop_some(1, "the queue of spans is full");
        }
    }
}

/// Begins to take spans, to be sent until `stop` is cancelled, and then what is left.
pub(crate) fn start(
    otlp: &Otlp,
    tls: rustls::ClientConfig,
    counts: &Arc<Counts>,
    stop: CancellationToken,
) -> anyhow::Result<(Queue, impl Future<Output = ()> + use<>)> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(send::Client::new(tls))
        .with_endpoint(format!("{}/v1/traces", otlp.endpoint.trim_end_matches('/')))
        .with_timeout(SEND_TIMEOUT)
        .build()
        .context("the exporter of traces cannot be made; check `otlp_endpoint`")?;
    let resource = Resource::builder_empty().with_attributes(span::resource()).build();
    exporter.set_resource(&resource);
    let (sender, receiver) = channel(SPANS_MAX);
    let queue = Queue { spans: sender, counts: Arc::clone(counts), sample_percent: otlp.sample_percent };
    Ok((queue, run(exporter, receiver, Arc::clone(counts), stop)))
}

async fn run(exporter: SpanExporter, mut spans: Receiver<SpanData>, counts: Arc<Counts>, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => break,
            () = fill(&mut spans, &mut batch) => {}
        }
        send_batch(&exporter, &mut batch, &counts, SEND_TIMEOUT).await;
    }
    while let Ok(span) = spans.try_recv() {
        batch.push(span);
    }
    send_batch(&exporter, &mut batch, &counts, LAST_TIMEOUT).await;
}

/// Waits for a span, and then for others until the batch is full or the first one has waited long enough.
async fn fill(spans: &mut Receiver<SpanData>, batch: &mut Vec<SpanData>) {
    if batch.is_empty() && spans.recv_many(batch, BATCH_MAX).await == 0 {
        // Nobody hands in any more.
        return std::future::pending().await;
    }
    let more = async {
        while batch.len() < BATCH_MAX {
            let room = BATCH_MAX - batch.len();
            if spans.recv_many(batch, room).await == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(BATCH_EVERY, more).await;
}

async fn send_batch(exporter: &SpanExporter, batch: &mut Vec<SpanData>, counts: &Counts, timeout: Duration) {
    if batch.is_empty() {
        return;
    }
    let spans = std::mem::take(batch);
    let count = spans.len();
    match tokio::time::timeout(timeout, exporter.export(spans)).await {
        Ok(Ok(())) => drop(counts.sent.fetch_add(count as u64, Ordering::Relaxed)),
        Ok(Err(error)) => counts.drop_some(count, &error.to_string()),
        Err(_) => counts.drop_some(count, "the collector did not answer in time"),
    }
}
