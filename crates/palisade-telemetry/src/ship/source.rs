//! The durable log as shipping sees it, as a port: tests ship without a disk.

use std::future::Future;
use std::io;

/// A record as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its position in the log.
    pub index: u64,
    /// An encoded `palisade.v1.Record`.
    pub bytes: Vec<u8>,
}

/// The log cannot give or keep something.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Records were deleted because of their age or for space.
    #[error("records before {first} are deleted")]
    Gone {
        /// The first record that is left.
        first: u64,
    },
    /// The disk fails.
    #[error("the decision log cannot be used")]
    Io(#[source] io::Error),
}

/// Where records are shipped from, and where it is kept how far they are.
pub trait Source: Send {
    /// Waits until there is a record at `from`, and answers how many there are in all. Dropping
    /// the future loses nothing.
    fn beyond(&mut self, from: u64) -> impl Future<Output = u64> + Send;

    /// Records from `from` on, without gaps: at most `max_bytes` of them, but at least one if
    /// there is any.
    ///
    /// # Errors
    /// The first of them is deleted, or cannot be read.
    fn read(&mut self, from: u64, max_bytes: usize) -> Result<Vec<Stored>, SourceError>;

    /// The first record that is not shipped yet, as kept on disk.
    fn cursor(&self) -> u64;

    /// Keeps the cursor durably.
    ///
    /// # Errors
    /// It cannot be kept.
    fn advance(&mut self, next: u64) -> Result<(), SourceError>;
}
