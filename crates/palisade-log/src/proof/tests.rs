use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use palisade_core::Clock as _;
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;
use proptest::prelude::*;
use prost::Message as _;
use tlog_tiles::Hash;

use super::{CheckProofError, ProveError, check_proof, prove};
use crate::checkpoint::CheckpointKey;
use crate::testing::{Fixture, append, edit, placed, rewrite, wait_until};
use crate::{CheckpointError, LogReader, ReadLogError, StoredRecord, VerifierKey};

/// A log with a checkpoint after every third record, and its proofs.
fn proofs() -> (Fixture, VerifierKey, Vec<String>) {
    let mut fixture = Fixture::new();
    fixture.config.segment_bytes = 2000;
    let log = fixture.open_fast();
    for number in 0..50 {
        append(&log, number).unwrap();
        if number % 3 == 0 {
            fixture.clock.advance(fixture.config.checkpoint_interval);
            let before = log.state().borrow().records;
            log.nudge();
            wait_until("a checkpoint", || log.state().borrow().records > before);
        }
    }
    log.close();
    let records = fixture.assert_sound().records;
    assert!(records > 66 && fixture.clock.monotonic().as_secs() > 0);
    let proofs = (0..records - 1)
        .map(|index| prove(fixture.directory(), &stored(&fixture, index)).unwrap())
        .collect();
    let key = fixture.key();
    (fixture, key, proofs)
}

fn stored(fixture: &Fixture, index: u64) -> StoredRecord {
    LogReader::new(fixture.directory(), index).next().unwrap().unwrap()
}

fn index_of(proof: &str) -> u64 {
    proof.lines().nth(2).unwrap().strip_prefix("index ").unwrap().parse().unwrap()
}

#[test]
fn each_record_is_proven_to_whoever_has_the_key() {
    let (fixture, key, proofs) = proofs();
    for (index, proof) in (0..).zip(&proofs) {
        let proven = check_proof(proof, &key).unwrap();
        assert_eq!(proven.record, stored(&fixture, index));
        assert!(proven.head.size > index);
        assert!(proof.starts_with("c2sp.org/tlog-proof@v1\nextra "));
    }
    // The last record is the last checkpoint.
    let last = u64::try_from(proofs.len()).unwrap();
    let last = stored(&fixture, last);
    assert!(matches!(prove(fixture.directory(), &last), Err(ProveError::NoCheckpoint)));
    for index in [u64::MAX, u64::MAX - 1, last.index + 1] {
        let none = StoredRecord { index, bytes: last.bytes.clone() };
        assert!(prove(fixture.directory(), &none).is_err());
    }
    // Bytes that do not stand there.
    let other = StoredRecord { index: 3, bytes: last.bytes };
    assert!(matches!(prove(fixture.directory(), &other), Err(ProveError::Inconsistent)));
}

#[test]
fn a_proof_is_of_one_record_and_one_key() {
    let (_fixture, key, proofs) = proofs();
    let other = CheckpointKey::open(&tempfile::tempdir().unwrap().path().join("key")).unwrap();
    let other = VerifierKey::parse(other.verifier_key()).unwrap();
    for proof in &proofs {
        let index = index_of(proof);
        assert_eq!(
            check_proof(proof, &other),
            Err(CheckProofError::Checkpoint(CheckpointError::OtherOrigin))
        );
        for wrong in [index + 1, index.wrapping_sub(1), 1 << 40, u64::MAX] {
            let changed =
                proof.replace(&format!("\nindex {index}\n"), &format!("\nindex {wrong}\n"));
            assert_eq!(check_proof(&changed, &key), Err(CheckProofError::NotIncluded));
        }
        for written in ["", "+1", "01", "x", "18446744073709551616"] {
            let changed =
                proof.replace(&format!("\nindex {index}\n"), &format!("\nindex {written}\n"));
            assert_eq!(check_proof(&changed, &key), Err(CheckProofError::Malformed));
        }
    }
}

#[test]
fn each_changed_character_spoils_a_proof() {
    let (_fixture, key, proofs) = proofs();
    let proof = &proofs[37];
    for at in 0..proof.len() {
        for bit in [1, 2, 32] {
            let mut bytes = proof.clone().into_bytes();
            bytes[at] ^= bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(check_proof(&changed, &key).is_err(), "{changed}");
        }
    }
    let lines: Vec<_> = proof.lines().collect();
    for removed in 0..lines.len() {
        let mut lines = lines.clone();
        lines.remove(removed);
        assert!(check_proof(&format!("{}\n", lines.join("\n")), &key).is_err(), "{removed}");
    }
}

