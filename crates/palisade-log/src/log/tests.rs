use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use palisade_core::{DecisionLog as _, LogEntry};
use palisade_proto::v1::record::Entry;
use prost::Message as _;

use crate::testing::faulty::{EIO, Fault, FaultyDisk, Step};
use crate::testing::{Fixture, append, block_on, entries, numbers, outcome, wait_until};
use crate::{Durability, LogReader, OnFailure, OpenLogError};

mod crashes;
mod faults;

#[test]
fn records_stay_in_order_over_several_processes() {
    let fixture = Fixture::new();
    for process in 0..3 {
        let log = fixture.open();
        for number in process * 10..process * 10 + 10 {
            append(&log, number).unwrap();
        }
        log.close();
        // Closing is safe to repeat, and nothing is taken afterwards.
        log.close();
        assert!(append(&log, 99).is_err());
        assert!(!log.is_available());
        drop(log);
        fixture.assert_sound();
    }
    assert_eq!(numbers(fixture.directory()), (0..30).collect::<Vec<_>>());
    let opened: Vec<_> = entries(fixture.directory())
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Opened(opened) => Some((opened.was_closed, opened.torn_bytes)),
            _ => None,
        })
        .collect();
    assert_eq!(opened, [(true, 0); 3]);
}

#[test]
fn the_state_says_what_is_there() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let state = *log.state().borrow();
    assert_eq!((state.records, state.first, state.segments), (1, 0, 1));
    assert_eq!((state.unlogged, state.batches, state.available), (0, 1, true));
    assert_eq!(state.bytes, fixture.config.segment_bytes);
    append(&log, 1).unwrap();
    wait_until("the state", || log.state().borrow().records == 2);
    log.close();
    let state = *log.state().borrow();
    // The closing checkpoint is the third.
    assert_eq!((state.records, state.batches, state.available), (3, 3, false));
    append(&log, 2).unwrap_err();
    assert_eq!(
        log.verifier_key(),
        crate::CheckpointKey::open(&fixture.config.checkpoint_key).unwrap().verifier_key()
    );
}

#[test]
fn a_log_has_one_writer() {
    let fixture = Fixture::new();
    let log = fixture.open();
    assert!(matches!(fixture.try_open(), Err(OpenLogError::InUse { .. })));
    drop(log);
    fixture.open();
}

#[test]
fn foreign_files_do_no_harm() {
    let fixture = Fixture::filled(16 * 1024, 5);
    for name in ["0.log", "00000000000000000009.log.bak", "notes", "99999999999999999999.log"] {
        std::fs::write(fixture.directory().join(name), "anything").unwrap();
    }
    append(&fixture.open(), 5).unwrap();
    fixture.assert_sound();
    assert_eq!(numbers(fixture.directory()), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_segment_ends_where_it_is_full() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 1000;
    let log = fixture.open();
    (0..60).for_each(|number| append(&log, number).unwrap());
    log.close();
    let segments = fixture.segments();
    assert!(segments.len() > 3, "{segments:?}");
    for path in &segments {
        assert!(path.metadata().unwrap().len() <= 1000);
    }
    assert_eq!(log.state().borrow().segments, u64::try_from(segments.len()).unwrap());
    fixture.assert_sound();
    assert_eq!(numbers(fixture.directory()), (0..60).collect::<Vec<_>>());
}

#[test]
fn a_record_larger_than_a_segment_gets_one_of_its_own() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 1000;
    let log = fixture.open();
    let mut large = outcome(1);
    large.error = "x".repeat(1024 * 1024);
    append(&log, 0).unwrap();
    block_on(log.append(LogEntry::Outcome(&large))).unwrap();
    append(&log, 2).unwrap();
    drop(log);
    append(&fixture.open(), 3).unwrap();
    fixture.assert_sound();
    assert_eq!(numbers(fixture.directory()), [0, 1, 2, 3]);
}

