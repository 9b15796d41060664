//! Each step of a run fails once: nothing acknowledged is lost, what is refused is counted, and
//! the log recovers by itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use palisade_core::DecisionLog as _;
use palisade_proto::v1::GapEntry;
use palisade_proto::v1::record::Entry;

use crate::testing::faulty::{EIO, ENOSPC, EROFS, Fault, FaultyDisk, Step};
use crate::testing::{Fixture, append, asked, entries, numbers, wait_until};
use crate::{Durability, OnFailure, Retention, SegmentLog, Unshipped};

const RECORDS: u64 = 25;

pub(super) fn gaps(directory: &Path) -> Vec<GapEntry> {
    let gap = |entry| match entry {
        Entry::Gap(gap) => Some(gap),
        _ => None,
    };
    entries(directory).into_iter().filter_map(gap).collect()
}

/// Lets time pass until the log takes records again.
fn recover(fixture: &Fixture, log: &SegmentLog) {
    wait_until("the log recovers", || {
        if !log.is_available() {
            fixture.clock.advance(Duration::from_millis(600));
            log.nudge();
        }
        log.is_available()
    });
}

/// Several segments, checkpoints and deletions.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 1000;
    fixture.config.checkpoint_interval = Duration::from_secs(8);
    fixture
}

/// What became of each record.
#[derive(Default)]
struct Ran {
    kept: Vec<u64>,
    refused: u64,
    steps: usize,
}

/// Appends, with time passing; `None` if the log could not be opened.
fn run(fixture: &Fixture, disk: &FaultyDisk) -> Option<Ran> {
    let log = fixture.open_on(disk.clone()).ok()?;
    let mut ran = Ran::default();
    for number in 0..RECORDS {
        recover(fixture, &log);
        fixture.clock.advance(Duration::from_secs(1));
        match append(&log, number) {
            Ok(()) => ran.kept.push(number),
            Err(_) => ran.refused += 1,
        }
    }
    recover(fixture, &log);
    log.close();
    ran.steps = disk.steps().len();
    Some(ran)
}

fn check(fixture: &Fixture, ran: &Ran, what: &str) {
    assert_eq!(numbers(fixture.directory()), ran.kept, "{what}");
    let missing: u64 = gaps(fixture.directory()).iter().map(|gap| gap.records).sum();
    assert_eq!(missing, ran.refused, "{what}");
    let report = fixture.verify();
    assert!(report.is_sound(), "{what}: {report:#?}");
    append(&fixture.open_fast(), 99).unwrap();
    fixture.assert_sound();
}

#[test]
fn each_step_may_fail_once() {
    let whole = {
        let fixture = fixture();
        run(&fixture, &FaultyDisk::new(fixture.directory(), |_, _| None)).unwrap()
    };
    assert_eq!((whole.refused, whole.kept.len()), (0, 25));
    assert!(whole.steps > 100, "{}", whole.steps);
    let last = usize::try_from(asked("LOG_TEST_STEPS", 200)).unwrap().min(whole.steps);
    for at in 0..last {
        for fault in [Fault::Error(EIO), Fault::Half(ENOSPC)] {
            let fixture = fixture();
            let script = move |number, _| (number == at).then_some(fault);
            let disk = FaultyDisk::new(fixture.directory(), script);
            let what = format!("step {at}, {fault:?}");
            match run(&fixture, &disk) {
                Some(ran) => check(&fixture, &ran, &what),
                None => {
                    append(&fixture.open_fast(), 1).unwrap();
                    assert_eq!(numbers(fixture.directory()), [1], "{what}");
                    fixture.assert_sound();
                }
            }
        }
    }
}

/// From one step on everything fails that changes something, for a while.
#[test]
fn a_disk_may_be_full_or_read_only_for_a_while() {
    for (error, fails) in [
        (ENOSPC, &[Step::Write, Step::Allocate][..]),
        (EIO, &[Step::SyncData, Step::SyncAll, Step::SyncDirectory]),
        (EIO, &[Step::SyncAll, Step::Remove, Step::Truncate]),
        (EROFS, &[Step::Create, Step::Allocate, Step::Truncate, Step::Write, Step::Remove]),
        (EIO, &[Step::SyncAll, Step::SyncDirectory, Step::Remove]),
        (ENOSPC, &[Step::Create]),
        (ENOSPC, &[Step::Replace]),
    ] {
        for from in (10..90).step_by(7) {
            let fixture = fixture();
            let mut left = 5;
            let disk = FaultyDisk::new(fixture.directory(), move |number, step| {
                let fails = number >= from && left > 0 && fails.contains(&step);
                left -= u32::from(fails);
                fails.then_some(Fault::Half(error))
            });
            let ran = run(&fixture, &disk).unwrap();
            check(&fixture, &ran, &format!("{fails:?} from {from} on"));
        }
    }
}

/// Nothing comes back before the process ends.
#[test]
fn a_disk_that_stays_broken_loses_nothing_that_was_acknowledged() {
    for from in 8..60 {
        let fixture = fixture();
        let disk = FaultyDisk::new(fixture.directory(), move |number, _| {
            (number >= from).then_some(Fault::Half(EIO))
        });
        let log = fixture.open_on(disk).unwrap();
        let kept: Vec<u64> = (0..RECORDS).filter(|number| append(&log, *number).is_ok()).collect();
        assert!(!log.is_available());
        drop(log);
        let log = fixture.open_fast();
        append(&log, 1000).unwrap();
        drop(log);
        fixture.assert_sound();
        // What was refused may have been written all the same; it is never before what was kept.
        let found = numbers(fixture.directory());
        assert!(found.starts_with(&kept) && found.ends_with(&[1000]), "{from}: {found:?} {kept:?}");
        assert!(found.len() <= kept.len() + 2, "{from}: {found:?} {kept:?}");
    }
}

