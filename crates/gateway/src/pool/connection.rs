//! One connection to an upstream, driven by whoever waits for it: no task of its own, so that an exchange wakes nobody
//! else and ends where its owner does.
//!
//! Dropped within an exchange it closes. Only an answer that was read to its end, neither short nor long, gives the
//! connection back.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::metered::{HEAD_BYTES_MAX, Left, Metered};
use super::{Body, Home};

/// What does the reading and writing.
type Driver = http1::Connection<TokioIo<Metered<Box<dyn Stream>>>, Body>;

/// What leads to an upstream: TCP with or without TLS, or the socket of an instance.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) struct Connection {
    sender: SendRequest<Body>,
    driver: Pin<Box<Driver>>,
    left: Left,
    idle_since: Instant,
}

impl Connection {
    pub(super) async fn open(stream: Box<dyn Stream>) -> hyper::Result<Self> {
        let left = Left::default();
        let stream = TokioIo::new(Metered::new(stream, left.clone()));
        let (sender, driver) = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(stream).await?;
        Ok(Self { sender, driver: Box::pin(driver), left, idle_since: Instant::now() })
    }

    /// Whether it was idle for longer than that.
    pub(super) fn idle_for(&self, time: Duration) -> bool {
        self.idle_since.elapsed() > time
    }

    /// Whether another request may go down it: the upstream has neither closed it nor said what nobody asked for.
    pub(super) async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.driver.as_mut().poll(cx).is_pending() && self.sender.is_ready())).await
    }

    /// Sends a request and waits for the head of its answer. The error has the request if nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        self.left.begin();
        let answer = poll_fn(|cx| {
            // The answer comes out of the driver, so it is the driver that wakes us, and once is enough.
            let _ = driver.as_mut().poll(cx);
            answer.as_mut().poll(&mut quiet())
        })
        .await;
        self.left.end();
        answer
    }

    /// Whether it is idle again, an exchange having ended.
    fn rested(&mut self) -> bool {
        let open = self.driver.as_mut().poll(&mut quiet()).is_pending();
        self.idle_since = Instant::now();
        open && self.sender.is_ready()
    }
}

/// A context that wakes nobody.
fn quiet() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// The body of an upstream's answer, and the connection that it comes from.
pub(crate) struct AnswerBody {
    incoming: Incoming,
    /// None once the answer has ended.
    connection: Option<(Connection, Home)>,
    /// What must stand for so long.
    _holding: Option<Hold>,
}

/// What an answer holds on to until it is dropped.
pub(crate) type Hold = Box<dyn Send + Sync>;

impl AnswerBody {
    pub(super) fn new(incoming: Incoming, connection: Connection, home: Home) -> Self {
        Self { incoming, connection: Some((connection, home)), _holding: None }
    }

    /// The same, holding on to something.
    pub(crate) fn holding(self, hold: Option<Hold>) -> Self {
        Self { _holding: hold, ..self }
    }

    /// The answer has ended: its connection goes home, if it is fit for another exchange.
    fn end(&mut self) {
        if let Some((mut connection, home)) = self.connection.take()
            && connection.rested()
        {
            home.give(connection);
        }
    }

    fn frame(&mut self) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.incoming).poll_frame(&mut quiet());
        match &frame {
            Poll::Ready(None) => self.end(),
            Poll::Ready(Some(Ok(_))) if self.incoming.is_end_stream() => self.end(),
            Poll::Ready(Some(Err(_))) => self.connection = None,
            _ => {}
        }
        frame
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = this.frame();
        if frame.is_ready() {
            return frame;
        }
        let Some((connection, _)) = &mut this.connection else { return Pin::new(&mut this.incoming).poll_frame(cx) };
        // What it read is in the body by now; when there is more to read, it wakes us.
        let _ = connection.driver.as_mut().poll(cx);
        this.frame()
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
