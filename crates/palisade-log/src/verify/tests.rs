use std::time::Duration;

use palisade_core::{DecisionLog as _, LogEntry};
use prost::Message as _;

use super::FINDINGS_MAX;
use crate::checkpoint::unverified;
use crate::segment::Header;
use crate::testing::{Fixture, Placed, append, asked, block_on, edit, outcome, placed, rewrite};
use crate::tree::Tree;
use crate::{Against, Retention, TreeHead, Unshipped, VerifyReport, verify};

/// A log of three segments with a checkpoint in the middle, whose process was killed.
fn killed() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 800;
    let log = fixture.open_fast();
    for number in 0..20 {
        if number == 10 {
            fixture.clock.advance(fixture.config.checkpoint_interval);
            log.nudge();
            crate::testing::wait_until("a checkpoint", || {
                fixture.directory().join("checkpoint").exists()
            });
        }
        append(&log, number).unwrap();
    }
    crate::testing::wait_until("the hashes", || log.state().borrow().records == 22);
    let killed = fixture.killed();
    assert_eq!(killed.segments().len(), 3);
    killed
}

fn fields(number: u64) -> Vec<u8> {
    crate::encode::record(LogEntry::Outcome(&outcome(number))).encode_to_vec()
}

fn read(fixture: &Fixture, segment: usize) -> Vec<Placed> {
    placed(&std::fs::read(&fixture.segments()[segment]).unwrap())
}

fn first_finding(report: &VerifyReport) -> (u64, &'static str) {
    let first = report.damage.first().expect("a finding");
    (first.index, first.what)
}

/// The tree of the log as it is now, as somebody who covers traces would write it.
fn forge_tree(fixture: &Fixture) {
    let file = fixture.directory().join("tree");
    std::fs::remove_file(&file).unwrap();
    let mut tree = Tree::open(fixture.directory(), 0).unwrap();
    for path in fixture.segments() {
        let bytes = std::fs::read(&path).unwrap();
        let header = Header { root: tree.root(), ..Header::decode(&bytes).unwrap() };
        edit(&path, |bytes| bytes[..80].copy_from_slice(&header.encode()));
        for record in placed(&bytes) {
            let frame = record.encode();
            let payload = &frame[crate::frame::HEADER_BYTES..];
            tree.push(tlog_tiles::record_hash(payload));
        }
    }
    tree.sync(&crate::disk::LocalDisk).unwrap();
}

