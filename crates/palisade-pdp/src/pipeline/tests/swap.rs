//! Another bundle comes into force while calls are decided.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;

use super::*;

/// Snapshots that are swapped, again and again.
const REVISIONS: u64 = 8;
/// How often one comes into force.
const SWAPS: u64 = 400;
/// Threads that ask meanwhile.
const ASKING: usize = 4;

/// Odd revisions allow reading, even ones do not.
fn revision(version: u64) -> Arc<PolicySnapshot> {
    let policies = if version % 2 == 1 { POLICIES } else { "" };
    snapshot_with(version, policies)
}

/// Every answer is that of the revision it names, whatever is in the caches of any.
#[test]
fn no_answer_comes_from_another_revision() {
    let log = Arc::new(MemoryLog::default());
    let pdp = empty_pdp(&log);
    let revisions: Vec<_> = (1..=REVISIONS).map(revision).collect();
    pdp.parts.snapshots.publish(Arc::clone(&revisions[0]));
    let (stopped, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let ask = || {
        while !stopped.load(Ordering::Relaxed) {
            for subject in ["alice", "bob"] {
                let decision = authorize(&pdp, &call_by(subject, "crm.read_ticket")).unwrap();
                let allowed = decision.verdict.outcome == Outcome::Allow;
                assert_eq!(allowed, decision.revision.version % 2 == 1, "{decision:?}");
                asked.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..ASKING).map(|_| scope.spawn(ask)).collect();
        for (swap, next) in (0..SWAPS).zip(revisions.iter().cycle()) {
            pdp.parts.snapshots.publish(Arc::clone(next));
            // Some calls are decided under each.
            while asked.load(Ordering::Relaxed) < swap * 4 {
                // A thread that panicked never asks again.
                assert!(asking.iter().all(|thread| !thread.is_finished()), "a thread panicked");
                thread::yield_now();
            }
        }
        stopped.store(true, Ordering::Relaxed);
    });
    let hits: u64 = revisions.iter().map(|r| r.cache_stats().unwrap().calls.hits).sum();
    assert!(hits > SWAPS, "the caches were not asked: {hits}");
}
