//! A stream that must begin to speak HTTP/2 before a deadline.
//!
//! Without one, connections that say nothing would keep their places for ever: keep-alive pings
//! begin only after the first bytes of HTTP/2.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// What a caller sends before anything else: the fixed line of HTTP/2, and the head of a settings
/// frame (RFC 9113, section 3.4).
const OPENING_BYTES: usize = 24 + 9;

/// A stream whose reads fail when the deadline has passed and the opening is not complete.
#[derive(Debug)]
pub(crate) struct Opening<S> {
    stream: S,
    /// `None`: it is complete.
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    deadline: Pin<Box<Sleep>>,
    bytes: usize,
}

impl<S> Opening<S> {
    pub(crate) fn new(stream: S, deadline: Instant) -> Self {
        let pending = Pending { deadline: Box::pin(sleep_until(deadline)), bytes: 0 };
        Self { stream, pending: Some(pending) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, pending } = self.get_mut();
        let Some(opening) = pending else {
            return Pin::new(stream).poll_read(context, buffer);
        };
        if opening.deadline.as_mut().poll(context).is_ready() {
            let message = "the caller did not begin to speak HTTP/2 in time";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(stream).poll_read(context, buffer))?;
        opening.bytes += buffer.filled().len().saturating_sub(before);
        if opening.bytes >= OPENING_BYTES {
            *pending = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
