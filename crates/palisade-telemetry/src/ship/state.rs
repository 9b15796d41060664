//! What shipping has done, for metrics.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};

/// What shipping has done since the process began, and where it is. Written by one task, read by
/// any.
#[derive(Debug)]
pub struct ShipState {
    pub(super) requests: AtomicU64,
    pub(super) shipped: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) gone: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) splits: AtomicU64,
    pub(super) source_failures: AtomicU64,
    pub(super) cursor: AtomicU64,
    pub(super) durable: AtomicU64,
    pub(super) last_failure_unix_ms: AtomicI64,
    pub(super) last_success_unix_ms: AtomicI64,
    pub(super) oldest_unshipped_unix_ms: AtomicI64,
    pub(super) reachable: AtomicBool,
    pub(super) cursor_failed: AtomicBool,
}

/// [`ShipState`] at one moment. Numbers may be apart by the batch that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// Requests that were sent, whatever became of them.
    pub requests: u64,
    /// Records that the collector has taken.
    pub shipped: u64,
    /// Records that the collector has acknowledged and thrown away.
    pub rejected: u64,
    /// Records that the collector refuses whatever comes with them.
    pub skipped: u64,
    /// Records that were deleted before they could be shipped.
    pub gone: u64,
    /// Tries that failed, and are tried again.
    pub failures: u64,
    /// Batches that were refused for what is in them, and were sent again in parts.
    pub splits: u64,
    /// Failed reads of the log.
    pub source_failures: u64,
    /// The first record that is not shipped.
    pub cursor: u64,
    /// How many records the log has, as shipping saw it last.
    pub durable: u64,
    /// When a try failed last, in milliseconds since 1970; 0 if never.
    pub last_failure_unix_ms: i64,
    /// When the collector took something last, in milliseconds since 1970; 0 if never.
    pub last_success_unix_ms: i64,
    /// When the oldest record happened that is not shipped, in milliseconds since 1970; 0 if all
    /// are.
    pub oldest_unshipped_unix_ms: i64,
    /// The last try succeeded, or there was none.
    pub reachable: bool,
    /// How far shipping is cannot be kept.
    pub cursor_failed: bool,
}

impl ShipState {
    /// Nothing has happened.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            requests: AtomicU64::new(0),
            shipped: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            gone: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            splits: AtomicU64::new(0),
            source_failures: AtomicU64::new(0),
            cursor: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            last_failure_unix_ms: AtomicI64::new(0),
            last_success_unix_ms: AtomicI64::new(0),
            oldest_unshipped_unix_ms: AtomicI64::new(0),
            reachable: AtomicBool::new(true),
            cursor_failed: AtomicBool::new(false),
        }
    }

    /// What it is now.
    #[must_use]
    pub fn now(&self) -> Shipped {
        Shipped {
            requests: self.requests.load(Relaxed),
            shipped: self.shipped.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            gone: self.gone.load(Relaxed),
            failures: self.failures.load(Relaxed),
            splits: self.splits.load(Relaxed),
            source_failures: self.source_failures.load(Relaxed),
            cursor: self.cursor.load(Relaxed),
            durable: self.durable.load(Relaxed),
            last_failure_unix_ms: self.last_failure_unix_ms.load(Relaxed),
            last_success_unix_ms: self.last_success_unix_ms.load(Relaxed),
            oldest_unshipped_unix_ms: self.oldest_unshipped_unix_ms.load(Relaxed),
            reachable: self.reachable.load(Relaxed),
            cursor_failed: self.cursor_failed.load(Relaxed),
        }
    }
}

impl Default for ShipState {
    fn default() -> Self {
        Self::new()
    }
}