/// A checkpoint of whatever tree, signed by the key itself, with whatever proof.
fn signed(size: u64, index: &str, hashes: usize) -> (String, VerifierKey) {
    let key = CheckpointKey::open(&Fixture::new().config.checkpoint_key).unwrap();
    let verifier = VerifierKey::parse(key.verifier_key()).unwrap();
    let note = key.sign(size, Hash([1; 32])).unwrap();
    let hash = format!("{}\n", BASE64.encode([2; 32])).repeat(hashes);
    let extra = BASE64.encode(b"anything");
    (format!("c2sp.org/tlog-proof@v1\nextra {extra}\nindex {index}\n{hash}\n{note}"), verifier)
}

#[test]
fn no_sizes_and_no_lengths_reach_the_assertions_of_the_library() {
    for size in [0, 1, 2, 3, 7, 1 << 32, 1 << 63, u64::MAX - 1, u64::MAX] {
        for index in [0, 1, 2, 6, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX] {
            for hashes in [0, 1, 2, 31, 32, 33, 62, 63, 64] {
                let (proof, key) = signed(size, &index.to_string(), hashes);
                assert_eq!(check_proof(&proof, &key), Err(CheckProofError::NotIncluded));
            }
        }
    }
    let (proof, key) = signed(u64::MAX, "5", 65);
    assert_eq!(check_proof(&proof, &key), Err(CheckProofError::Malformed));
}

/// The leaf is what it should be, but it is no record, or one with another index.
#[test]
fn what_is_in_the_tree_and_is_no_record_is_refused() {
    let key = CheckpointKey::open(&Fixture::new().config.checkpoint_key).unwrap();
    let verifier = VerifierKey::parse(key.verifier_key()).unwrap();
    for (extra, is_record) in [
        (&b"\xff\xff"[..], false),
        (b"\x09\x01\0\0\0\0\0\0\0", false),
        (b"\x09\0\0\0\0\0\0\0\0", true),
    ] {
        let note = key.sign(1, tlog_tiles::record_hash(extra)).unwrap();
        let extra = BASE64.encode(extra);
        let proof = format!("c2sp.org/tlog-proof@v1\nextra {extra}\nindex 0\n\n{note}");
        assert_eq!(check_proof(&proof, &verifier).is_ok(), is_record);
    }
}

#[test]
fn a_log_that_was_changed_proves_nothing() {
    let (fixture, _key, proofs) = proofs();
    let record = stored(&fixture, 5);
    let tree = fixture.directory().join("tree");
    let whole = std::fs::read(&tree).unwrap();
    edit(&tree, |bytes| bytes.fill(3));
    assert!(matches!(prove(fixture.directory(), &record), Err(ProveError::Inconsistent)));
    edit(&tree, |bytes| bytes.truncate(64));
    assert!(matches!(prove(fixture.directory(), &record), Err(ProveError::Inconsistent)));
    std::fs::write(&tree, whole).unwrap();
    assert_eq!(prove(fixture.directory(), &record).unwrap(), proofs[5]);
    let first = stored(&fixture, 0);
    std::fs::remove_file(&fixture.segments()[0]).unwrap();
    let error = prove(fixture.directory(), &first).unwrap_err();
    assert!(matches!(error, ProveError::Read(ReadLogError::Deleted { .. })));
}

/// A checkpoint in the log says what it likes: whoever reads it has no key.
#[test]
fn a_checkpoint_of_any_size_proves_nothing() {
    let fixture = Fixture::filled(16 * 1024, 5);
    let record = stored(&fixture, 1);
    let key = CheckpointKey::open(&fixture.config.checkpoint_key).unwrap();
    let path = &fixture.segments()[0];
    let whole = placed(&std::fs::read(path).unwrap());
    for size in [0, 1, 6, 1 << 56, 1 << 63, u64::MAX] {
        let note = key.sign(size, Hash([1; 32])).unwrap();
        let entry = v1::CheckpointEntry { note, closing: false };
        let record_of_it =
            v1::Record { entry: Some(Entry::Checkpoint(entry)), ..v1::Record::default() };
        let mut records = whole.clone();
        records[3].fields = record_of_it.encode_to_vec();
        rewrite(path, &records);
        assert!(matches!(prove(fixture.directory(), &record), Err(ProveError::Inconsistent)));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC*", size: u64) {
        let (proof, key) = signed(size, "3", 2);
        prop_assert!(check_proof(&text, &key).is_err());
        let (head, tail) = proof.split_once("\n\n").unwrap();
        let mixed = [
            format!("{text}\n\n{tail}"),
            format!("{head}\n\n{text}"),
            format!("{head}\n{text}\n\n{tail}"),
        ];
        for mixed in mixed {
            prop_assert!(check_proof(&mixed, &key).is_err());
        }
    }

    #[test]
    fn any_cut_and_splice_is_read_without_a_panic(size in 0_u64..9, from in 0_usize..400, to in 0_usize..400) {
        let (proof, key) = signed(size, "3", 2);
        let (from, to) = (from.min(proof.len()), to.min(proof.len()));
        if let (Some(start), Some(end)) = (proof.get(..from), proof.get(to..)) {
            prop_assert!(check_proof(&[start, end].concat(), &key).is_err());
        }
    }
}
