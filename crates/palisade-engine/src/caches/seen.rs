//! Tells what comes for the first time from what came before.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many hashes are kept.
const SLOTS: usize = 4096;

/// Remembers hashes for a while, each in the one slot it can stand in.
///
/// Wrong now and then, which costs a little time and never an answer: two threads may both be the
/// first, and another hash in the same slot makes the former a stranger again.
#[derive(Debug)]
pub(super) struct SeenBefore(Box<[AtomicU64]>);

impl Default for SeenBefore {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl SeenBefore {
    /// Notes a hash, and says whether it was noted before.
    pub(super) fn note(&self, hash: u64) -> bool {
        let slot = usize::try_from(hash).unwrap_or_default() % SLOTS;
        self.0.get(slot).is_some_and(|slot| {
            let before = slot.load(Ordering::Relaxed) == hash;
            if !before {
                slot.store(hash, Ordering::Relaxed);
            }
            before
        })
    }
}
