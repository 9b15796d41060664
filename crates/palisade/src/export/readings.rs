//! Metrics that others keep: the log, the bundle in force, its caches.

use std::sync::Arc;
use std::time::Duration;

use palisade_core::{BundleControl, BundleStatus, Clock, EpochMillis};
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
pub(super) fn register_bundle(metrics: &Metrics, snapshots: &Arc<Snapshots>) {
    let current = Arc::clone(snapshots);
    metrics.register(&instruments::BUNDLE_VERSION, &[], move || {
        current.current().map(|snapshot| snapshot.revision().version)
    });
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

/// What became of the bundle's revisions. Each value asks for the state by itself; there are five of
/// them at every snapshot.
pub(super) fn register_status(
    metrics: &Metrics,
    control: &Arc<dyn BundleControl>,
    clock: &Arc<dyn Clock>,
) {
    let register = |instrument, read: fn(BundleStatus, EpochMillis) -> Reading| {
        let (control, clock) = (Arc::clone(control), Arc::clone(clock));
        metrics.register(instrument, &[], move || read(control.status(), clock.now()));
    };
    register(&instruments::BUNDLE_AGE, |status, now| {
        let age = status.active.map(|active| seconds(active.since, now));
        age.map(|age| age.max(0.0)).into()
    });
    register(&instruments::BUNDLE_FAILING, |status, _| status.last_failure.is_some().into());
    register(&instruments::BUNDLE_METADATA_EXPIRES, |status, now| {
        status.metadata_expires.map(|expires| seconds(now, expires)).into()
    });
    register(&instruments::BUNDLE_PINNED, |status, _| status.pinned.into());
    register(&instruments::BUNDLE_STALE, |status, now| {
        status.metadata_expires.is_some_and(|expires| expires <= now).into()
    });
}

/// From one instant to another, below zero if that is the earlier one.
fn seconds(from: EpochMillis, to: EpochMillis) -> f64 {
    let millis = to.as_millis().saturating_sub(from.as_millis());
    let length = Duration::from_millis(millis.unsigned_abs()).as_secs_f64();
    if millis < 0 { -length } else { length }
}
