//! How often a caller may ask: the generic cell rate algorithm (ITU-T I.371, annex A), in one
//! atomic number for each caller.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Requests per second of a caller.
// LIMIT: a microsecond between requests is an interval that whole nanoseconds carry exactly
// enough; no single caller is served faster.
pub const RATE_PER_SECOND_MAX: u32 = 1_000_000;

/// Requests of a caller at once.
// LIMIT: as many as a full second of the highest rate.
pub const RATE_BURST_MAX: u32 = 1_000_000;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// So many requests per second in the long run, and at most so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    /// What a caller gets for whom nothing is configured: 1000 per second, as many at once. Enough
    /// for a busy gateway, and one of them cannot take all of a server.
    pub const DEFAULT: Self = Self { per_second: 1000, burst: 1000 };

    /// A rate. The burst is what is ever available at once, so at least 1.
    ///
    /// # Errors
    /// Zero, or over [`RATE_PER_SECOND_MAX`] or [`RATE_BURST_MAX`].
    pub const fn new(per_second: u32, burst: u32) -> Result<Self, RateError> {
        if per_second == 0 || per_second > RATE_PER_SECOND_MAX {
            return Err(RateError::PerSecond { per_second });
        }
        if burst == 0 || burst > RATE_BURST_MAX {
            return Err(RateError::Burst { burst });
        }
        Ok(Self { per_second, burst })
    }

    /// Requests per second in the long run.
    #[must_use]
    pub const fn per_second(self) -> u32 {
        self.per_second
    }

    /// Requests at once.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// Nanoseconds that one request takes; rounded up, so that never more than the rate is allowed.
    const fn interval(self) -> u64 {
        NANOS_PER_SECOND.div_ceil(self.per_second as u64)
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why a rate is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// The burst is zero or too large.
    #[error("{burst} requests at once is not between 1 and {RATE_BURST_MAX}")]
    Burst {
        /// What was asked for.
        burst: u32,
    },
    /// The rate is zero or too large.
    #[error("{per_second} requests per second is not between 1 and {RATE_PER_SECOND_MAX}")]
    PerSecond {
        /// What was asked for.
        per_second: u32,
    },
}

/// Why a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateLimited {
    /// More at once than the burst: this is never allowed, however long one waits.
    #[error("more requests at once than are ever allowed")]
    Never,
    /// Not before this much time has passed, and only if nobody else takes it first.
    #[error("too many requests; again in {} ms", .wait.as_millis())]
    Wait {
        /// How long.
        wait: Duration,
    },
}

/// Counts the requests of one caller.
// INVARIANT: over any stretch of time t no more than `burst + rate * t` requests are allowed.
// Checked by `no_window_has_more_than_the_burst_and_the_rate` and, under threads, by
// `threads_together_get_exactly_the_burst`.
#[derive(Debug)]
pub struct RateLimiter {
    rate: Rate,
    /// Monotonic nanoseconds at which all that was allowed is paid for. A request is allowed if
    /// paying for it as well ends no later than a burst's worth of time from now.
    paid_until: AtomicU64,
}

impl RateLimiter {
    /// A limiter of which nothing was taken yet.
    #[must_use]
    pub const fn new(rate: Rate) -> Self {
        Self { rate, paid_until: AtomicU64::new(0) }
    }

    /// What it allows.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes this many requests at once, all or none, at a monotonic time since any fixed point
    /// that is the same for every call. Threads may tell their times in any order.
    ///
    /// # Errors
    /// They are not allowed now; nothing was taken.
    pub fn take(&self, requests: u32, now: Duration) -> Result<(), RateLimited> {
        let interval = self.rate.interval();
        // At most 10^6 requests of 10^9 ns each: far below 2^64, as is the tolerance.
        let cost = interval.saturating_mul(u64::from(requests));
        let tolerance = interval.saturating_mul(u64::from(self.rate.burst));
        if cost > tolerance {
            return Err(RateLimited::Never);
        }
        // FAIL-CLOSED: 584 years after the fixed point time stands still and nothing is refilled.
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let latest = now.saturating_add(tolerance);
        let mut seen = self.paid_until.load(Ordering::Relaxed);
        loop {
            let paid = seen.max(now).checked_add(cost).filter(|paid| *paid <= latest);
            let Some(paid) = paid else {
                let over = seen.max(now).saturating_add(cost).saturating_sub(latest);
                return Err(RateLimited::Wait { wait: Duration::from_nanos(over.max(1)) });
            };
            // Relaxed: nothing but this number is handed over.
            match self.paid_until.compare_exchange_weak(
                seen,
                paid,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(newer) => seen = newer,
            }
        }
    }
}

#[cfg(test)]
mod tests;
