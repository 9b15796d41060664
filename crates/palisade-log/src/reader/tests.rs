use std::time::Duration;

use palisade_core::{DecisionLog as _, EpochMillis, LogEntry};

use super::CHUNK_BYTES;
use crate::testing::{
    Fixture, NOON, append, block_on, edit, numbers, outcome, placed, rewrite, wait_until,
};
use crate::{LogReader, ReadLogError};

fn indices(reader: &mut LogReader) -> Vec<u64> {
    std::iter::from_fn(|| reader.next().unwrap()).map(|record| record.index).collect()
}

fn damage(reader: &mut LogReader) -> crate::Damage {
    loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Err(ReadLogError::Damaged(damage)) => return damage,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn reading_begins_anywhere_and_ends_where_the_log_does() {
    let fixture = Fixture::filled(1000, 40);
    let all = fixture.assert_sound().records;
    for from in 0..all + 3 {
        let mut reader = LogReader::new(fixture.directory(), from);
        assert_eq!(indices(&mut reader), (from..all).collect::<Vec<_>>());
        assert_eq!(reader.position(), from.max(all).min(from.max(all)));
        assert!(reader.next().unwrap().is_none());
    }
    assert_eq!(LogReader::first(fixture.directory()).unwrap(), Some(0));
}

#[test]
fn a_log_that_is_not_there_has_no_records() {
    let directory = tempfile::tempdir().unwrap();
    assert!(LogReader::new(directory.path(), 0).next().unwrap().is_none());
    assert_eq!(LogReader::first(directory.path()).unwrap(), None);
    assert_eq!(LogReader::first_around(directory.path(), EpochMillis::new(0)).unwrap(), None);
    let missing = directory.path().join("none");
    assert!(matches!(LogReader::new(&missing, 0).next(), Err(ReadLogError::File { .. })));
}

#[test]
fn a_leaf_is_the_hash_of_the_stored_bytes() {
    let fixture = Fixture::filled(16 * 1024, 1);
    let record = LogReader::new(fixture.directory(), 1).next().unwrap().unwrap();
    assert_eq!(record.leaf_hash(), tlog_tiles::record_hash(&record.bytes).0);
    assert_eq!(record.decode().unwrap().index, 1);
}

#[test]
fn as_much_is_read_as_was_asked_for() {
    let fixture = Fixture::filled(1000, 40);
    let mut reader = LogReader::new(fixture.directory(), 0);
    assert_eq!(reader.read(0, 1000).unwrap(), []);
    // At least one.
    assert_eq!(reader.read(5, 0).unwrap().len(), 1);
    assert_eq!(reader.read(5, usize::MAX).unwrap().len(), 4);
    assert_eq!(reader.position(), 5);
    let some = reader.read(u64::MAX, 200).unwrap();
    let bytes: usize = some.iter().map(|record| record.bytes.len()).sum();
    let last = some.last().unwrap().bytes.len();
    assert!(bytes >= 200 && bytes - last < 200);
    assert_eq!(some[0].index, 5);
}

#[test]
fn records_of_any_size_are_read_whole() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 8 * 1024 * 1024;
    let log = fixture.open_fast();
    let sizes = [
        1,
        CHUNK_BYTES - 200,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        3 * CHUNK_BYTES,
        70,
        1024 * 1024,
        5,
    ];
    for (number, size) in sizes.into_iter().enumerate() {
        let mut record = outcome(u64::try_from(number).unwrap());
        // Zeros look like an end to whoever does not count.
        record.error = "\0".repeat(size);
        block_on(log.append(LogEntry::Outcome(&record))).unwrap();
    }
    assert_eq!(numbers(fixture.directory()), (0..9).collect::<Vec<_>>());
    fixture.assert_sound();
    drop(log);
    append(&fixture.open_fast(), 9).unwrap();
    assert_eq!(numbers(fixture.directory()), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_time_is_found_by_segment() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 1000;
    let log = fixture.open_fast();
    for number in 0..40 {
        fixture.clock.advance(Duration::from_secs(1));
        append(&log, number).unwrap();
    }
    drop(log);
    let around =
        |time| LogReader::first_around(fixture.directory(), EpochMillis::new(time)).unwrap();
    assert_eq!(around(i64::MIN), Some(0));
    assert_eq!(around(NOON), Some(0));
    let last =
        LogReader::new(fixture.directory(), around(i64::MAX).unwrap()).next().unwrap().unwrap();
    assert!(last.index > 30);
    let middle = around(NOON + 20_000).unwrap();
    assert!((5..=20).contains(&middle), "{middle}");
}

#[test]
fn what_comes_later_is_read_later() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 700;
    let log = fixture.open_fast();
    let mut reader = LogReader::new(fixture.directory(), 0);
    assert_eq!(indices(&mut reader), [0]);
    for number in 0..60 {
        append(&log, number).unwrap();
        wait_until("the state", || log.state().borrow().records == number + 2);
        let read = reader.read(number + 2, usize::MAX).unwrap();
        assert_eq!(read.iter().map(|record| record.index).collect::<Vec<_>>(), [number + 1]);
    }
}

