use std::path::Path;

use palisade_core::EpochMillis;
use palisade_proto::v1::OpenedEntry;
use palisade_proto::v1::record::Entry;

use super::Damage;
use crate::disk::LocalDisk;
use crate::segment::{HEADER_BYTES, Header};
use crate::testing::{Fixture, append, edit, entries, numbers, placed, rewrite};
use crate::{OpenLogError, Retention, Unshipped};

/// Opening says that the log is damaged, and changes nothing.
fn refused(fixture: &Fixture) -> Damage {
    let before = fixture.content();
    let error = fixture.try_open().unwrap_err();
    assert_eq!(fixture.content(), before);
    match error {
        OpenLogError::Damaged(damage) => damage,
        other => panic!("{other:?}"),
    }
}

fn last_opened(fixture: &Fixture) -> OpenedEntry {
    let mut opened = entries(fixture.directory()).into_iter().filter_map(|entry| match entry {
        Entry::Opened(opened) => Some(opened),
        _ => None,
    });
    opened.next_back().unwrap()
}

fn tree_file(fixture: &Fixture) -> std::path::PathBuf {
    fixture.directory().join("tree")
}

#[test]
fn a_record_that_was_cut_off_is_taken_away() {
    let whole = Fixture::filled(16 * 1024, 5);
    let torn = crate::frame::tests::framed(7, 1, b"what was being written");
    let end = whole.segments()[0].metadata().unwrap().len();
    for length in 1..torn.len() {
        // The second: some of its pages were not written; the third, an earlier batch's length.
        let mut holes = torn[..length].to_vec();
        holes[0] = 0;
        for tail in [torn[..length].to_vec(), holes, vec![0xff; length]] {
            let fixture = whole.killed();
            edit(&fixture.segments()[0], |bytes| bytes.extend(&tail));
            let report = fixture.verify();
            let written = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            assert_eq!(report.torn_bytes, u64::try_from(written).unwrap());
            append(&fixture.open_fast(), 5).unwrap();
            assert_eq!(numbers(fixture.directory()), [0, 1, 2, 3, 4, 5]);
            assert_eq!(last_opened(&fixture).torn_bytes, u64::try_from(written).unwrap());
            assert!(last_opened(&fixture).was_closed);
            fixture.assert_sound();
        }
    }
    assert_eq!(whole.segments()[0].metadata().unwrap().len(), end);
}

#[test]
fn a_process_that_was_killed_did_not_close_the_log() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 1000;
    let log = fixture.open_fast();
    (0..20).for_each(|number| append(&log, number).unwrap());
    let killed = fixture.killed();
    append(&killed.open(), 20).unwrap();
    assert_eq!(numbers(killed.directory()), (0..=20).collect::<Vec<_>>());
    assert!(!last_opened(&killed).was_closed);
    killed.assert_sound();
}

/// Whatever byte of the last segment is changed: it was on disk, so its loss is no crash.
#[test]
fn each_changed_byte_of_acknowledged_records_is_damage() {
    let fixture = Fixture::filled(1000, 14);
    let path = fixture.segments().pop().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let records = placed(&whole);
    assert!(records.len() > 2);
    for at in 0..whole.len() {
        edit(&path, |bytes| bytes[at] ^= 1 << (at % 8));
        let damage = refused(&fixture);
        let holding = records.iter().rfind(|record| record.offset <= at);
        let (offset, index) =
            holding.map_or((0, records[0].index), |record| (record.offset, record.index));
        assert_eq!(damage.path, path);
        assert_eq!((damage.offset, damage.index), (u64::try_from(offset).unwrap(), index), "{at}");
        std::fs::write(&path, &whole).unwrap();
    }
    // Cut off anywhere, too.
    for length in HEADER_BYTES..whole.len() {
        edit(&path, |bytes| bytes.truncate(length));
        assert_eq!(refused(&fixture).path, path);
        std::fs::write(&path, &whole).unwrap();
    }
    fixture.open_fast();
}

