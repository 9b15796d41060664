//! The power goes, or the process is killed, at a random step.

use std::time::Duration;

use crate::testing::faulty::{EIO, Fault, FaultyDisk};
use crate::testing::{Fixture, Seeded, append, asked, numbers};
use crate::{Retention, SegmentLog, Unshipped};

/// Several threads append until nothing works any more. Tells which records were acknowledged.
fn work(fixture: &Fixture, log: &SegmentLog, threads: u64, first: u64) -> Vec<u64> {
    std::thread::scope(|scope| {
        let working: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for number in
                        (first + thread..first + 60).step_by(usize::try_from(threads).unwrap())
                    {
                        fixture.clock.advance(Duration::from_millis(700));
                        log.nudge();
                        if append(log, number).is_ok() {
                            kept.push(number);
                        }
                    }
                    kept
                })
            })
            .collect();
        working.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn crash(seed: u64) {
    let mut random = Seeded::new(seed);
    let random = &mut random.0;
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = random.u64(500..6000);
    fixture.config.checkpoint_interval = Duration::from_secs(5);
    let deletes = random.u8(..4) == 0;
    if deletes {
        fixture.config.retention =
            Retention { age: None, bytes: Some(12_000), unshipped: Unshipped::Delete };
    }
    let mut acknowledged: Vec<u64> = Vec::new();
    for round in 0..3 {
        let image = fixture.root.path().join(format!("after{round}"));
        let crash_at = random.usize(..100);
        let mut faults = random.fork();
        let fails = random.bool();
        let script = move |number, _| {
            if number == crash_at {
                Some(Fault::Crash)
            } else {
                // Single faults on the way.
                (fails && faults.u8(..20) == 0).then_some(Fault::Half(EIO))
            }
        };
        let disk = FaultyDisk::crashing(fixture.directory(), &image, random.u64(..), script);
        if let Ok(log) = fixture.open_on(disk.clone()) {
            acknowledged.extend(work(&fixture, &log, random.u64(1..4), round * 1000));
        }
        if !disk.is_down() {
            continue;
        }
        fixture.config.directory = image;
        // The machine's own disk is slow, and has nothing to say here: it is taken at times.
        let log = if random.u8(..10) == 0 { fixture.open() } else { fixture.open_fast() };
        append(&log, round * 1000 + 999).unwrap();
        acknowledged.push(round * 1000 + 999);
        drop(log);
        let report = fixture.assert_sound();
        let found = numbers(fixture.directory());
        assert!(deletes || report.first == 0);
        // Those that were deleted are the oldest: nothing between others is missing.
        let missing: Vec<_> =
            acknowledged.iter().filter(|number| !found.contains(number)).collect();
        assert!(
            missing.is_empty() || deletes && report.first > 0,
            "lost: {missing:?} of {found:?}"
        );
        if let Some(newest) = missing.iter().max() {
            let oldest = found.iter().min().unwrap();
            // Threads overtake one another by a batch.
            assert!(**newest < oldest + 10, "lost: {missing:?}, found: {found:?}");
        }
    }
}

#[test]
fn no_crash_loses_what_was_acknowledged() {
    let first = asked("LOG_TEST_SEED", 20_261_122);
    for crash_number in 0..asked("LOG_TEST_CRASHES", 300) {
        crash(first + crash_number);
    }
}