#[test]
fn the_gap_says_how_many_are_missing_and_why() {
    for on_failure in [OnFailure::Deny, OnFailure::Answer] {
        let mut fixture = fixture();
        fixture.config.on_failure = on_failure;
        let full = Arc::new(AtomicBool::new(false));
        let is_full = Arc::clone(&full);
        let disk = FaultyDisk::new(fixture.directory(), move |_, step| {
            let fails = is_full.load(Ordering::SeqCst) && step == Step::Write;
            fails.then_some(Fault::Half(ENOSPC))
        });
        let log = fixture.open_on(disk).unwrap();
        append(&log, 1).unwrap();
        full.store(true, Ordering::SeqCst);
        let begun = palisade_core::Clock::now(fixture.clock.as_ref()).as_millis();
        let answers = on_failure == OnFailure::Answer;
        for number in 2..7 {
            let appended = append(&log, number);
            assert_eq!(appended.is_ok(), answers);
            if let Err(error) = appended {
                assert_eq!(error.0.kind(), std::io::ErrorKind::StorageFull);
            }
            fixture.clock.advance(Duration::from_millis(100));
            log.nudge();
        }
        wait_until("it is counted", || {
            log.state().borrow().unlogged == 5 || log.is_available() || {
                fixture.clock.advance(Duration::from_millis(600));
                log.nudge();
                false
            }
        });
        assert!(!log.state().borrow().available);
        full.store(false, Ordering::SeqCst);
        recover(&fixture, &log);
        append(&log, 7).unwrap();
        log.close();
        assert_eq!(numbers(fixture.directory()), [1, 7]);
        let gaps = gaps(fixture.directory());
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert_eq!((gaps[0].records, gaps[0].answered), (5, answers));
        assert_eq!((gaps[0].first_unix_ms, gaps[0].last_unix_ms), (begun, begun + 400));
        assert!(gaps[0].cause.contains("No space left"), "{gaps:?}");
        fixture.assert_sound();
    }
}

/// They were answered before the write failed.
#[test]
fn the_gap_of_an_interval_was_answered() {
    let mut fixture = fixture();
    fixture.config.durability = Durability::Interval(Duration::from_millis(1));
    let mut writes = 0;
    let disk = FaultyDisk::new(fixture.directory(), move |_, step| {
        writes += u32::from(step == Step::SyncData);
        (step == Step::SyncData && writes == 2).then_some(Fault::Error(EIO))
    });
    let log = fixture.open_on(disk).unwrap();
    append(&log, 1).unwrap();
    wait_until("it fails", || !log.is_available());
    recover(&fixture, &log);
    log.close();
    let gaps = gaps(fixture.directory());
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].records, gaps[0].answered), (1, true));
}

/// A try that fails and cannot be undone must not stand in the way of the next.
#[test]
fn a_segment_that_was_begun_in_vain_is_begun_again() {
    let fixture = fixture();
    let mut left = 3;
    let disk = FaultyDisk::new(fixture.directory(), move |number, step| {
        let fails = number > 20 && left > 0 && matches!(step, Step::SyncDirectory | Step::Remove);
        left -= u32::from(fails);
        fails.then_some(Fault::Error(EIO))
    });
    let ran = run(&fixture, &disk).unwrap();
    // It was tried to take it away, and to begin it once more.
    assert!(disk.steps().contains(&Step::Remove));
    check(&fixture, &ran, "a segment begun in vain");
}

#[test]
fn deleting_may_fail_and_is_tried_again() {
    let mut fixture = fixture();
    fixture.config.retention =
        Retention { age: None, bytes: Some(3000), unshipped: Unshipped::Delete };
    let mut left = 2;
    let disk = FaultyDisk::new(fixture.directory(), move |_, step| {
        let fails = left > 0 && step == Step::Remove;
        left -= u32::from(fails);
        fails.then_some(Fault::Error(EIO))
    });
    let log = fixture.open_on(disk).unwrap();
    for number in 0..100 {
        append(&log, number).unwrap();
        fixture.clock.advance(Duration::from_secs(61));
        fixture.assert_sound();
    }
    log.close();
    assert!(fixture.segments().len() <= 5, "{:?}", fixture.segments());
    fixture.assert_sound();
}

/// Nobody waits for the next try, so that the last word is not lost.
#[test]
fn closing_tries_once_more() {
    let fixture = fixture();
    let mut syncs = 0;
    let disk = FaultyDisk::new(fixture.directory(), move |_, step| {
        syncs += u32::from(step == Step::SyncData);
        (step == Step::SyncData && syncs == 2).then_some(Fault::Error(EIO))
    });
    let log = fixture.open_on(disk).unwrap();
    append(&log, 1).unwrap_err();
    log.close();
    assert!(!log.is_available());
    assert_eq!(gaps(fixture.directory())[0].records, 1);
    let last = entries(fixture.directory()).pop();
    assert!(matches!(last, Some(Entry::Checkpoint(entry)) if entry.closing));
    fixture.assert_sound();
}