/// A process was killed before it wrote the hash of the last record: only batches tell.
#[test]
fn damage_before_the_last_batch_is_found_without_hashes() {
    let fixture = Fixture::filled(16 * 1024, 6);
    let path = fixture.segments().pop().unwrap();
    for name in ["tree", "checkpoint"] {
        std::fs::remove_file(fixture.directory().join(name)).unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    let records = placed(&whole);
    let last = records.last().unwrap().offset;
    for at in HEADER_BYTES..last {
        edit(&path, |bytes| bytes[at] ^= 1 << (at % 8));
        let index = records.iter().rfind(|record| record.offset <= at).unwrap().index;
        assert_eq!(refused(&fixture).index, index);
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_segment_that_was_never_begun_is_begun_again() {
    let whole = Fixture::filled(16 * 1024, 5);
    let next = u64::try_from(placed(&std::fs::read(&whole.segments()[0]).unwrap()).len()).unwrap();
    let half = Header { first: next, begun: EpochMillis::new(1), root: tlog_tiles::EMPTY_HASH };
    for content in [vec![], vec![0; 10], vec![0; 5000], half.encode()[..70].to_vec()] {
        let fixture = whole.killed();
        std::fs::write(crate::segment::path(fixture.directory(), next), content).unwrap();
        append(&fixture.open(), 5).unwrap();
        assert_eq!(numbers(fixture.directory()), [0, 1, 2, 3, 4, 5]);
        assert_eq!(fixture.segments().len(), 1);
        fixture.assert_sound();
        // The very first one.
        let fixture = Fixture::new();
        std::fs::create_dir(fixture.directory()).unwrap();
        std::fs::write(crate::segment::path(fixture.directory(), 0), [0; 80]).unwrap();
        append(&fixture.open(), 1).unwrap();
        assert!(!last_opened(&fixture).was_closed);
        fixture.assert_sound();
    }
}

#[test]
fn hashes_that_are_missing_are_computed_again() {
    let whole = Fixture::filled(1000, 40);
    assert!(whole.segments().len() > 3);
    let hashes = std::fs::read(tree_file(&whole)).unwrap();
    for length in (0..hashes.len()).step_by(24).chain([0, 31, 32, hashes.len() - 1]) {
        let fixture = whole.killed();
        edit(&tree_file(&fixture), |bytes| bytes.truncate(length));
        append(&fixture.open_fast(), 40).unwrap();
        assert!(std::fs::read(tree_file(&fixture)).unwrap().starts_with(&hashes), "{length}");
        fixture.assert_sound();
    }
    let fixture = whole.killed();
    std::fs::remove_file(tree_file(&fixture)).unwrap();
    append(&fixture.open(), 40).unwrap();
    assert!(std::fs::read(tree_file(&fixture)).unwrap().starts_with(&hashes));
    fixture.assert_sound();
}

#[test]
fn hashes_of_records_that_are_not_there_are_damage() {
    let fixture = Fixture::filled(1000, 10);
    edit(&tree_file(&fixture), |bytes| bytes.extend([7; 32]));
    assert_eq!(refused(&fixture).what, "records are missing whose hashes were kept");
    // Half a hash is the rest of a write.
    edit(&tree_file(&fixture), |bytes| bytes.truncate(bytes.len() - 1));
    append(&fixture.open(), 10).unwrap();
    fixture.assert_sound();
}

#[test]
fn hashes_that_are_wrong_are_damage() {
    let fixture = Fixture::filled(1000, 40);
    edit(&tree_file(&fixture), |bytes| bytes.fill(7));
    let last = fixture.segments().pop().unwrap();
    assert_eq!(refused(&fixture).path, last);
}

#[test]
fn missing_segments_are_damage() {
    let whole = Fixture::filled(1000, 40);
    let count = whole.segments().len();
    // One in the middle can be missed only where its records are read.
    for at in 0..count - 1 {
        let fixture = whole.killed();
        std::fs::remove_file(&fixture.segments()[at]).unwrap();
        std::fs::remove_file(tree_file(&fixture)).unwrap();
        let next = fixture.segments()[at].clone();
        assert_eq!(refused(&fixture).path, next);
    }
    // The last one: hashes and checkpoint tell, each alone.
    for forgotten in ["checkpoint", "tree"] {
        let fixture = whole.killed();
        std::fs::remove_file(fixture.segments().pop().unwrap()).unwrap();
        std::fs::remove_file(fixture.directory().join(forgotten)).unwrap();
        let last = fixture.segments().pop().unwrap();
        assert_eq!(refused(&fixture).path, last, "{forgotten}");
        // As if it had only been begun.
        let fixture = whole.killed();
        edit(&fixture.segments().pop().unwrap(), Vec::clear);
        std::fs::remove_file(fixture.directory().join(forgotten)).unwrap();
        refused(&fixture);
    }
    // All of them.
    let fixture = whole.killed();
    fixture.segments().iter().for_each(|path| std::fs::remove_file(path).unwrap());
    refused(&fixture);
    std::fs::remove_file(tree_file(&fixture)).unwrap();
    refused(&fixture);
    std::fs::remove_file(fixture.directory().join("checkpoint")).unwrap();
    append(&fixture.open(), 0).unwrap();
}

#[test]
fn sealed_segments_keep_their_headers() {
    let whole = Fixture::filled(1000, 30);
    for at in 0..whole.segments().len() - 1 {
        for change in
            [|bytes: &mut Vec<u8>| bytes.truncate(79), |bytes: &mut Vec<u8>| bytes[40] ^= 1]
        {
            let fixture = whole.killed();
            let path = fixture.segments()[at].clone();
            edit(&path, change);
            let damage = refused(&fixture);
            assert_eq!((damage.path, damage.offset), (path, 0));
        }
    }
}

#[test]
fn records_of_another_log_are_damage() {
    let fixture = Fixture::filled(16 * 1024, 5);
    let path = &fixture.segments()[0];
    let mut records = placed(&std::fs::read(path).unwrap());
    records.swap(2, 3);
    rewrite(path, &records);
    let damage = refused(&fixture);
    assert_eq!((damage.index, damage.what), (2, "another record stands"));
}

#[test]
fn the_hashes_of_deleted_records_are_needed() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 1000;
    fixture.config.retention =
        Retention { age: None, bytes: Some(2500), unshipped: Unshipped::Delete };
    let log = fixture.open_fast();
    (0..40).for_each(|number| append(&log, number).unwrap());
    drop(log);
    assert!(fixture.assert_sound().first > 0);
    // Those of what is left can be computed again.
    let kept = crate::tree::hash_count(fixture.verify().first) * 32;
    edit(&tree_file(&fixture), |bytes| bytes.truncate(usize::try_from(kept).unwrap()));
    drop(fixture.open());
    fixture.assert_sound();
    edit(&tree_file(&fixture), |bytes| bytes.truncate(usize::try_from(kept).unwrap() - 1));
    let oldest = fixture.segments()[0].clone();
    assert_eq!(refused(&fixture).path, oldest);
}

/// Numbers that nobody can count up to.
#[test]
fn a_segment_may_have_any_name() {
    for first in [u64::MAX, u64::MAX - 1, 1 << 63, 1 << 56, 1 << 40] {
        let fixture = Fixture::new();
        std::fs::create_dir(fixture.directory()).unwrap();
        let path = crate::segment::path(fixture.directory(), first);
        let header = Header { first, begun: EpochMillis::new(0), root: tlog_tiles::EMPTY_HASH };
        let frame = crate::frame::tests::framed(first, 80, b"");
        std::fs::write(&path, [header.encode().as_slice(), &frame].concat()).unwrap();
        assert_eq!(refused(&fixture).path, path);
        assert!(!fixture.verify().is_sound());
        let mut reader = crate::LogReader::new(fixture.directory(), first);
        assert_eq!(reader.next().unwrap().unwrap().index, first);
        assert!(reader.next().unwrap().is_none() || first == u64::MAX);
    }
}

#[test]
fn a_directory_that_lacks_its_parents_is_made() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b/c");
    crate::disk::create_directory(&path).unwrap();
    crate::disk::create_directory(&path).unwrap();
    assert!(path.is_dir());
    assert_eq!(crate::disk::parent(Path::new("key")), Path::new("."));
    assert_eq!(crate::disk::parent(Path::new("/")), Path::new("."));
    use crate::disk::Disk as _;
    LocalDisk.replace(&path.join("x"), b"1").unwrap();
    LocalDisk.replace(&path.join("x"), b"22").unwrap();
    assert_eq!(std::fs::read(path.join("x")).unwrap(), b"22");
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1);
}