#[test]
fn a_record_that_no_frame_holds_is_refused_and_the_log_goes_on() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let mut large = outcome(1);
    large.error = "x".repeat(crate::frame::PAYLOAD_BYTES_MAX);
    append(&log, 0).unwrap();
    assert!(block_on(log.append(LogEntry::Outcome(&large))).is_err());
    append(&log, 2).unwrap();
    drop(log);
    assert_eq!(numbers(fixture.directory()), [0, 2]);
    let gaps = faults::gaps(fixture.directory());
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].records, gaps[0].answered), (1, false));
    assert_eq!(gaps[0].cause, "the record is too large");
    fixture.assert_sound();
    // One byte less fits: beside the text there are the other fields and its tag and length.
    let log = fixture.open();
    large.error.clear();
    let rest = crate::encode::record(LogEntry::Outcome(&large)).encoded_len();
    // Index; tag and length of the text; three more bytes for the length of the entry around it.
    let around = crate::frame::INDEX_BYTES + 5 + 3;
    large.error = "x".repeat(crate::frame::PAYLOAD_BYTES_MAX - rest - around);
    block_on(log.append(LogEntry::Outcome(&large))).unwrap();
    large.error.push('x');
    assert!(block_on(log.append(LogEntry::Outcome(&large))).is_err());
    drop(log);
    fixture.assert_sound();
}

#[test]
fn an_interval_answers_at_once_and_keeps_what_was_answered() {
    let mut fixture = Fixture::new();
    fixture.config.durability = Durability::Interval(Duration::from_millis(1));
    let log = fixture.open();
    for number in 0..100 {
        let mut append = log.append(LogEntry::Outcome(&outcome(number)));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(matches!(append.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    }
    wait_until("the interval", || log.state().borrow().records == 101);
    log.close();
    assert_eq!(numbers(fixture.directory()), (0..100).collect::<Vec<_>>());
    fixture.assert_sound();
}

#[test]
fn many_threads_append_at_once_and_a_reader_follows() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 8 * 1024;
    let log = Arc::new(fixture.open());
    let (threads, each) = (24, 60);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let log = Arc::clone(&log);
            scope.spawn(move || {
                for number in 0..each {
                    append(&log, thread * each + number).unwrap();
                }
            });
        }
        // One sees only what is on disk for certain, the other all.
        let directory = fixture.directory().to_owned();
        let following = Arc::clone(&log);
        let durable = scope.spawn(move || {
            let mut reader = LogReader::new(&directory, 0);
            let mut seen = Vec::new();
            wait_until("all records", || {
                let until = following.state().borrow().records;
                for stored in reader.read(until, 2000).unwrap() {
                    assert!(stored.index < until);
                    seen.push(stored);
                }
                seen.len() > usize::try_from(threads * each).unwrap()
            });
            seen
        });
        let directory = fixture.directory().to_owned();
        let all = scope.spawn(move || {
            let mut reader = LogReader::new(&directory, 0);
            let mut seen = Vec::new();
            wait_until("all records", || {
                seen.extend(reader.next().unwrap());
                seen.len() > usize::try_from(threads * each).unwrap()
            });
            seen
        });
        let against = fixture.against();
        while !durable.is_finished() {
            let report = crate::verify(fixture.directory(), &against).unwrap();
            assert!(report.is_sound(), "{report:#?}");
        }
        assert_eq!(durable.join().unwrap(), all.join().unwrap());
    });
    drop(log);
    fixture.assert_sound();
    let mut kept = numbers(fixture.directory());
    // Each thread's records are in its order.
    for thread in 0..threads {
        assert!(kept.iter().filter(|number| **number / each == thread).is_sorted());
    }
    kept.sort_unstable();
    assert_eq!(kept, (0..threads * each).collect::<Vec<_>>());
}

