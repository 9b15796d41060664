//! Metrics that others keep: the log, the bundle in force, its caches.

use std::sync::Arc;

use palisade_core::Clock;
use palisade_engine::{CacheCounts, CacheStats};
use palisade_log::{LogState, SegmentLog};
use palisade_pdp::Snapshots;
use palisade_telemetry::metrics::{Metrics, Reading, instruments};

/// What the log says of itself.
pub(super) fn register_log(metrics: &Metrics, log: &Arc<SegmentLog>) {
    let register = |instrument, read: fn(LogState) -> Reading| {
        let state = log.state();
        metrics.register(instrument, &[], move || read(*state.borrow()));
    };
    register(&instruments::LOG_AVAILABLE, |state| state.available.into());
    register(&instruments::LOG_RECORDS, |state| state.records.into());
    register(&instruments::LOG_SEGMENTS, |state| state.segments.into());
    register(&instruments::LOG_SIZE, |state| state.bytes.into());
    let (queued, unlogged) = (Arc::clone(log), Arc::clone(log));
    metrics.register(&instruments::LOG_QUEUE, &[], move || queued.queued());
    metrics.register(&instruments::LOG_UNLOGGED, &[], move || unlogged.unlogged());
}

/// The bundle in force and what it remembers.
pub(super) fn register_bundle(
    metrics: &Metrics,
    snapshots: &Arc<Snapshots>,
    clock: &Arc<dyn Clock>,
) {
    let current = Arc::clone(snapshots);
    metrics.register(&instruments::BUNDLE_VERSION, &[], move || {
        current.current().map(|snapshot| snapshot.revision().version)
    });
    // This version puts one bundle in force, when it starts.
    let (clock, since) = (Arc::clone(clock), clock.monotonic());
    metrics
        .register(&instruments::BUNDLE_AGE, &[], move || clock.monotonic().saturating_sub(since));
    type Cache = fn(CacheStats) -> CacheCounts;
    type Count = fn(CacheCounts) -> u64;
    let caches: [(&str, Cache); 4] = [
        ("arguments", |stats| stats.arguments),
        ("calls", |stats| stats.calls),
        ("scopes", |stats| stats.scopes),
        ("verdicts", |stats| stats.verdicts),
    ];
    let counts: [(_, Count); 4] = [
        (&instruments::CACHE_EVICTIONS, |counts| counts.evictions),
        (&instruments::CACHE_HITS, |counts| counts.hits),
        (&instruments::CACHE_MISSES, |counts| counts.misses),
        (&instruments::CACHE_SIZE, |counts| counts.bytes),
    ];
    for (name, cache) in caches {
        for (instrument, count) in counts {
            let snapshots = Arc::clone(snapshots);
            metrics.register(instrument, &[("palisade.cache.name", name)], move || {
                let stats = snapshots.current().and_then(|snapshot| snapshot.cache_stats());
                stats.map(|stats| count(cache(stats)))
            });
        }
    }
}
