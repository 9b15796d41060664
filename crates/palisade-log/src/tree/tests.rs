use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use tlog_tiles::{Hash, check_record, check_tree, prove_record, prove_tree, record_hash};

use super::{FILE_NAME, Frontier, HASH_BYTES, StoredHashes, Tree, hash_count};
use crate::disk::LocalDisk;
use crate::testing::faulty::{EIO, Fault, FaultyDisk, Step};

/// Published values of RFC 6962, and others made with an independent implementation.
pub(crate) fn vectors() -> Value {
    let path = "../../tests/fixtures/tlog/rfc6962_c2sp_vectors.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn hash(value: &Value) -> Hash {
    Hash(hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap())
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

/// The definition in RFC 6962, section 2.1, as it stands there.
fn naive(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => tlog_tiles::EMPTY_HASH,
        [leaf] => *leaf,
        _ => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            tlog_tiles::node_hash(naive(&leaves[..split]), naive(&leaves[split..]))
        }
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| record_hash(&number.to_le_bytes())).collect()
}

fn tree_of(directory: &Path, leaves: &[Hash]) -> Tree {
    let mut tree = Tree::open(directory, 0).unwrap();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.sync(&LocalDisk).unwrap();
    tree
}

#[test]
fn roots_are_those_of_the_vectors() {
    let vectors = vectors();
    let directory = tempfile::tempdir().unwrap();
    let mut tree = Tree::open(directory.path(), 0).unwrap();
    assert_eq!(tree.root(), hash(&vectors["empty_root"]));
    let leaves = vectors["ct_leaves"].as_array().unwrap();
    assert_eq!(leaves.len(), 8);
    for (leaf, root) in leaves.iter().zip(vectors["ct_roots"].as_array().unwrap()) {
        tree.push(record_hash(&hex::decode(leaf.as_str().unwrap()).unwrap()));
        assert_eq!(tree.root(), hash(root));
    }
}

#[test]
fn inclusion_proofs_are_those_of_the_vectors() {
    let directory = tempfile::tempdir().unwrap();
    let vectors = vectors();
    let cases = vectors["inclusion"].as_array().unwrap();
    assert_eq!(cases.len(), 46);
    let size = |case: &Value| case["size"].as_u64().unwrap();
    let most = cases.iter().map(size).max().unwrap();
    let leaf = |number: u64| record_hash(format!("decision-{number}").as_bytes());
    tree_of(directory.path(), &(0..most).map(leaf).collect::<Vec<_>>());
    let stored = StoredHashes::open(directory.path()).unwrap();
    let mut valid = 0;
    for case in cases {
        let (size, index) = (size(case), case["index"].as_u64().unwrap());
        let proof = hashes(&case["proof"]);
        let leaf = record_hash(case["leaf"].as_str().unwrap().as_bytes());
        let is_valid = case["valid"].as_bool().unwrap();
        let checked = check_record(&proof, size, hash(&case["root"]), index, leaf);
        assert_eq!(checked.is_ok(), is_valid, "{case}");
        if is_valid {
            valid += 1;
            assert_eq!(prove_record(size, index, &stored).unwrap(), proof, "{case}");
            let root = Frontier::stored(size, &stored).unwrap().unwrap().root();
            assert_eq!(root, hash(&case["root"]));
        }
    }
    assert_eq!(valid, 30);
}

#[test]
fn consistency_proofs_are_those_of_the_vectors() {
    let directory = tempfile::tempdir().unwrap();
    let vectors = vectors();
    let cases = vectors["consistency"].as_array().unwrap();
    assert_eq!(cases.len(), 23);
    let most = cases.iter().map(|case| case["n"].as_u64().unwrap()).max().unwrap();
    let leaf = |number: u64| record_hash(format!("decision-{number}").as_bytes());
    tree_of(directory.path(), &(0..most).map(leaf).collect::<Vec<_>>());
    let stored = StoredHashes::open(directory.path()).unwrap();
    for case in cases {
        let (m, n) = (case["m"].as_u64().unwrap(), case["n"].as_u64().unwrap());
        let proof = hashes(&case["proof"]);
        let is_valid = case["valid"].as_bool().unwrap();
        let checked = check_tree(&proof, n, hash(&case["root2"]), m, hash(&case["root1"]));
        assert_eq!(checked.is_ok(), is_valid, "{case}");
        if is_valid {
            assert_eq!(prove_tree(n, m, &stored).unwrap(), proof, "{case}");
        }
    }
}

