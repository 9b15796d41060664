//! Tells what comes for the first time from what came before.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a cache for each hash that is kept: enough hashes that a flood of what comes once
/// takes seconds to wash away what comes again.
const BYTES_PER_SLOT: u64 = 1024;

/// Remembers hashes for a while, each in the one slot it can stand in.
///
/// Wrong now and then, which costs a little time and never an answer: two threads may both be the
/// first, and another hash in the same slot makes the former a stranger again.
#[derive(Debug)]
pub(super) struct SeenBefore(Box<[AtomicU64]>);

impl SeenBefore {
    /// For caches of so many bytes.
    pub(super) fn new(cache_bytes: u64) -> Self {
        let slots = (cache_bytes / BYTES_PER_SLOT).clamp(64, 1 << 20);
        Self((0..slots).map(|_| AtomicU64::new(0)).collect())
    }

    /// Notes a hash, and says whether it was noted before.
    pub(super) fn note(&self, hash: u64) -> bool {
        let place = usize::try_from(hash).unwrap_or_default().checked_rem(self.0.len());
        place.and_then(|place| self.0.get(place)).is_some_and(|slot| {
            let before = slot.load(Ordering::Relaxed) == hash;
            if !before {
                slot.store(hash, Ordering::Relaxed);
            }
            before
        })
    }
}
