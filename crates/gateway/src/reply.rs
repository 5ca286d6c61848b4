//! The answer's body. It carries the reservation, so the call settles when the answer ends, also when it is dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use partywall_domain::Outcome;
use partywall_ledger::{Reservation, Settlement};
use partywall_mcp::{Event, Listed, Splitter, rewrite};
use partywall_tenancy::{Grant, Snapshot};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::lease::Lease;
use crate::pool::{AnswerBody, Hold};
use crate::stdio::{Messages, Owner};

/// A reply's body.
pub enum ReplyBody {
    /// All of it.
    Full(Option<Bytes>),
    /// As it comes from the upstream.
    Stream(Box<Stream>),
}

impl ReplyBody {
    pub(crate) fn full(body: impl Into<Bytes>) -> Self {
        Self::Full(Some(body.into()))
    }
}

/// An answer that did not come to its end. The connection to the client breaks with it, so that nobody takes what came
/// for all of it.
#[derive(Debug)]
pub struct BrokenOff(String);

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BrokenOff {}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}

/// Where an answer comes from.
pub(crate) enum Source {
    /// An upstream over HTTP.
    Upstream(AnswerBody),
    /// An instance on stdio.
    Instance(Box<Events>),
}

/// What an instance says in a call, and the hold on it for so long.
pub(crate) struct Events {
    messages: Messages<Owner>,
    _held: Option<Hold>,
}

impl Events {
    pub(crate) fn new(messages: Messages<Owner>, held: Option<Hold>) -> Self {
        Self { messages, _held: held }
    }
}

impl From<AnswerBody> for Source {
    fn from(body: AnswerBody) -> Self {
        Self::Upstream(body)
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Upstream(body) => Pin::new(body).poll_frame(cx),
            Self::Instance(events) => {
                let frame = Pin::new(&mut events.messages).poll_frame(cx);
                frame.map(|frame| frame.map(|frame| frame.map_err(|never| match never {})))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Upstream(body) if body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Upstream(body) => body.size_hint(),
            Self::Instance(_) => SizeHint::default(),
        }
    }
}

/// An answer on its way.
pub struct Stream {
    upstream: Option<Source>,
    reservation: Option<Reservation>,
    status: u16,
    /// Bytes that may still come: a call's answer has an end, a long-lived stream may go on for ever.
    bytes_left: u64,
    bytes_out: u64,
    rewriting: Option<Rewriting>,
    /// For a long-lived stream: when the node drains, and what to say then.
    draining: Option<(Pin<Box<WaitForCancellationFutureOwned>>, Bytes)>,
    /// By which it is asked how long the answer may go on.
    snapshot: Option<Arc<ArcSwap<Snapshot>>>,
    /// How long it may go on. Made once the answer has kept us waiting: most answers never do.
    lease: Option<Lease>,
    /// It broke off, and the client is yet to be told.
    broken: Option<BrokenOff>,
    /// How long it may take from one piece to the next, looked at as often as the lease is; none: as long as it likes.
    patience: Option<Duration>,
    waiting_since: Option<Instant>,
    /// Goes on reading when the client has left: a legacy client that disconnects has not cancelled.
    outlives_client: bool,
}

/// Events are held until they are whole, shortened, and passed on.
pub(crate) struct Rewriting {
    splitter: Splitter,
    server: String,
    event_bytes_max: u64,
}

impl Rewriting {
    pub(crate) fn new(server: &str, event_bytes_max: u64) -> Self {
        Self { splitter: Splitter::default(), server: server.to_owned(), event_bytes_max }
    }
}

/// Whether a grant shows an entry of a list.
pub(crate) fn shows(grant: &Grant, listed: Listed<'_>) -> bool {
    match listed {
        Listed::Tool(name) => grant.tools().grants(name),
        Listed::Prompt(name) => grant.prompts().grants(name),
        Listed::Resource(uri) | Listed::Template(uri) => grant.resources().grants(uri),
    }
}