#[test]
fn a_tree_goes_on_at_each_size() {
    let directory = tempfile::tempdir().unwrap();
    let leaves = leaves(70);
    tree_of(directory.path(), &leaves);
    let file = directory.path().join(FILE_NAME);
    let whole = std::fs::read(&file).unwrap();
    for size in 0..=70 {
        let mut tree = Tree::open(directory.path(), size).unwrap();
        let size = usize::try_from(size).unwrap();
        assert_eq!(tree.root(), naive(&leaves[..size]));
        // What is beyond may be anything.
        let kept = usize::try_from(hash_count(tree.size()) * HASH_BYTES).unwrap();
        let mut torn = whole.clone();
        torn[kept..].fill(0xaa);
        std::fs::write(&file, torn).unwrap();
        leaves[size..].iter().for_each(|leaf| tree.push(*leaf));
        tree.write(&LocalDisk).unwrap();
        assert_eq!(tree.root(), naive(&leaves));
        assert_eq!(std::fs::read(&file).unwrap(), whole, "{size}");
    }
    assert!(Tree::open(directory.path(), 71).is_err());
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert!(Tree::open(directory.path(), 70).is_err());
    assert!(Tree::open(directory.path(), 69).is_ok());
}

#[test]
fn a_size_that_no_file_has_is_no_overflow() {
    let directory = tempfile::tempdir().unwrap();
    let none = StoredHashes::open(directory.path()).unwrap();
    for size in [1, (1 << 56) - 1, 1 << 56, (1 << 56) + 1, 1 << 59, 1 << 63, u64::MAX - 1, u64::MAX]
    {
        assert!(Frontier::stored(size, &none).unwrap().is_none());
        assert!(hash_count(size).checked_mul(HASH_BYTES).is_some());
        assert!(hash_count(size) >= hash_count(size - 1));
    }
    assert_eq!(Frontier::stored(0, &none).unwrap().unwrap().root(), tlog_tiles::EMPTY_HASH);
    assert!(none.at(u64::MAX).is_err());
}

/// What a failed sync leaves may be lost although the next succeeds.
#[test]
fn a_failed_sync_is_followed_by_another_write() {
    let directory = tempfile::tempdir().unwrap();
    let mut syncs = 0;
    let disk = FaultyDisk::new(directory.path(), move |_, step| {
        syncs += u32::from(step == Step::SyncAll);
        (step == Step::SyncAll && syncs == 1).then_some(Fault::Error(EIO))
    });
    let mut tree = Tree::open(directory.path(), 0).unwrap();
    leaves(5).iter().for_each(|leaf| tree.push(*leaf));
    tree.write(&disk).unwrap();
    tree.sync(&disk).unwrap_err();
    // Gone from the cache.
    let file = directory.path().join(FILE_NAME);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, vec![0; whole.len()]).unwrap();
    tree.sync(&disk).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), whole);
    assert_eq!(disk.steps(), [Step::Write, Step::SyncAll, Step::Write, Step::SyncAll]);
}

proptest! {
    #[test]
    fn all_ways_lead_to_the_same_root(
        data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..150),
        writes in prop::collection::vec(any::<bool>(), 150),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut tree = Tree::open(directory.path(), 0).unwrap();
        // One that does not wait.
        let disk = FaultyDisk::new(directory.path(), |_, _| None);
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        let mut stored = Vec::new();
        for (record, writes) in data.iter().zip(writes) {
            let leaf = record_hash(record);
            leaves.push(leaf);
            tree.push(leaf);
            frontier.push(leaf, |place, hash| stored.push((place, hash)));
            if writes {
                tree.write(&disk).unwrap();
            }
            prop_assert_eq!(tree.root(), naive(&leaves));
            prop_assert_eq!(frontier.root(), naive(&leaves));
        }
        tree.sync(&disk).unwrap();
        let file = StoredHashes::open(directory.path()).unwrap();
        prop_assert_eq!(file.count().unwrap(), hash_count(tree.size()));
        prop_assert_eq!(file.count().unwrap(), u64::try_from(stored.len()).unwrap());
        for (place, hash) in stored {
            prop_assert_eq!(file.at(place).unwrap(), hash);
        }
    }
}
