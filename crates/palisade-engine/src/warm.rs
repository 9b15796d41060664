//! Fills the caches of a new snapshot before it decides.

use palisade_core::{EpochMillis, Facts};

use crate::snapshot::PolicySnapshot;

impl PolicySnapshot {
    /// Asks this snapshot the calls that `previous` was asked most often of those it remembers, at
    /// most `calls_max`, so that they are found in memory from the first on. Says how many.
    ///
    /// Every answer is worked out here, at `now`; of `previous` only the questions are taken. A
    /// call whose answer does not last is asked in vain, and of two that contend for one place one
    /// stays.
    pub fn warm_from(&self, previous: &Self, now: EpochMillis, calls_max: usize) -> usize {
        let (Some(_), Some(remembered)) = (&self.caches, &previous.caches) else { return 0 };
        let calls = remembered.calls.hottest(calls_max);
        // The hottest last: it pushes out others, not they it.
        for (call, facts) in calls.iter().rev() {
            let facts = Facts { now, ..facts.clone() };
            // Things are noted when they come first and kept when they come again.
            for _ in 0..2 {
                drop(self.answer(call, &facts));
            }
        }
        calls.len()
    }
}
