//! Counts by codes that are not known beforehand: those of other crates' errors.

use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many distinct codes are told apart.
// LIMIT: codes are constants of ours, some twenty; this bounds memory if ever one is not.
pub(super) const CODES_MAX: usize = 64;

/// What codes beyond [`CODES_MAX`] are counted as.
pub(super) const OTHER: &str = "other";

/// A count per code.
#[derive(Debug)]
pub(super) struct Codes {
    slots: [Slot; CODES_MAX],
    others: AtomicU64,
}

#[derive(Debug, Default)]
struct Slot {
    code: OnceLock<&'static str>,
    count: AtomicU64,
}

impl Codes {
    pub(super) fn count(&self, code: &'static str) {
        let of_code = |slot: &&Slot| *slot.code.get_or_init(|| code) == code;
        let count = self.slots.iter().find(of_code).map_or(&self.others, |slot| &slot.count);
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The codes that were counted, in the order they came up.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let known = self.slots.iter().filter_map(|slot| Some((*slot.code.get()?, &slot.count)));
        known
            .chain([(OTHER, &self.others)])
            .map(|(code, count)| (code, count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
    }
}

impl Default for Codes {
    fn default() -> Self {
        Self { slots: array::from_fn(|_| Slot::default()), others: AtomicU64::new(0) }
    }
}
