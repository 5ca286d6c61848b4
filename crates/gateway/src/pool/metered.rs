//! A connection to an upstream that may say so much, and no more, before its answer has begun.
//!
//! HTTP lets a server send informational answers (100, 103) before the answer as often as it likes, and reading them
//! never ends by itself: an upstream that sends nothing else would keep a processor busy until `answer_timeout_ms`. The
//! answer itself is not bounded here; `reply_bytes_max` is for that.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that an upstream may send until the head of its answer is there, informational answers included. Default
/// 128 KiB: twice what we take from a client. One read more may come along.
pub(super) const HEAD_BYTES_MAX: usize = 128 << 10;

/// What a connection may still say before its answer begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Left(Arc<AtomicUsize>);

impl Left {
    /// An answer is waited for.
    pub(super) fn begin(&self) {
        self.0.store(HEAD_BYTES_MAX, Ordering::Relaxed);
    }

    /// Its head is there.
    pub(super) fn end(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    /// Counts what came. Only whoever drives the connection does, so nobody comes between.
    fn take(&self, bytes: usize) {
        let left = self.0.load(Ordering::Relaxed);
        if left != usize::MAX {
            self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        }
    }
}

/// A stream that is counted.
pub(super) struct Metered<S> {
    stream: S,
    left: Left,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S, left: Left) -> Self {
        left.end();
        Self { stream, left }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left.0.load(Ordering::Relaxed) == 0 {
            let why = format!("no answer begins in the first {HEAD_BYTES_MAX} bytes");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        this.left.take(buffer.filled().len() - before);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
