//! gRPC messages, encoded once. What has to differ from call to call is a number of 16 digits
//! that is written over in place, so that the load generator encodes nothing.

use bytes::Bytes;
use palisade_proto::v1;

use crate::organisation::{Call, READ_COUNTER, UNREAD_COUNTER};

/// The request id of a stream's messages, which has to differ among those in flight.
const ID_COUNTER: &str = "s0000000000000000";

/// Digits of a counter.
const DIGITS: usize = 16;

/// Bytes before a gRPC message: compression flag and length.
const HEAD_BYTES: usize = 5;

/// What differs from call to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Varying {
    /// Nothing.
    Nothing,
    /// An argument that policies read.
    ReadArgument,
    /// An argument that no policy reads.
    UnreadArgument,
}

/// A gRPC message with its head.
#[derive(Clone, Debug)]
pub struct Frame {
    bytes: Bytes,
    counters: Vec<usize>,
}

impl Frame {
    /// A message with its head as it is sent, always the same.
    #[must_use]
    pub const fn of(bytes: Bytes) -> Self {
        Self { bytes, counters: Vec::new() }
    }

    /// This message, always the same.
    #[must_use]
    pub fn message(message: &impl prost::Message) -> Self {
        Self::with_counters(message, &[])
    }

    /// A message of `Authorize`.
    #[must_use]
    pub fn unary(call: &Call, varying: Varying) -> Self {
        Self::with_counters(&call.request(""), varying.marker().as_slice())
    }

    /// A message of `AuthorizeStream`.
    #[must_use]
    pub fn stream(call: &Call, varying: Varying) -> Self {
        let markers: Vec<&str> = varying.marker().into_iter().chain([ID_COUNTER]).collect();
        Self::with_counters(&call.request(ID_COUNTER), &markers)
    }

    /// A message of `AuthorizeBatch` with so many calls.
    #[must_use]
    pub fn batch(calls: &[Call], size: u64) -> Self {
        let requests =
            calls.iter().cycle().take(size as usize).map(|call| call.request("")).collect();
        Self::with_counters(&v1::AuthorizeBatchRequest { requests }, &[])
    }

    /// The message with its counters set.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Bytes {
        if self.counters.is_empty() {
            return self.bytes.clone();
        }
        let mut digits = [0; DIGITS];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let mut bytes = self.bytes.to_vec();
        for start in &self.counters {
            bytes[*start..*start + DIGITS].copy_from_slice(&digits);
        }
        bytes.into()
    }

    fn with_counters(message: &impl prost::Message, markers: &[&str]) -> Self {
        let bytes = framed(message);
        let place = |marker: &&str| {
            let found = bytes.windows(marker.len()).position(|part| part == marker.as_bytes());
            found.expect("the marker stands in the message") + 1
        };
        let counters = markers.iter().map(place).collect();
        Self { bytes: bytes.into(), counters }
    }
}

impl Varying {
    const fn marker(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::ReadArgument => Some(READ_COUNTER),
            Self::UnreadArgument => Some(UNREAD_COUNTER),
        }
    }
}

fn framed(message: &impl prost::Message) -> Vec<u8> {
    let length = u32::try_from(message.encoded_len()).expect("a small message");
    let mut bytes = vec![0];
    bytes.extend(length.to_be_bytes());
    message.encode(&mut bytes).expect("a vector takes everything");
    bytes
}

/// Reads a message out of its frame.
///
/// # Panics
/// It is none.
#[must_use]
pub fn decoded<M: prost::Message + Default>(frame: &[u8]) -> M {
    M::decode(&frame[HEAD_BYTES..]).expect("a message")
}

/// Counts the messages in a stream of bytes.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    head: Vec<u8>,
    /// Bytes of the open message that are still to come.
    missing: usize,
}

impl Counter {
    /// How many messages end in these bytes.
    pub fn ended(&mut self, mut bytes: &[u8]) -> usize {
        let mut ended = 0;
        while !bytes.is_empty() {
            if self.missing > 0 {
                let taken = self.missing.min(bytes.len());
                self.missing -= taken;
                bytes = &bytes[taken..];
                ended += usize::from(self.missing == 0);
                continue;
            }
            let taken = (HEAD_BYTES - self.head.len()).min(bytes.len());
            self.head.extend(&bytes[..taken]);
            bytes = &bytes[taken..];
            if let [_, a, b, c, d] = self.head[..] {
                self.missing = u32::from_be_bytes([a, b, c, d]) as usize;
                self.head.clear();
                ended += usize::from(self.missing == 0);
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests;
