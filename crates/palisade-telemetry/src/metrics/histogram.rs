//! Durations sorted into buckets, and for each bucket the last one that belongs to a trace.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::{self as otlp, exemplar};
use palisade_core::TraceContext;

/// Upper bounds of the buckets in nanoseconds, each included: 5 µs to 1 s.
///
/// A cached answer takes some ten microseconds, one that waits for the disk up to some
/// milliseconds. Three bounds per decade put an estimated quantile within a factor of 2.5.
pub(super) const BOUNDS: [u64; 17] = [
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
];

/// One bucket per bound, and one for what is over the last.
const BUCKETS: usize = BOUNDS.len() + 1;

/// One thread's part of a histogram.
#[derive(Debug)]
pub(super) struct Cells {
    counts: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

/// What the parts of a histogram add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    counts: [u64; BUCKETS],
    sum_nanos: u64,
}

/// For each bucket, the last observation that belongs to a trace.
#[derive(Debug)]
pub(super) struct Exemplars([Mutex<Option<Exemplar>>; BUCKETS]);

#[derive(Clone, Copy, Debug)]
struct Exemplar {
    context: TraceContext,
    duration: Duration,
    unix_nanos: u64,
}

impl Cells {
    pub(super) fn record(&self, duration: Duration) {
        // Half a millennium does not fit; it is in the last bucket anyway.
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get(bucket(nanos)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Default for Cells {
    fn default() -> Self {
        Self { counts: array::from_fn(|_| AtomicU64::new(0)), sum_nanos: AtomicU64::new(0) }
    }
}

impl Totals {
    pub(super) fn add(&mut self, cells: &Cells) {
        let Cells { counts, sum_nanos } = cells;
        for (total, count) in self.counts.iter_mut().zip(counts) {
            *total = total.wrapping_add(count.load(Ordering::Relaxed));
        }
        self.sum_nanos = self.sum_nanos.wrapping_add(sum_nanos.load(Ordering::Relaxed));
    }

    /// The data point, without attributes and times. The count is that of the buckets, so that the
    /// two agree even while others are recording.
    pub(super) fn data_point(&self, exemplars: &Exemplars) -> otlp::HistogramDataPoint {
        otlp::HistogramDataPoint {
            count: self.counts.iter().sum(),
            sum: Some(Duration::from_nanos(self.sum_nanos).as_secs_f64()),
            bucket_counts: self.counts.to_vec(),
            explicit_bounds: BOUNDS
                .iter()
                .map(|nanos| Duration::from_nanos(*nanos).as_secs_f64())
                .collect(),
            exemplars: exemplars.to_otlp(),
            ..otlp::HistogramDataPoint::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

impl Exemplars {
    /// Keeps the observation for its bucket. If somebody else is at that bucket at the same moment,
    /// theirs is as good: nobody waits.
    pub(super) fn offer(&self, duration: Duration, context: TraceContext, unix_nanos: u64) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let exemplar = Exemplar { context, duration, unix_nanos };
        match self.0.get(bucket(nanos)).map(Mutex::try_lock) {
            Some(Ok(mut slot)) => *slot = Some(exemplar),
            // Nothing panics with the lock held, and every value is legal.
            Some(Err(TryLockError::Poisoned(slot))) => *slot.into_inner() = Some(exemplar),
            Some(Err(TryLockError::WouldBlock)) | None => {}
        }
    }

    fn to_otlp(&self) -> Vec<otlp::Exemplar> {
        let slots = self.0.iter();
        slots
            .filter_map(|slot| *slot.lock().unwrap_or_else(PoisonError::into_inner))
            .map(|Exemplar { context, duration, unix_nanos }| otlp::Exemplar {
                filtered_attributes: Vec::new(),
                time_unix_nano: unix_nanos,
                span_id: context.span.as_bytes().to_vec(),
                trace_id: context.trace.as_bytes().to_vec(),
                value: Some(exemplar::Value::AsDouble(duration.as_secs_f64())),
            })
            .collect()
    }
}

impl Default for Exemplars {
    fn default() -> Self {
        Self(array::from_fn(|_| Mutex::new(None)))
    }
}

fn bucket(nanos: u64) -> usize {
    BOUNDS.partition_point(|bound| *bound < nanos)
}
