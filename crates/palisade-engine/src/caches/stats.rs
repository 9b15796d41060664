//! What the caches did.

use std::sync::atomic::{AtomicU64, Ordering};

use moka::notification::RemovalCause;

/// Why an answer of the policies is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncacheable {
    /// It depends on the time in a way whose next change is not known, or is near.
    Clock,
    /// A policy failed: the error is shown, not repeated.
    Failure,
}

/// What one cache did since the snapshot was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Found.
    pub hits: u64,
    /// Not found.
    pub misses: u64,
    /// Removed, or not let in, to stay within the bound.
    pub evictions: u64,
    /// Bytes held now, estimated.
    pub bytes: u64,
}

/// What the caches of a snapshot did since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Whole calls.
    pub calls: CacheCounts,
    /// Arguments that were parsed, validated and hashed.
    pub arguments: CacheCounts,
    /// Chains with the policies that can apply to them.
    pub scopes: CacheCounts,
    /// What the policies said of one link.
    pub verdicts: CacheCounts,
    /// Answers about one link that were not kept because they depend on the time
    /// in a way whose next change is not known, or is near.
    pub uncacheable_clock: u64,
    /// Answers about one link that were not kept because a policy failed.
    pub uncacheable_failure: u64,
}

/// Counts what one cache does.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

/// Counts what all caches do.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls: Counter,
    pub(crate) arguments: Counter,
    pub(crate) scopes: Counter,
    pub(crate) verdicts: Counter,
    uncacheable_clock: AtomicU64,
    uncacheable_failure: AtomicU64,
}

impl Counter {
    pub(crate) fn count(&self, hit: bool) {
        if hit { self.hit() } else { self.miss() }
    }

    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn evicted(&self) {
        self.evictions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn removed(&self, cause: RemovalCause) {
        if cause.was_evicted() {
            self.evicted();
        }
    }

    fn counts(&self, bytes: u64) -> CacheCounts {
        CacheCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            bytes,
        }
    }
}

impl Counters {
    pub(crate) fn uncacheable(&self, why: Uncacheable) {
        let counter = match why {
            Uncacheable::Clock => &self.uncacheable_clock,
            Uncacheable::Failure => &self.uncacheable_failure,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// `bytes`: held by calls, arguments, scopes and verdicts.
    pub(super) fn stats(&self, bytes: [u64; 4]) -> CacheStats {
        let [calls, arguments, scopes, verdicts] = bytes;
        CacheStats {
            calls: self.calls.counts(calls),
            arguments: self.arguments.counts(arguments),
            scopes: self.scopes.counts(scopes),
            verdicts: self.verdicts.counts(verdicts),
            uncacheable_clock: self.uncacheable_clock.load(Ordering::Relaxed),
            uncacheable_failure: self.uncacheable_failure.load(Ordering::Relaxed),
        }
    }
}
