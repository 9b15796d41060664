//! The last net: a handler that panics answers `INTERNAL`, and the process lives.
//!
//! Panics are denied by lint, so whatever is caught here is a bug. The panic itself is printed by
//! the process's panic hook; this adds whose request it was.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt as _;

use crate::error::CallError;

/// Catches and counts the panics of handlers.
#[derive(Debug, Default)]
pub(crate) struct PanicGuard {
    count: AtomicU64,
}

impl PanicGuard {
    /// How many panics were caught so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Runs a handler.
    ///
    /// # Errors
    /// The handler's own, or [`CallError::Internal`] if it panicked.
    pub(crate) async fn run<T>(
        &self,
        request_id: &str,
        handler: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        // What a handler shares with others is unwind safe: snapshots are immutable, and who
        // takes a lock copes with poison.
        let ended = AssertUnwindSafe(handler).catch_unwind().await;
        ended.unwrap_or_else(|payload| Err(self.caught(request_id, payload.as_ref())))
    }

    /// Runs a part of a handler that waits for nothing.
    ///
    /// # Errors
    /// As for [`PanicGuard::run`].
    pub(crate) fn catch<T>(
        &self,
        request_id: &str,
        part: impl FnOnce() -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let ended = panic::catch_unwind(AssertUnwindSafe(part));
        ended.unwrap_or_else(|payload| Err(self.caught(request_id, payload.as_ref())))
    }

    fn caught(&self, request_id: &str, payload: &(dyn Any + Send)) -> CallError {
        self.count.fetch_add(1, Ordering::Relaxed);
        tracing::error!(request_id, message = message(payload), "a handler panicked");
        CallError::Internal
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

#[cfg(test)]
mod tests;
