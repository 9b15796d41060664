//! Counters that threads share without getting in each other's way.
//!
//! Every thread counts in a part of its own: two that count the same decision would otherwise hand
//! the cache line with that counter to and fro. Whoever reads adds the parts up.

use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::histogram::Cells;
use super::key::{DecisionKey, OUTCOMES};

/// How many threads count without sharing; those beyond take turns in sharing.
// LIMIT: one thread per core answers; a part takes 5 KB.
const SHARDS: usize = 32;

/// One thread's part. Aligned so that no cache line, nor the pair of lines that processors fetch
/// at once, belongs to two parts.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard {
    pub(super) decisions: [AtomicU64; DecisionKey::COUNT],
    pub(super) decision_duration: [Cells; OUTCOMES.len()],
    pub(super) record_duration: Cells,
    pub(super) requirements: [AtomicU64; 4],
    pub(super) outcomes: [AtomicU64; 4],
    pub(super) exceptions: AtomicU64,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            decisions: array::from_fn(|_| AtomicU64::new(0)),
            decision_duration: array::from_fn(|_| Cells::default()),
            record_duration: Cells::default(),
            requirements: array::from_fn(|_| AtomicU64::new(0)),
            outcomes: array::from_fn(|_| AtomicU64::new(0)),
            exceptions: AtomicU64::new(0),
        }
    }
}

/// All parts.
#[derive(Debug)]
pub(super) struct Shards(Box<[Shard]>);

impl Shards {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Shard::default()).collect())
    }

    /// Counts in this thread's part.
    pub(super) fn with_mine(&self, count: impl FnOnce(&Shard)) {
        if let Some(shard) = self.0.get(MINE.with(|mine| *mine)) {
            count(shard);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Shard> {
        self.0.iter()
    }

    /// The sum of one counter.
    pub(super) fn sum(&self, counter: impl Fn(&Shard) -> Option<&AtomicU64>) -> u64 {
        let counters = self.iter().filter_map(counter);
        counters.map(|counter| counter.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}

/// Adds one to a counter of an array.
pub(super) fn count(counters: &[AtomicU64], index: usize) {
    if let Some(counter) = counters.get(index) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
}
