//! Where decisions are recorded, as a port.

use std::future::Future;
use std::pin::Pin;

use crate::outcome::CallOutcome;
use crate::record::DecisionRecord;
use crate::rollout::RolloutRecord;
use crate::shadow::ShadowRecord;

/// A record could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the decision log cannot be written")]
pub struct LogError(#[source] pub std::io::Error);

/// What is recorded.
#[derive(Clone, Copy, Debug)]
pub enum LogEntry<'a> {
    /// An answer.
    Decision(&'a DecisionRecord),
    /// What became of an allowed call.
    Outcome(&'a CallOutcome),
    /// What became of a revision of the bundle.
    Rollout(&'a RolloutRecord),
    /// What a revision in the shadow would have answered otherwise.
    Shadow(&'a ShadowRecord),
}

/// The future of one append. It owns what it needs of the entry.
pub type LogFuture<'a> = Pin<Box<dyn Future<Output = Result<(), LogError>> + Send + 'a>>;

/// Keeps decision records.
pub trait DecisionLog: Send + Sync {
    /// Keeps an entry. What is recorded is fixed before this returns; an answer is given only
    /// after the future has succeeded.
    ///
    /// # Errors
    /// The entry is not kept; the answer has to be a deny.
    fn append<'a>(&'a self, entry: LogEntry<'_>) -> LogFuture<'a>;

    /// Whether the last try to write succeeded.
    fn is_available(&self) -> bool {
        true
    }
}