/// Whoever is late is told so and does not wait forever.
#[test]
fn appending_while_the_log_closes_ends() {
    for on_failure in [OnFailure::Deny, OnFailure::Answer] {
        for _ in 0..30 {
            let mut fixture = Fixture::new();
            fixture.config.on_failure = on_failure;
            let log = fixture.open_fast();
            let kept: u64 = std::thread::scope(|scope| {
                let appending: Vec<_> = (0..3_u64)
                    .map(|_| {
                        let log = &log;
                        scope.spawn(move || {
                            let mut kept = 0;
                            while log.is_available() {
                                kept += u64::from(append(log, 1).is_ok());
                            }
                            kept
                        })
                    })
                    .collect();
                wait_until("some records", || log.state().borrow().records > 5);
                log.close();
                appending.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            let written = u64::try_from(numbers(fixture.directory()).len()).unwrap();
            let unlogged = log.state().borrow().unlogged;
            match on_failure {
                OnFailure::Deny => assert_eq!(written, kept),
                // Those that came after the last word are counted, if not in the log.
                OnFailure::Answer => assert!(written <= kept && kept - written <= unlogged + 3),
            }
        }
    }
}

/// Left after the writer's last look: nobody would ever take it.
#[test]
fn what_is_left_when_the_writer_has_ended_is_refused() {
    for durability in [Durability::Commit, Durability::Interval(Duration::from_secs(60))] {
        let mut fixture = Fixture::new();
        fixture.config.durability = durability;
        let log = fixture.open();
        log.close();
        // As if it had been asked just before.
        log.shared.available.store(true, Ordering::Release);
        assert!(append(&log, 1).is_err());
    }
}

#[test]
fn a_writer_that_dies_leaves_nobody_waiting() {
    let fixture = Fixture::new();
    let mut syncs = 0;
    let disk = FaultyDisk::new(fixture.directory(), move |_, step| {
        syncs += u32::from(step == Step::SyncData);
        (syncs == 3).then_some(Fault::Panic)
    });
    let log = fixture.open_on(disk).unwrap();
    append(&log, 0).unwrap();
    assert!(append(&log, 1).is_err());
    wait_until("it is gone", || !log.is_available());
    assert!(append(&log, 2).is_err());
    log.close();
    assert!(!log.state().borrow().available);
    drop(log);
    append(&fixture.open(), 3).unwrap();
    let kept = numbers(fixture.directory());
    assert!(kept.starts_with(&[0]) && kept.ends_with(&[3]), "{kept:?}");
    fixture.assert_sound();
}

#[test]
fn checkpoints_are_signed_while_there_is_something_new() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let checkpoints = || {
        let entries = entries(fixture.directory());
        entries.iter().filter(|entry| matches!(entry, Entry::Checkpoint(_))).count()
    };
    fixture.clock.advance(fixture.config.checkpoint_interval);
    log.nudge();
    wait_until("a checkpoint", || checkpoints() == 1);
    wait_until("its file", || fixture.directory().join("checkpoint").exists());
    // Nothing came since. The wall clock, which jumps back, has no say.
    fixture.clock.set_wall(0);
    fixture.clock.advance(fixture.config.checkpoint_interval);
    log.nudge();
    append(&log, 1).unwrap();
    fixture.clock.advance(fixture.config.checkpoint_interval);
    log.nudge();
    wait_until("another", || checkpoints() >= 2);
    log.close();
    let report = fixture.assert_sound();
    assert!((3..=4).contains(&report.checkpoints), "{report:?}");
    assert_eq!(report.signed, report.checkpoints);
    assert_eq!(report.unsigned_records, 1);
    match entries(fixture.directory()).last() {
        Some(Entry::Checkpoint(entry)) => assert!(entry.closing),
        other => panic!("{other:?}"),
    }
}

/// While nothing can be written, the writer waits for the next try, whatever else is due.
#[test]
fn a_failing_log_does_not_spin() {
    let fixture = Fixture::new();
    let mut syncs = 0;
    let disk = FaultyDisk::new(fixture.directory(), move |_, step| {
        syncs += u32::from(step == Step::SyncData);
        (syncs > 1).then_some(Fault::Error(EIO))
    });
    let log = fixture.open_on(disk.clone()).unwrap();
    append(&log, 0).unwrap_err();
    fixture.clock.advance(fixture.config.checkpoint_interval);
    log.nudge();
    wait_until("a try", || disk.steps().len() > 6);
    let before = fixture.clock.looks.load(Ordering::SeqCst);
    let clock = palisade_core::SystemClock::new();
    wait_until("a while", || palisade_core::Clock::monotonic(&clock) > Duration::from_millis(100));
    let looks = fixture.clock.looks.load(Ordering::SeqCst) - before;
    assert!(looks < 20, "the writer looked at the clock {looks} times");
}

#[test]
fn a_log_that_cannot_be_begun_says_why() {
    let mut fixture = Fixture::new();
    fixture.config.directory = fixture.root.path().join("file/log");
    std::fs::write(fixture.root.path().join("file"), "").unwrap();
    let error = fixture.try_open().unwrap_err();
    assert!(matches!(error, OpenLogError::File { .. }));
    assert!(!error.to_string().contains("os error"), "{error}");
}

#[test]
fn the_key_and_the_segments_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new();
    std::fs::remove_file(&fixture.config.checkpoint_key).unwrap();
    drop(fixture.open());
    let mut paths = fixture.segments();
    paths.push(fixture.config.checkpoint_key.clone());
    paths.push(fixture.directory().join("tree"));
    paths.push(fixture.directory().join("checkpoint"));
    for path in paths {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
    }
    assert_eq!(fixture.directory().metadata().unwrap().permissions().mode() & 0o777, 0o700);
}