/// A batch was read ahead before it was on disk, and then it was taken back.
#[test]
fn what_was_read_ahead_is_read_again() {
    let fixture = Fixture::filled(16 * 1024, 3);
    let path = &fixture.segments()[0];
    let mut records = placed(&std::fs::read(path).unwrap());
    let mut reader = LogReader::new(fixture.directory(), 0);
    assert_eq!(reader.read(3, usize::MAX).unwrap().len(), 3);
    records[3].fields = outcome_fields(77);
    rewrite(path, &records);
    let read = reader.read(4, usize::MAX).unwrap();
    assert!(read[0].bytes.ends_with(&outcome_fields(77)));
}

fn outcome_fields(number: u64) -> Vec<u8> {
    use prost::Message as _;
    crate::encode::record(LogEntry::Outcome(&outcome(number))).encode_to_vec()
}

#[test]
fn a_segment_that_is_missing_is_damage_and_no_endless_loop() {
    let fixture = Fixture::filled(1000, 40);
    let segments = fixture.segments();
    std::fs::remove_file(&segments[1]).unwrap();
    let mut reader = LogReader::new(fixture.directory(), 0);
    let found = damage(&mut reader);
    assert_eq!(found.path, segments[0]);
    assert_eq!(found.offset, segments[0].metadata().unwrap().len());
    assert_eq!(crate::segment::path(fixture.directory(), found.index), segments[1]);
    // It does not go away.
    assert_eq!(damage(&mut reader), found);
}

#[test]
fn damage_is_located() {
    let fixture = Fixture::filled(1000, 40);
    let path = &fixture.segments()[1];
    let whole = std::fs::read(path).unwrap();
    let records = placed(&whole);
    for record in &records {
        edit(path, |bytes| bytes[record.offset + 20] ^= 1);
        let found = damage(&mut LogReader::new(fixture.directory(), 0));
        let offset = u64::try_from(record.offset).unwrap();
        assert_eq!((&found.path, found.offset, found.index), (path, offset, record.index));
        std::fs::write(path, &whole).unwrap();
    }
    // A header, also one of zeros: there is another segment behind it.
    for change in [|bytes: &mut Vec<u8>| bytes[3] ^= 1, |bytes: &mut Vec<u8>| bytes[..80].fill(0)] {
        edit(path, change);
        let found = damage(&mut LogReader::new(fixture.directory(), 0));
        assert_eq!((&found.path, found.offset), (path, 0));
        std::fs::write(path, &whole).unwrap();
    }
    // A hole, and another record.
    edit(path, |bytes| bytes[records[1].offset..records[2].offset].fill(0));
    assert_eq!(damage(&mut LogReader::new(fixture.directory(), 0)).what, "there is a hole");
    let mut swapped = records;
    swapped.swap(1, 2);
    rewrite(path, &swapped);
    assert_eq!(damage(&mut LogReader::new(fixture.directory(), 0)).what, "another record stands");
}

/// Begun, found not to be on disk, and begun again under the same name.
#[test]
fn a_segment_that_is_begun_again_is_followed() {
    let fixture = Fixture::filled(1000, 20);
    let path = fixture.segments().pop().unwrap();
    let whole = std::fs::read(&path).unwrap();
    edit(&path, |bytes| bytes.truncate(80));
    let mut reader = LogReader::new(fixture.directory(), 0);
    let read = indices(&mut reader).len();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, whole).unwrap();
    assert!(indices(&mut reader).is_empty());
    let all = usize::try_from(fixture.assert_sound().records).unwrap();
    assert_eq!(indices(&mut reader).len(), all - read);
}