#[test]
fn a_sound_log_is_counted() {
    let fixture = killed();
    let report = fixture.assert_sound();
    assert_eq!((report.records, report.first, report.segments), (22, 0, 3));
    assert_eq!((report.checkpoints, report.signed, report.torn_bytes), (1, 1, 0));
    // The checkpoint is of what is before it.
    assert_eq!(report.unsigned_records, 11);
    assert_eq!(report.root, Tree::open(fixture.directory(), 22).unwrap().root().0);
    let without_key = verify(fixture.directory(), &Against::default()).unwrap();
    assert_eq!((without_key.checkpoints, without_key.signed), (1, 0));
    assert!(without_key.is_sound());
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_located() {
    let fixture = killed();
    let key = fixture.against();
    let mut random = fastrand::Rng::with_seed(asked("LOG_TEST_SEED", 20_261_122));
    // Beside one bit of each byte: one in so many of the others.
    let one_in = asked("LOG_TEST_BITS_ONE_IN", 20);
    let mut flipped = 0;
    for path in fixture.segments() {
        let whole = std::fs::read(&path).unwrap();
        let records = placed(&whole);
        let header = Header::decode(&whole).unwrap();
        let last = records.last().unwrap();
        let end = last.offset + last.encode().len();
        for at in 0..whole.len() {
            let holding = records.iter().rfind(|record| record.offset <= at);
            let (offset, index) = match holding {
                None => (0, header.first),
                Some(_) if at >= end => (end, last.index + 1),
                Some(record) => (record.offset, record.index),
            };
            for bit in 0..8 {
                if bit != at % 8 && random.u64(..one_in) != 0 {
                    continue;
                }
                flipped += 1;
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                std::fs::write(&path, bytes).unwrap();
                let report = verify(fixture.directory(), &key).unwrap();
                assert!(!report.is_sound(), "{path:?} at {at}, bit {bit}");
                let found = &report.damage[0];
                let place = (&found.path, found.offset, found.index);
                assert_eq!(
                    place,
                    (&path, u64::try_from(offset).unwrap(), index),
                    "at {at}: {report:?}"
                );
                // One finding for one flip, where records follow from which to go on.
                assert!(report.damaged <= 2, "{report:#?}");
            }
        }
        std::fs::write(&path, whole).unwrap();
    }
    assert!(flipped > 3000, "{flipped}");
    fixture.assert_sound();
}

#[test]
fn a_flipped_bit_in_the_hashes_is_found_and_located() {
    let fixture = killed();
    let path = fixture.directory().join("tree");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        edit(&path, |bytes| bytes[at] ^= 1 << (at % 8));
        let report = fixture.verify();
        // A hash belongs to the record that completed it.
        let (level, place) = tlog_tiles::split_stored_hash_index(u64::try_from(at / 32).unwrap());
        let record = ((place + 1) << level) - 1;
        let what = "the record is not the one whose hash was kept";
        assert_eq!(first_finding(&report), (record, what));
        assert_eq!(report.damaged, 1);
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_removed_record_is_found() {
    let whole = killed();
    for segment in 0..3 {
        for at in 0..read(&whole, segment).len() {
            let fixture = whole.killed();
            let mut records = read(&fixture, segment);
            let removed = records.remove(at);
            rewrite(&fixture.segments()[segment], &records);
            let report = fixture.verify();
            assert_eq!(first_finding(&report).0, removed.index, "{report:#?}");
            // Also when everything after it is numbered anew and all hashes are, too: then no
            // segment has the name that it should have, or no checkpoint holds.
            for (place, record) in records.iter_mut().enumerate().skip(at) {
                record.index = removed.index + u64::try_from(place - at).unwrap();
            }
            rewrite(&fixture.segments()[segment], &records);
            forge_tree(&fixture);
            if segment < 2 {
                assert!(!fixture.verify().is_sound());
            }
        }
    }
}

#[test]
fn reordered_records_are_found() {
    let whole = killed();
    for at in 0..read(&whole, 1).len() - 1 {
        let fixture = whole.killed();
        let mut records = read(&fixture, 1);
        records.swap(at, at + 1);
        rewrite(&fixture.segments()[1], &records);
        let index = read(&whole, 1)[at].index;
        assert_eq!(first_finding(&fixture.verify()), (index, "another record stands"));
        // With their numbers changed as well.
        let (a, b) = (records[at].index, records[at + 1].index);
        (records[at].index, records[at + 1].index) = (b, a);
        rewrite(&fixture.segments()[1], &records);
        let report = fixture.verify();
        assert_eq!(first_finding(&report).0, index);
        assert!(report.damage.iter().all(|damage| damage.index <= 21));
    }
}

#[test]
fn a_replaced_record_is_found_by_its_hash_or_by_the_next_checkpoint() {
    let whole = killed();
    for at in 1..read(&whole, 0).len() {
        let fixture = whole.killed();
        let mut records = read(&fixture, 0);
        records[at].fields = fields(1_000_000);
        rewrite(&fixture.segments()[0], &records);
        let report = fixture.verify();
        let what = "the record is not the one whose hash was kept";
        assert_eq!(first_finding(&report), (records[at].index, what));
        forge_tree(&fixture);
        let report = fixture.verify();
        let what = "the records before are not those the checkpoint signed";
        assert!(report.damage.iter().any(|damage| damage.what == what), "{report:#?}");
        // Without the one in the log, the one beside it tells.
        assert_eq!(report.checkpoints, 0);
    }
}

/// What no checkpoint covers yet is only as safe as the file system; whoever kept a checkpoint
/// elsewhere is told.
#[test]
fn a_replaced_record_at_the_end_is_found_by_a_checkpoint_kept_elsewhere() {
    let fixture = killed();
    let mut against = fixture.against();
    let Some(root) = Some(fixture.assert_sound().root) else { return };
    against.heads.push(TreeHead { origin: "palisade/tests".to_owned(), size: 22, root });
    let report = verify(fixture.directory(), &against).unwrap();
    assert!(report.is_sound() && report.unsigned_records == 0, "{report:#?}");
    let mut records = read(&fixture, 2);
    let last = records.len() - 1;
    records[last].fields = fields(1_000_000);
    rewrite(&fixture.segments()[2], &records);
    forge_tree(&fixture);
    fixture.assert_sound();
    let report = verify(fixture.directory(), &against).unwrap();
    let what = "the records before are not those of the checkpoint given";
    assert_eq!(first_finding(&report), (22, what));
}

#[test]
fn removed_segments_are_found() {
    let whole = killed();
    for (at, index, what) in [
        (0, 8, "records before are missing, and the log does not say so"),
        (1, 8, "records before this segment are missing, or too many"),
        (2, 16, "records are missing whose hashes were kept"),
    ] {
        let fixture = whole.killed();
        let removed = read(&fixture, at);
        std::fs::remove_file(&fixture.segments()[at]).unwrap();
        let report = fixture.verify();
        let expected = if at == 0 { removed.last().unwrap().index + 1 } else { removed[0].index };
        let found = report.damage.iter().find(|damage| damage.what == what);
        assert_eq!(found.map(|damage| damage.index), Some(expected), "{index}: {report:#?}");
    }
}

#[test]
fn a_tail_that_was_cut_off_is_found() {
    let fixture = Fixture::filled(800, 20);
    let newest = std::fs::read_to_string(fixture.directory().join("checkpoint")).unwrap();
    let head = unverified(&newest).unwrap();
    let mut records = read(&fixture, 2);
    // The closing checkpoint stays uncounted by itself: one more goes.
    records.truncate(records.len() - 2);
    rewrite(&fixture.segments()[2], &records);
    let missing = records.last().unwrap().index + 1;
    let report = fixture.verify();
    assert!(report.damage.iter().all(|damage| damage.index == missing));
    assert_eq!(report.damaged, 2, "{report:#?}");
    // The hashes cut off as well: the checkpoint beside the log tells.
    forge_tree(&fixture);
    let report = fixture.verify();
    let what = "records are missing that the checkpoint given says there are";
    assert_eq!(first_finding(&report), (missing, what));
    assert_eq!(report.damaged, 1);
    // That one, too: one that was kept elsewhere.
    std::fs::remove_file(fixture.directory().join("checkpoint")).unwrap();
    fixture.assert_sound();
    let against = Against { heads: vec![head], ..fixture.against() };
    let report = verify(fixture.directory(), &against).unwrap();
    assert_eq!(first_finding(&report), (missing, what));
}

#[test]
fn checkpoints_kept_elsewhere_hold_also_for_deleted_records() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 1000;
    fixture.config.retention =
        Retention { age: None, bytes: Some(3000), unshipped: Unshipped::Delete };
    let log = fixture.open_fast();
    for number in 0..100 {
        append(&log, number).unwrap();
    }
    drop(log);
    let first = fixture.assert_sound().first;
    assert!(first > 40);
    for size in [0, 1, first / 2, first, first + 3, fixture.verify().records + first] {
        let root = Tree::open(fixture.directory(), size).unwrap().root().0;
        let head = |root| TreeHead { origin: String::new(), size, root };
        let mut against = fixture.against();
        against.heads.push(head(root));
        let report = verify(fixture.directory(), &against).unwrap();
        assert!(report.is_sound(), "{size}: {report:#?}");
        against.heads.push(head([9; 32]));
        assert!(!verify(fixture.directory(), &against).unwrap().is_sound(), "{size}");
    }
    let head = TreeHead { origin: String::new(), size: u64::MAX, root: [0; 32] };
    let against = Against { heads: vec![head], ..Against::default() };
    assert!(!verify(fixture.directory(), &against).unwrap().is_sound());
}

#[test]
fn a_checkpoint_of_another_key_is_found() {
    let fixture = killed();
    std::fs::remove_file(&fixture.config.checkpoint_key).unwrap();
    let report = fixture.verify();
    // The one in the log and the one beside it.
    assert_eq!((report.damaged, report.signed), (2, 0), "{report:#?}");
    std::fs::write(fixture.directory().join("checkpoint"), [0xff; 9]).unwrap();
    assert!(!fixture.verify().is_sound());
    assert!(!verify(fixture.directory(), &Against::default()).unwrap().is_sound());
}

#[test]
fn hashes_that_are_missing_are_found_unless_a_crash_may_have_taken_them() {
    let whole = killed();
    let last = crate::tree::hash_count(read(&whole, 2)[0].index) * 32;
    let cut = |length: u64| {
        let fixture = whole.killed();
        let length = usize::try_from(length).unwrap();
        edit(&fixture.directory().join("tree"), |bytes| bytes.truncate(length));
        fixture.verify()
    };
    assert!(cut(last).is_sound());
    assert!(cut(last + 40).is_sound());
    for length in [0, 31, 320, last - 1] {
        let report = cut(length);
        assert_eq!(report.damaged, 1, "{report:#?}");
    }
    let fixture = whole.killed();
    std::fs::remove_file(fixture.directory().join("tree")).unwrap();
    assert_eq!(first_finding(&fixture.verify()), (0, "the file of hashes ends before this record"));
}

#[test]
fn garbage_is_counted_and_not_listed_without_end() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 1024 * 1024;
    let log = fixture.open_fast();
    (0..300).for_each(|number| append(&log, number).unwrap());
    drop(log);
    let path = fixture.segments()[0].clone();
    let records = read(&fixture, 0);
    edit(&path, |bytes| {
        for record in records.iter().step_by(2) {
            bytes[record.offset + 20] ^= 1;
        }
    });
    let report = fixture.verify();
    assert_eq!(report.damage.len(), FINDINGS_MAX);
    assert_eq!(report.damaged, 151);
    // Whatever bytes stand there, it ends.
    let mut random = fastrand::Rng::with_seed(7);
    edit(&path, |bytes| bytes.iter_mut().skip(80).for_each(|byte| *byte = random.u8(..)));
    assert!(!fixture.verify().is_sound());
}

