//! The body of a response on its way to its caller.
//!
//! HTTP/2 keeps what the caller does not read. So each message of an answer is charged from when it
//! is given to HTTP/2 until it is written, and the call that it answers with it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Bytes, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use crate::error::CallError;
use crate::status;
use crate::usage::{Charge, Unsent, Usage};

/// A response's body.
#[derive(Debug)]
pub(crate) struct Outlet {
    body: Body,
    usage: Arc<Usage>,
    call: Arc<Charge>,
    /// There was no room for an answer.
    refused: bool,
}

/// Bytes of an answer. Dropped when they are written, or when nobody wants them any more.
struct Answer {
    bytes: Bytes,
    _held: Charge,
    _unsent: Unsent,
    _call: Arc<Charge>,
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Outlet {
    /// The body of what answers a call.
    pub(crate) const fn new(body: Body, usage: Arc<Usage>, call: Arc<Charge>) -> Self {
        Self { body, usage, call, refused: false }
    }

    fn charged(&self, bytes: Bytes) -> Option<Bytes> {
        let held = self.usage.charge(bytes.len())?;
        let (unsent, call) = (self.usage.unsent(), Arc::clone(&self.call));
        Some(Bytes::from_owner(Answer { bytes, _held: held, _unsent: unsent, _call: call }))
    }
}

impl hyper::body::Body for Outlet {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.refused {
            return Poll::Ready(None);
        }
        let frame = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            ended => return Poll::Ready(ended),
        };
        Poll::Ready(Some(Ok(match frame.into_data().map(|bytes| this.charged(bytes)) {
            Ok(Some(bytes)) => Frame::data(bytes),
            Ok(None) => {
                this.refused = true;
                Frame::trailers(status::trailers(&CallError::BytesExhausted))
            }
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.refused || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
