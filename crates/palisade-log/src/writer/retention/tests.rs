use std::time::Duration;

use palisade_proto::v1::RetentionEntry;
use palisade_proto::v1::record::Entry;

use super::PERIOD;
use crate::testing::faulty::{FaultyDisk, Step};
use crate::testing::{Fixture, NOON, append, entries, numbers, wait_until};
use crate::{Cursor, LogReader, ReadLogError, Retention, SegmentLog, Unshipped};

fn fixture(retention: Retention) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 1000;
    fixture.config.retention = retention;
    fixture
}

fn announced(fixture: &Fixture) -> Vec<RetentionEntry> {
    let entry = |entry| match entry {
        Entry::Retention(entry) => Some(entry),
        _ => None,
    };
    entries(fixture.directory()).into_iter().filter_map(entry).collect()
}

/// Appends these records, one each second.
fn fill(fixture: &Fixture, log: &SegmentLog, numbers: std::ops::Range<u64>) {
    for number in numbers {
        fixture.clock.advance(Duration::from_secs(1));
        append(log, number).unwrap();
    }
}

#[test]
fn what_is_too_much_goes_oldest_first() {
    let fixture = fixture(Retention { age: None, bytes: Some(4000), unshipped: Unshipped::Keep });
    let log = fixture.open_fast();
    fill(&fixture, &log, 0..200);
    log.close();
    let report = fixture.assert_sound();
    assert!(report.first > 100, "{report:?}");
    let bytes: u64 = fixture.segments().iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(bytes <= 4000);
    assert_eq!(log.state().borrow().first, report.first);
    let kept = numbers(fixture.directory());
    assert_eq!(kept.last(), Some(&199));
    assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let last = announced(&fixture).pop().unwrap();
    assert_eq!((last.first_index, last.unshipped), (report.first, 0));
    assert_eq!(last.cause, "size");
    // Each says how many went with it.
    let known: Vec<_> = announced(&fixture);
    for pair in known.windows(2) {
        assert_eq!(pair[1].records, pair[1].first_index - pair[0].first_index);
    }
    let mut reader = LogReader::new(fixture.directory(), 0);
    match reader.next() {
        Err(ReadLogError::Deleted { first }) => assert_eq!(first, report.first),
        other => panic!("{other:?}"),
    }
}

/// Else a power failure could bring back one and not the next: a hole.
#[test]
fn each_is_gone_for_certain_before_the_next_goes() {
    let fixture = fixture(Retention { age: None, bytes: Some(3000), unshipped: Unshipped::Delete });
    let disk = FaultyDisk::new(fixture.directory(), |_, _| None);
    let log = fixture.open_on(disk.clone()).unwrap();
    fill(&fixture, &log, 0..100);
    log.close();
    let steps = disk.steps();
    let removed = steps.iter().filter(|step| **step == Step::Remove).count();
    let certain = steps.windows(2).filter(|pair| **pair == [Step::Remove, Step::SyncDirectory]);
    assert!(removed > 3);
    assert_eq!(certain.count(), removed);
}

#[test]
fn what_is_too_old_goes() {
    let age = Some(Duration::from_secs(3600));
    let fixture = fixture(Retention { age, bytes: None, unshipped: Unshipped::Delete });
    let log = fixture.open_fast();
    fill(&fixture, &log, 0..50);
    let before = fixture.segments();
    assert!(before.len() > 3);
    // Nothing is an hour old.
    fixture.clock.advance(Duration::from_secs(3500));
    log.nudge();
    append(&log, 50).unwrap();
    assert_eq!(fixture.segments()[..before.len()], before);
    fixture.clock.advance(Duration::from_secs(200));
    log.nudge();
    // The one that is written to stays, however old its beginning is.
    wait_until("the old ones go", || !before[..before.len() - 1].iter().any(|path| path.exists()));
    log.close();
    let last = announced(&fixture).pop().unwrap();
    assert_eq!((last.cause.as_str(), last.unshipped), ("age", 0));
    fixture.assert_sound();
}

#[test]
fn a_wall_clock_that_jumps_deletes_nothing_that_is_young() {
    let age = Some(Duration::from_secs(3600));
    let fixture = fixture(Retention { age, bytes: None, unshipped: Unshipped::Delete });
    let log = fixture.open_fast();
    fill(&fixture, &log, 0..50);
    for wall in [i64::MIN, 0, NOON - 3_600_000] {
        fixture.clock.set_wall(wall);
        fixture.clock.advance(PERIOD);
        log.nudge();
        append(&log, 1).unwrap();
    }
    log.close();
    assert_eq!(fixture.assert_sound().first, 0);
}

#[test]
fn what_is_not_shipped_stays_or_is_counted() {
    for unshipped in [Unshipped::Keep, Unshipped::Delete] {
        let mut fixture = fixture(Retention { age: None, bytes: Some(3000), unshipped });
        fixture.config.is_shipped = true;
        let log = fixture.open_fast();
        fill(&fixture, &log, 0..100);
        if unshipped == Unshipped::Delete {
            log.close();
            let announced = announced(&fixture);
            assert!(!announced.is_empty());
            assert!(announced.iter().all(|entry| entry.unshipped == entry.records));
            continue;
        }
        assert_eq!(LogReader::first(fixture.directory()).unwrap(), Some(0));
        assert!(announced(&fixture).is_empty());
        // Shipped as far as the middle of a segment: that one stays.
        log.shipped(45);
        fixture.clock.advance(PERIOD);
        log.nudge();
        wait_until("the shipped ones go", || {
            LogReader::first(fixture.directory()).unwrap() > Some(0)
        });
        log.close();
        let first = LogReader::first(fixture.directory()).unwrap().unwrap();
        assert!(first <= 45 && first > 30, "{first}");
        assert!(announced(&fixture).iter().all(|entry| entry.unshipped == 0));
        drop(log);
        // The cursor beside the log says the same after a restart.
        Cursor::open(fixture.directory()).unwrap().advance(70).unwrap();
        let log = fixture.open_fast();
        append(&log, 100).unwrap();
        wait_until("more go", || LogReader::first(fixture.directory()).unwrap() > Some(first));
        log.close();
        assert!(LogReader::first(fixture.directory()).unwrap() <= Some(70));
        fixture.assert_sound();
    }
}

#[test]
fn a_reader_reads_on_in_what_is_deleted_meanwhile() {
    let fixture = fixture(Retention { age: None, bytes: Some(2500), unshipped: Unshipped::Delete });
    let log = fixture.open_fast();
    fill(&fixture, &log, 0..10);
    let mut reader = LogReader::new(fixture.directory(), 0);
    assert_eq!(reader.next().unwrap().unwrap().index, 0);
    fill(&fixture, &log, 10..100);
    let mut read = 1;
    let first = loop {
        match reader.next() {
            Ok(Some(record)) => {
                assert_eq!(record.index, read);
                read += 1;
            }
            Err(ReadLogError::Deleted { first }) => break first,
            other => panic!("{other:?}"),
        }
    };
    // As far as the segment it had open.
    assert!(read > 3 && read < first, "{read} {first}");
    assert_eq!(reader.position(), read);
    assert!(matches!(reader.next(), Err(ReadLogError::Deleted { .. })));
    drop(log);
}
