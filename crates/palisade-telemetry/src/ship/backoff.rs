//! How long to wait before the next try.

use std::time::Duration;

/// Waits that double from the first to the longest, each shortened at random by up to half, so
/// that many servers do not come back to a collector together.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    max: Duration,
    /// The next wait before it is shortened.
    wait: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, max: Duration) -> Self {
        // A wait of nothing would turn every failure into a busy loop.
        let first = first.max(Duration::from_millis(1));
        Self { first, max: max.max(first), wait: first }
    }

    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = wait.saturating_mul(2).min(self.max);
        wait.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// The next wait is the longest.
    pub(super) const fn saturate(&mut self) {
        self.wait = self.max;
    }

    /// The next wait is the first.
    pub(super) const fn reset(&mut self) {
        self.wait = self.first;
    }
}
