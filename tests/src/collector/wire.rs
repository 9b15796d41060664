//! A connection that can be cut at any byte, or frozen.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

/// Whoever holds it can cut the connection.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    token: CancellationToken,
    /// How many bytes may still be written.
    bytes_left: Arc<AtomicUsize>,
    /// Nothing is read or written any more.
    is_frozen: Arc<AtomicBool>,
}

impl Cut {
    pub(super) fn new(token: CancellationToken) -> Self {
        let bytes_left = Arc::new(AtomicUsize::new(usize::MAX));
        Self { token, bytes_left, is_frozen: Arc::default() }
    }

    /// Cuts it now.
    pub(super) fn now(&self) {
        self.token.cancel();
    }

    /// Lets nothing through any more.
    pub(super) fn freeze(&self) {
        self.is_frozen.store(true, SeqCst);
    }

    /// Cuts it once this many more bytes are written.
    pub(super) fn after(&self, bytes: usize) {
        self.bytes_left.store(bytes, SeqCst);
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection.
pub(super) struct Wire {
    inner: Box<dyn Io>,
    cut: Cut,
    is_cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Wire {
    pub(super) fn new(
        inner: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        cut: Cut,
    ) -> Self {
        let is_cut = Box::pin(cut.token.clone().cancelled_owned());
        Self { inner: Box::new(inner), cut, is_cut }
    }

    pub(super) fn cut(&self) -> Cut {
        self.cut.clone()
    }

    fn poll_cut(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.is_cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("cut", &self.cut).finish_non_exhaustive()
    }
}

impl Connected for Wire {
    type ConnectInfo = Cut;

    fn connect_info(&self) -> Cut {
        self.cut()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_cut(context)?;
        if self.cut.is_frozen.load(SeqCst) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_cut(context)?;
        if self.cut.is_frozen.load(SeqCst) {
            return Poll::Pending;
        }
        let left = self.cut.bytes_left.load(SeqCst);
        if left == 0 {
            self.cut.now();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let allowed = bytes.get(..left).unwrap_or(bytes);
        let written = Pin::new(&mut self.inner).poll_write(context, allowed);
        if let Poll::Ready(Ok(written)) = written
            && left != usize::MAX
        {
            self.cut.bytes_left.fetch_sub(written, SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