/// Each way of numbering that could overflow something.
#[test]
fn any_number_in_a_frame_is_survived() {
    for index in [u64::MAX, u64::MAX - 1, 1 << 63, 1 << 57, 1 << 56, 12, 0] {
        let fixture = killed();
        let mut records = read(&fixture, 1);
        records[2].index = index;
        rewrite(&fixture.segments()[1], &records);
        assert!(!fixture.verify().is_sound());
        let last = records.len() - 1;
        records[last].index = index;
        records[last].committed = u64::MAX;
        rewrite(&fixture.segments()[1], &records);
        assert!(!fixture.verify().is_sound());
    }
}

/// Nothing is said of what is being written, deleted and begun meanwhile.
#[test]
fn a_log_that_is_being_written_is_sound() {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 20_000;
    fixture.config.checkpoint_interval = Duration::from_millis(1);
    fixture.config.retention =
        Retention { age: None, bytes: Some(200_000), unshipped: Unshipped::Delete };
    let log = fixture.open_fast();
    let against = fixture.against();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for number in 0..3000 {
                let mut record = outcome(number);
                record.error = "x".repeat(usize::try_from(number % 5000).unwrap());
                block_on(log.append(LogEntry::Outcome(&record))).unwrap();
                fixture.clock.advance(Duration::from_millis(1));
            }
        });
        while !writing.is_finished() {
            let report = verify(fixture.directory(), &against).unwrap();
            assert!(report.is_sound(), "{report:#?}");
        }
    });
    drop(log);
    assert!(fixture.assert_sound().first > 0);
}

#[test]
fn a_range_is_read_and_nothing_else() {
    let fixture = killed();
    let firsts: Vec<u64> = (0..3).map(|segment| read(&fixture, segment)[0].index).collect();
    let [_, second, third] = firsts[..] else { panic!("three segments") };
    let part = |range| {
        let against = Against { range: Some(range), ..fixture.against() };
        verify(fixture.directory(), &against).unwrap()
    };
    let report = part(second..=third - 1);
    assert!(report.is_sound(), "{report:#?}");
    assert_eq!((report.first, report.segments, report.records), (second, 1, third - second));
    assert_eq!(part(second + 1..=second + 1).records, third - second);
    assert_eq!(part(0..=u64::MAX).records, 22);
    assert_eq!(part(third..=u64::MAX).segments, 1);
    // What is damaged elsewhere is not seen; what is damaged there is.
    edit(&fixture.segments()[0], |bytes| bytes[120] ^= 1);
    assert!(part(second..=u64::MAX).is_sound());
    assert!(!part(0..=0).is_sound());
    edit(&fixture.segments()[1], |bytes| bytes[120] ^= 1);
    let report = part(second..=second);
    assert_eq!(report.damage[0].index, second);
}
