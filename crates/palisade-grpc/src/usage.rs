//! Counts what connections hold in memory, so that all of them together cannot take all of it.
//!
//! Each connection has an allowance of its own; what it holds beyond that counts against a budget
//! that all share. Whoever asks for ordinary things is thus answered however much others hold.
//! What HTTP/2 keeps before a call is given it is bounded by windows instead (`connection.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use palisade_core::limits::STREAM_IN_FLIGHT_MAX;

/// Bytes that a connection may hold whatever the others do.
// LIMIT: 60 calls of ordinary size at once, or a stream with all that may be in flight on it and as
// many calls beside it. A thousand connections have 256 MiB of it.
pub(crate) const CONNECTION_ALLOWANCE_BYTES: usize = 256 * 1024;

/// What a call costs beside its headers and messages: what HTTP/2 and its handler keep for it.
pub(crate) const CALL_BYTES: usize = 4 * 1024;

/// What the call of a stream costs further: what is kept for each request in flight on it.
pub(crate) const STREAM_BYTES: usize = STREAM_IN_FLIGHT_MAX * 1024;

/// What a message costs beside its bytes.
pub(crate) const MESSAGE_BYTES: usize = 32;

/// Bytes that all connections together may hold beyond their allowances.
#[derive(Debug)]
pub(crate) struct Budget {
    held: AtomicUsize,
    max: usize,
}

/// What one connection holds, and how that changes.
// All that changes it happens on the connection's thread, so the atomics are never waited for.
#[derive(Debug)]
pub(crate) struct Usage {
    budget: Arc<Budget>,
    /// Bytes, those within the allowance included.
    held: AtomicUsize,
    /// Counts up whenever bytes are charged or released.
    changes: AtomicUsize,
    /// Messages of answers that were given to HTTP/2 and are not written.
    unsent: AtomicUsize,
    /// Counts up whenever one is given or written.
    unsent_changes: AtomicUsize,
}

/// Bytes that are held until dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    usage: Arc<Usage>,
    bytes: usize,
}

/// A message of an answer on its way out, until it is written or given up.
#[derive(Debug)]
pub(crate) struct Unsent(Arc<Usage>);

impl Budget {
    pub(crate) fn new(max: usize) -> Self {
        Self { held: AtomicUsize::new(0), max }
    }
}

impl Usage {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            held: AtomicUsize::new(0),
            changes: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            unsent_changes: AtomicUsize::new(0),
        }
    }

    /// Holds bytes. `None`: there is no room for them.
    pub(crate) fn charge(self: &Arc<Self>, bytes: usize) -> Option<Charge> {
        self.changes.fetch_add(1, Ordering::Relaxed);
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        // Gives them back if there is no room.
        let charge = Charge { usage: Arc::clone(self), bytes };
        let shared = beyond_allowance(before, bytes);
        if shared == 0 {
            return Some(charge);
        }
        let others = self.budget.held.fetch_add(shared, Ordering::Relaxed);
        (others.saturating_add(shared) <= self.budget.max).then_some(charge)
    }

    /// A message of an answer is given to HTTP/2.
    pub(crate) fn unsent(self: &Arc<Self>) -> Unsent {
        self.unsent.fetch_add(1, Ordering::Relaxed);
        self.unsent_changes.fetch_add(1, Ordering::Relaxed);
        Unsent(Arc::clone(self))
    }

    /// Waits until there was no call for at least so long, and less than twice that.
    pub(crate) async fn idle(&self, period: Duration) {
        self.unchanged(period, &self.changes, &self.held, |held| held == 0).await;
    }

    /// Waits until answers were ready and none was taken for at least so long, and less than twice
    /// that.
    pub(crate) async fn stalled(&self, period: Duration) {
        self.unchanged(period, &self.unsent_changes, &self.unsent, |unsent| unsent > 0).await;
    }

    /// Waits for a period in which nothing changed and after which a number is as it should be.
    // Looking once in a period instead of keeping times costs the calls themselves nothing.
    async fn unchanged(
        &self,
        period: Duration,
        changes: &AtomicUsize,
        number: &AtomicUsize,
        wanted: impl Fn(usize) -> bool,
    ) {
        loop {
            let before = changes.load(Ordering::Relaxed);
            sleep(period).await;
            let unchanged = changes.load(Ordering::Relaxed) == before;
            if unchanged && wanted(number.load(Ordering::Relaxed)) {
                return;
            }
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let Self { usage, bytes } = self;
        usage.changes.fetch_add(1, Ordering::Relaxed);
        let before = usage.held.fetch_sub(*bytes, Ordering::Relaxed);
        let shared = beyond_allowance(before.saturating_sub(*bytes), *bytes);
        if shared > 0 {
            usage.budget.held.fetch_sub(shared, Ordering::Relaxed);
        }
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.0.unsent.fetch_sub(1, Ordering::Relaxed);
        self.0.unsent_changes.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many of these bytes are beyond the allowance of a connection that holds others already.
fn beyond_allowance(already: usize, bytes: usize) -> usize {
    let over = |held: usize| held.saturating_sub(CONNECTION_ALLOWANCE_BYTES);
    over(already.saturating_add(bytes)).saturating_sub(over(already))
}

#[cfg(test)]
mod tests;