impl Stream {
    pub(crate) fn new(upstream: impl Into<Source>, reservation: Reservation, status: u16) -> Self {
        let grant = reservation.tenant().grant(&reservation.call().server).filter(|_| !reservation.is_stream());
        let bytes_left = grant.map_or(u64::MAX, |grant| grant.server().limits.reply_bytes_max);
        Self {
            upstream: Some(upstream.into()),
            reservation: Some(reservation),
            status,
            bytes_left,
            bytes_out: 0,
            rewriting: None,
            draining: None,
            snapshot: None,
            lease: None,
            broken: None,
            patience: None,
            waiting_since: None,
            outlives_client: false,
        }
    }

    pub(crate) fn rewriting(mut self, rewriting: Rewriting) -> Self {
        self.rewriting = Some(rewriting);
        self
    }

    pub(crate) fn ending_with(mut self, draining: WaitForCancellationFutureOwned, last: Bytes) -> Self {
        self.draining = Some((Box::pin(draining), last));
        self
    }

    /// It ends when what stands in the snapshot says so.
    pub(crate) fn under(mut self, snapshot: Arc<ArcSwap<Snapshot>>) -> Self {
        self.snapshot = Some(snapshot);
        self
    }

    pub(crate) fn waiting_for(mut self, patience: Option<Duration>) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) fn outliving_client(mut self) -> Self {
        self.outlives_client = true;
        self
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(broken) = self.broken.take() {
            return Poll::Ready(Some(Err(broken)));
        }
        loop {
            if let Some(last) = self.drained(cx) {
                self.end(Outcome::Answered, "the node drained");
                return Poll::Ready((!last.is_empty()).then(|| Ok(Frame::data(last))));
            }
            if let Some(Poll::Ready(why)) = self.lease.as_mut().map(|lease| lease.poll_over(cx)) {
                self.end(Outcome::Abandoned, why);
                return Poll::Ready(None);
            }
            let Some(upstream) = &mut self.upstream else { return Poll::Ready(None) };
            let Poll::Ready(frame) = Pin::new(upstream).poll_frame(cx) else {
                if let (Some(snapshot), Some(reservation)) = (self.snapshot.take(), &self.reservation) {
                    self.lease = Some(Lease::new(snapshot, reservation));
                    continue;
                }
                if self.waited_out() {
                    return self.break_off("nothing came for `answer_timeout_ms`", cx);
                }
                return Poll::Pending;
            };
            self.waiting_since = None;
            match frame {
                Some(Ok(frame)) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    let Some(left) = self.bytes_left.checked_sub(bytes.len() as u64) else {
                        return self.break_off("it is over `reply_bytes_max`", cx);
                    };
                    self.bytes_left = left;
                    match self.pass(bytes) {
                        Some(bytes) if bytes.is_empty() => {}
                        Some(bytes) => {
                            // Of an answer whose length is known nobody asks what comes after the last byte.
                            if self.rewriting.is_none() && self.upstream.as_ref().is_some_and(Body::is_end_stream) {
                                self.ended();
                            }
                            return Poll::Ready(Some(Ok(Frame::data(bytes))));
                        }
                        None => return Poll::Ready(None),
                    }
                }
                Some(Err(error)) => return self.break_off(&error.to_string(), cx),
                None => {
                    let last = self.finish();
                    return Poll::Ready((!last.is_empty()).then(|| Ok(Frame::data(last))));
                }
            }
        }
    }

    /// The length that the upstream gave, if these bytes pass as they are.
    fn size_hint(&self) -> SizeHint {
        match (&self.upstream, &self.rewriting, &self.draining) {
            (Some(upstream), None, None) if !upstream.is_end_stream() => upstream.size_hint(),
            _ => SizeHint::default(),
        }
    }

    /// Whether the next piece has been waited for as long as there is patience.
    fn waited_out(&mut self) -> bool {
        let Some(patience) = self.patience else { return false };
        self.waiting_since.get_or_insert_with(Instant::now).elapsed() >= patience
    }

    /// Ends a broken answer. The client is told at the next poll: what came before the break, be it the head alone, would
    /// else be dropped unsent with it.
    fn break_off(&mut self, why: &str, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let cause = format!("the answer broke off: {why}");
        self.end(Outcome::UpstreamError, &cause);
        self.broken = Some(BrokenOff(cause));
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The upstream has said all: what was held back goes, if it is whole.
    fn finish(&mut self) -> Bytes {
        let last = match (&mut self.rewriting, &self.reservation) {
            (Some(rewriting), Some(reservation)) => rewriting.finish(reservation),
            _ => Ok(Vec::new()),
        };
        match last {
            Ok(last) => {
                self.bytes_out += last.len() as u64;
                self.ended();
                last.into()
            }
            Err(cause) => {
                self.end(Outcome::UpstreamError, cause);
                Bytes::new()
            }
        }
    }

    fn drained(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        let (draining, last) = self.draining.as_mut()?;
        draining.as_mut().poll(cx).is_ready().then(|| std::mem::take(last))
    }

    /// What of these bytes may go to the client; `None` ends the answer.
    fn pass(&mut self, bytes: Bytes) -> Option<Bytes> {
        let passed = match (&mut self.rewriting, &self.reservation) {
            (Some(rewriting), Some(reservation)) => match rewriting.pass(&bytes, reservation) {
                Ok(passed) => passed.into(),
                Err(cause) => {
                    self.end(Outcome::UpstreamError, cause);
                    return None;
                }
            },
            _ => bytes,
        };
        self.bytes_out += passed.len() as u64;
        Some(passed)
    }

    /// The answer has come to its end.
    fn ended(&mut self) {
        self.end(if self.status < 400 { Outcome::Answered } else { Outcome::UpstreamError }, "");
    }

    fn end(&mut self, outcome: Outcome, cause: &str) {
        self.upstream = None;
        self.draining = None;
        self.lease = None;
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(Settlement {
                outcome,
                cause: cause.to_owned(),
                status: self.status,
                bytes_out: self.bytes_out,
            });
        }
    }
}

