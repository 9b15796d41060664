use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tlog_tiles::Hash;

use super::{CheckpointError, CheckpointKey, CheckpointKeyError, VerifierKey, unverified};
use crate::tree::tests::vectors;

fn new_key() -> CheckpointKey {
    let directory = tempfile::tempdir().unwrap();
    CheckpointKey::open(&directory.path().join("key")).unwrap()
}

fn verifier(key: &CheckpointKey) -> VerifierKey {
    VerifierKey::parse(key.verifier_key()).unwrap()
}

/// The key of the vectors, as a key file has it.
fn vector_key() -> (CheckpointKey, VerifierKey) {
    let checkpoint = &vectors()["checkpoint"];
    let public = checkpoint["vkey"].as_str().unwrap();
    let mut fields = public.splitn(3, '+');
    let (name, id) = (fields.next().unwrap(), fields.next().unwrap());
    let seed = hex::decode(checkpoint["seed_hex"].as_str().unwrap()).unwrap();
    let private = BASE64.encode([vec![1], seed].concat());
    let key = CheckpointKey::parse(&format!("PRIVATE+KEY+{name}+{id}+{private}")).unwrap();
    assert_eq!(key.verifier_key(), public);
    (key, VerifierKey::parse(public).unwrap())
}

fn notes(which: &str) -> Vec<String> {
    let notes = &vectors()["checkpoint"][which];
    notes.as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_valid_vectors_are_verified_and_signed_byte_by_byte() {
    let (key, verifier) = vector_key();
    let sizes: Vec<u64> = notes("valid")
        .iter()
        .map(|note| {
            let head = verifier.verify(note).unwrap();
            assert_eq!(head.origin, "pdp.example.com/decisions");
            // Ed25519 has one signature of one text.
            assert_eq!(key.sign(head.size, Hash(head.root)).as_ref(), Some(note));
            head.size
        })
        .collect();
    assert_eq!(sizes, [0, 1, 1000]);
}

#[test]
fn the_invalid_vectors_are_not() {
    let (_, verifier) = vector_key();
    assert_eq!(notes("invalid").len(), 3);
    for note in notes("invalid") {
        assert!(verifier.verify(&note).is_err(), "{note}");
    }
}

#[test]
fn a_checkpoint_says_what_was_signed() {
    let key = new_key();
    for size in [0, 1, 77, 1 << 40, u64::MAX] {
        let note = key.sign(size, Hash([size.to_le_bytes()[0]; 32])).unwrap();
        let head = verifier(&key).verify(&note).unwrap();
        assert_eq!((head.size, head.root), (size, [size.to_le_bytes()[0]; 32]));
        assert!(key.verifier_key().starts_with(&head.origin));
        assert_eq!(unverified(&note), Ok(head));
    }
}

#[test]
fn another_key_or_another_origin_is_none() {
    let (key, other) = (new_key(), new_key());
    assert_ne!(key.verifier_key(), other.verifier_key());
    let note = key.sign(5, Hash([1; 32])).unwrap();
    assert_eq!(verifier(&other).verify(&note), Err(CheckpointError::OtherOrigin));
    // The same name with another key.
    let name = verifier(&key).name;
    let impostor = signed_note::new_ed25519_verifier_key(
        &name,
        &ed25519_dalek::SigningKey::from_bytes(&[3; 32]).verifying_key(),
    );
    let impostor = VerifierKey::parse(&impostor).unwrap();
    assert_eq!(impostor.verify(&note), Err(CheckpointError::Signature));
}

#[test]
fn a_witness_may_sign_beside() {
    let (key, witness) = (new_key(), new_key());
    let note = key.sign(5, Hash([1; 32])).unwrap();
    let by_witness = witness.sign(5, Hash([1; 32])).unwrap();
    let beside = by_witness.lines().last().unwrap();
    for both in [format!("{note}{beside}\n"), note.replace("\n\n", &format!("\n\n{beside}\n"))] {
        assert_eq!(verifier(&key).verify(&both).unwrap().size, 5);
    }
    let alone = note.replace(note.lines().last().unwrap(), beside);
    assert_eq!(verifier(&key).verify(&alone), Err(CheckpointError::Signature));
}

#[test]
fn each_changed_byte_spoils_a_checkpoint() {
    let key = new_key();
    let note = key.sign(1234, Hash([7; 32])).unwrap();
    for at in 0..note.len() {
        for bit in [1, 2, 4, 32] {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(verifier(&key).verify(&changed).is_err(), "{changed}");
        }
        if let Some(cut) = note.get(..at) {
            assert!(verifier(&key).verify(cut).is_err());
        }
    }
    assert_eq!(verifier(&key).verify(&format!("{note}\n")), Err(CheckpointError::Malformed));
}

#[test]
fn a_key_is_made_once_and_for_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys/of/the/log");
    let key = CheckpointKey::open(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let again = CheckpointKey::open(&path).unwrap();
    assert_eq!(key.verifier_key(), again.verifier_key());
    let text = std::fs::read_to_string(&path).unwrap();
    // The key itself may have a `+` in it.
    let secret = text.trim_end().splitn(5, '+').nth(4).unwrap();
    assert!(!format!("{key:?}").contains(secret));
    // A start that was cut off while it made the key left nothing that looks like one.
    let parsed = CheckpointKey::parse(text.trim_end()).unwrap();
    assert_eq!(parsed.verifier_key(), key.verifier_key());
}

#[test]
fn what_is_no_key_is_refused_and_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let good = {
        let key = directory.path().join("good");
        CheckpointKey::open(&key).unwrap();
        std::fs::read_to_string(key).unwrap()
    };
    let good = good.trim_end();
    let longer = format!("{good}{}", "A".repeat(2000));
    let cut = good.get(..good.len() - 4).unwrap();
    for text in ["", "PRIVATE+KEY+", "x", good.trim_start_matches('P'), cut, &longer] {
        std::fs::write(&path, text).unwrap();
        let error = CheckpointKey::open(&path).unwrap_err();
        assert!(matches!(error, CheckpointKeyError::NoKey { .. }), "{text}");
        assert!(text.len() < 20 || !error.to_string().contains(text));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    assert!(matches!(CheckpointKey::open(directory.path()), Err(CheckpointKeyError::File { .. })));
    for text in ["", "name", "name+1+x", "PRIVATE+KEY+a+b+c", good] {
        assert!(VerifierKey::parse(text).is_none(), "{text}");
    }
}
