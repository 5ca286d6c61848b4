//! The answer's body. It carries the reservation, so the call settles when the answer ends, also when it is dropped.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use partywall_domain::Outcome;
use partywall_ledger::{Reservation, Settlement};
use partywall_mcp::{Listed, Splitter, rewrite};
use partywall_tenancy::Grant;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::lease::Lease;
use crate::pool::AnswerBody;

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

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
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

/// An answer on its way.
pub struct Stream {
    upstream: Option<AnswerBody>,
    reservation: Option<Reservation>,
    status: u16,
    bytes_out: u64,
    rewriting: Option<Rewriting>,
    /// For a long-lived stream: when the node drains, and what to say then.
    draining: Option<(Pin<Box<WaitForCancellationFutureOwned>>, Bytes)>,
    /// How long it may go on. Asked once the answer has kept us waiting: most answers never do.
    lease: Option<Lease>,
    waited: bool,
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
    pub(crate) fn new(upstream: AnswerBody, reservation: Reservation, status: u16) -> Self {
        Self {
            upstream: Some(upstream),
            reservation: Some(reservation),
            status,
            bytes_out: 0,
            rewriting: None,
            draining: None,
            lease: None,
            waited: false,
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

    pub(crate) fn under(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    pub(crate) fn outliving_client(mut self) -> Self {
        self.outlives_client = true;
        self
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        loop {
            if let Some(last) = self.drained(cx) {
                self.end(Outcome::Answered, "the node drained");
                return Poll::Ready((!last.is_empty()).then(|| Ok(Frame::data(last))));
            }
            let lease = self.lease.as_mut().filter(|_| self.waited);
            if let Some(Poll::Ready(why)) = lease.map(|lease| lease.poll_over(cx)) {
                self.end(Outcome::Abandoned, why);
                return Poll::Ready(None);
            }
            let Some(upstream) = &mut self.upstream else { return Poll::Ready(None) };
            let Poll::Ready(frame) = Pin::new(upstream).poll_frame(cx) else {
                if std::mem::replace(&mut self.waited, true) {
                    return Poll::Pending;
                }
                continue;
            };
            match frame {
                Some(Ok(frame)) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    match self.pass(bytes) {
                        Some(bytes) if bytes.is_empty() => {}
                        Some(bytes) => {
                            // Of an answer whose length is known nobody asks what comes after the last byte.
                            if self.upstream.as_ref().is_some_and(Body::is_end_stream) {
                                self.ended();
                            }
                            return Poll::Ready(Some(Ok(Frame::data(bytes))));
                        }
                        None => return Poll::Ready(None),
                    }
                }
                Some(Err(error)) => {
                    self.end(Outcome::UpstreamError, &format!("the answer broke off: {error}"));
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.ended();
                    return Poll::Ready(None);
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
        let grant = reservation.tenant().grant(&self.server).ok_or("the server is not granted any more")?;
        self.splitter.push(bytes);
        let mut passed = Vec::new();
        while let Some(event) = self.splitter.next_event() {
            let rewritten = match event.data() {
                Some(data) => {
                    rewrite(&data, &|listed| shows(grant, listed)).map_err(|_| "an event is not one JSON message")?
                }
                None => None,
            };
            match rewritten {
                Some(data) => passed.extend_from_slice(&event.with_data(&data)),
                None => passed.extend_from_slice(&event.into_bytes()),
            }
        }
        if self.splitter.pending() as u64 > self.event_bytes_max {
            return Err("an event is over `filtered_bytes_max`");
        }
        Ok(passed)
    }
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
const READ_ON: std::time::Duration = std::time::Duration::from_mins(5);

async fn read_on(mut upstream: AnswerBody, reservation: Reservation, status: u16, bytes_out: u64) {
    use http_body_util::BodyExt;
    let rest = async { while upstream.frame().await.is_some_and(|frame| frame.is_ok()) {} };
    let outcome = tokio::time::timeout(READ_ON, rest).await.map_or(Outcome::Abandoned, |()| Outcome::Answered);
    let cause = "the client left before the end".to_owned();
    reservation.settle(Settlement { outcome, cause, status, bytes_out });
}