impl Rewriting {
    fn pass(&mut self, bytes: &[u8], reservation: &Reservation) -> Result<Vec<u8>, &'static str> {
        let grant = self.grant(reservation)?;
        self.splitter.push(bytes);
        let mut passed = Vec::new();
        while let Some(event) = self.splitter.next_event() {
            passed.append(&mut shown(event, grant)?);
        }
        if self.splitter.pending() as u64 > self.event_bytes_max {
            return Err("an event is over `filtered_bytes_max`");
        }
        Ok(passed)
    }

    /// The last event, where only the end of the stream says that it is whole.
    fn finish(&mut self, reservation: &Reservation) -> Result<Vec<u8>, &'static str> {
        let grant = self.grant(reservation)?;
        self.splitter.finish().map_or(Ok(Vec::new()), |event| shown(event, grant))
    }

    fn grant<'a>(&self, reservation: &'a Reservation) -> Result<&'a Grant, &'static str> {
        reservation.tenant().grant(&self.server).ok_or("the server is not granted any more")
    }
}

/// An event as the tenant may see it.
fn shown(event: Event, grant: &Grant) -> Result<Vec<u8>, &'static str> {
    let Some(data) = event.data() else { return Ok(event.into_bytes()) };
    let rewritten = rewrite(&data, &|listed| shows(grant, listed)).map_err(|_| "an event is not one JSON message")?;
    Ok(match rewritten {
        Some(data) => event.with_data(&data),
        None => event.into_bytes(),
    })
}

impl Drop for Stream {
    /// The client left. A modern client has cancelled: the upstream connection closes with the body, and the
    /// reservation books the call as abandoned. A legacy client has not: the answer is read to its end.
    fn drop(&mut self) {
        let (true, Some(upstream), Some(reservation)) =
            (self.outlives_client, self.upstream.take(), self.reservation.take())
        else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (status, bytes_out) = (self.status, self.bytes_out);
            runtime.spawn(read_on(upstream, reservation, status, bytes_out));
        }
    }
}

/// How long an answer that nobody waits for is read. Default 5 minutes: the longest that clients wait.
const READ_ON: Duration = Duration::from_mins(5);

async fn read_on(mut upstream: Source, reservation: Reservation, status: u16, bytes_out: u64) {
    use http_body_util::BodyExt;
    let rest = async {
        loop {
            match upstream.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return Outcome::UpstreamError,
                None => return Outcome::Answered,
            }
        }
    };
    let outcome = tokio::time::timeout(READ_ON, rest).await.unwrap_or(Outcome::Abandoned);
    let cause = "the client left before the end".to_owned();
    reservation.settle(Settlement { outcome, cause, status, bytes_out });
}
