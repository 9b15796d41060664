//! The body of a request on its way to its handler.
//!
//! The length of a gRPC message stands before it. Here it is charged before anything is kept of it,
//! so that no caller makes the server keep more than there is room for; here too its fields are
//! counted, and a message that has begun has to end in time. Nothing is decoded or kept here.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use crate::error::{CallError, RequestError};
use crate::fields::FieldCount;
use crate::methods::{Method, Methods};
use crate::status;
use crate::usage::{Charge, MESSAGE_BYTES, Usage};

/// What stands before a message: a flag, and its length as a 32-bit number.
const PREFIX_BYTES: usize = 1 + 4;

/// What the messages of one call hold.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Held to add or to take one.
    messages: Mutex<VecDeque<HeldMessage>>,
}

/// What one message holds until dropped.
#[derive(Debug)]
pub(crate) struct HeldMessage {
    _bytes: Charge,
    /// If it has so many that they take more than the bytes.
    fields: Option<Charge>,
}

/// A request's body.
#[derive(Debug)]
pub(crate) struct Intake {
    body: Incoming,
    messages: Messages,
    /// How long a message may take to arrive.
    message_timeout: Duration,
    /// Runs while a message has begun and its rest is waited for.
    late: Option<Pin<Box<Sleep>>>,
    failed: bool,
}

/// A request's body cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// What reads the body finds the status in here.
    #[error("the request is refused")]
    Refused(#[source] Status),
    #[error("the request does not arrive")]
    Transport(#[source] hyper::Error),
}

type Polled = Poll<Option<Result<Frame<Bytes>, IntakeError>>>;

/// What is known of the messages in a body.
#[derive(Debug)]
pub(crate) struct Messages {
    pub(crate) methods: Arc<Methods>,
    pub(crate) method: Method,
    pub(crate) usage: Arc<Usage>,
    pub(crate) held: Arc<Held>,
    pub(crate) position: Position,
}

/// Where in its messages a body is.
#[derive(Debug)]
pub(crate) enum Position {
    /// Before a message: what has arrived of its prefix.
    Prefix { bytes: [u8; PREFIX_BYTES], arrived: usize },
    /// Within a message.
    Message { left: usize, fields: Option<FieldCount> },
}

impl Held {
    /// Takes what the oldest message holds, so that it can be released when that is dealt with.
    pub(crate) fn take_oldest(&self) -> Option<HeldMessage> {
        self.lock().pop_front()
    }

    fn begin(&self, bytes: Charge) {
        self.lock().push_back(HeldMessage { _bytes: bytes, fields: None });
    }

    /// The newest message has ended, and its fields take this.
    fn end(&self, fields: Charge) {
        if let Some(newest) = self.lock().back_mut() {
            newest.fields = Some(fields);
        }
    }

    /// Nothing that panics runs under this lock, so poison says nothing about what it holds.
    fn lock(&self) -> MutexGuard<'_, VecDeque<HeldMessage>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intake {
    pub(crate) const fn new(body: Incoming, messages: Messages, message_timeout: Duration) -> Self {
        Self { body, messages, message_timeout, late: None, failed: false }
    }

    fn fail(&mut self, error: &CallError) -> Polled {
        self.failed = true;
        Poll::Ready(Some(Err(IntakeError::Refused(status::of(error, "")))))
    }

    /// Waits for more, unless a message has begun and its time is up.
    fn wait(&mut self, context: &mut Context<'_>) -> Polled {
        if !self.messages.position.is_within() {
            return Poll::Pending;
        }
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(self.message_timeout)));
        match late.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => self.fail(&CallError::MessageLate),
        }
    }
}

impl Body for Intake {
    type Data = Bytes;
    type Error = IntakeError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let this = self.get_mut();
        if this.failed {
            return Poll::Ready(None);
        }
        let frame = match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Pending => return this.wait(context),
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(ended) => {
                return Poll::Ready(ended.map(|failed| failed.map_err(IntakeError::Transport)));
            }
        };
        if let Some(data) = frame.data_ref() {
            match this.messages.take_in(data) {
                Ok(true) => this.late = None,
                Ok(false) => {}
                Err(error) => return this.fail(&error),
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.body.is_end_stream()
    }
}

impl Messages {
    /// Looks at the next bytes of a body; whether a message ended in them.
    fn take_in(&mut self, mut data: &[u8]) -> Result<bool, CallError> {
        let mut message_ended = false;
        while let Some((first, rest)) = data.split_first() {
            match &mut self.position {
                Position::Prefix { bytes, arrived } => {
                    if let Some(byte) = bytes.get_mut(*arrived) {
                        *byte = *first;
                    }
                    *arrived = arrived.saturating_add(1);
                    data = rest;
                    if *arrived == PREFIX_BYTES {
                        let [_flag, length @ ..] = *bytes;
                        self.position = self.begin(u32::from_be_bytes(length))?;
                    }
                }
                Position::Message { left, fields } => {
                    let (piece, behind) = data.split_at_checked(*left).unwrap_or((data, &[]));
                    if let Some(fields) = fields {
                        fields.feed(piece)?;
                    }
                    *left = left.saturating_sub(piece.len());
                    data = behind;
                }
            }
            if let Position::Message { left: 0, fields } = &self.position {
                self.end(fields.as_ref().map_or(0, FieldCount::bytes_beyond))?;
                message_ended = true;
                self.position = Position::START;
            }
        }
        Ok(message_ended)
    }

    fn begin(&self, bytes: u32) -> Result<Position, CallError> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes > self.method.message_bytes_max {
            return Err(RequestError::MessageTooLarge.into());
        }
        // At once, since room is made for all of it at once.
        let charge = self
            .usage
            .charge(bytes.saturating_add(MESSAGE_BYTES))
            .ok_or(CallError::BytesExhausted)?;
        self.held.begin(charge);
        let fields = self.methods.field_count(self.method, bytes);
        Ok(Position::Message { left: bytes, fields })
    }

    fn end(&self, bytes_beyond: usize) -> Result<(), CallError> {
        if bytes_beyond > 0 {
            let charge = self.usage.charge(bytes_beyond);
            self.held.end(charge.ok_or(CallError::BytesExhausted)?);
        }
        Ok(())
    }
}

impl Position {
    /// Before the first message.
    pub(crate) const START: Self = Self::Prefix { bytes: [0; PREFIX_BYTES], arrived: 0 };

    /// Whether a message has begun and has not ended.
    const fn is_within(&self) -> bool {
        match self {
            Self::Prefix { arrived, .. } => *arrived > 0,
            Self::Message { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests;
