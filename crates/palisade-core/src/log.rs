//! Where decisions are recorded, as a port.

use std::future::Future;
use std::pin::Pin;

use crate::record::DecisionRecord;

/// A record could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the decision log cannot be written")]
pub struct LogError(#[source] pub std::io::Error);

/// The future of one append.
pub type LogFuture<'a> = Pin<Box<dyn Future<Output = Result<(), LogError>> + Send + 'a>>;

/// Keeps decision records.
pub trait DecisionLog: Send + Sync {
    /// Keeps a record. An answer is given only after this has succeeded.
    ///
    /// # Errors
    /// The record is not kept; the answer has to be a deny.
    fn append<'a>(&'a self, record: &'a DecisionRecord) -> LogFuture<'a>;
}
