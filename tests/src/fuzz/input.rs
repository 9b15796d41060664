//! Input for the bodies without a fuzzer: the committed corpus, and what becomes of it by chance.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::bundle::root;

/// Where the seeds of a target are.
#[must_use]
pub fn corpus_directory(target: &str) -> PathBuf {
    root().join("tests/fuzz/corpus").join(target)
}

/// The seeds of a target, sorted by the names of their files.
///
/// # Panics
/// They cannot be read, or there are none.
#[must_use]
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = corpus_directory(target);
    let mut files: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", directory.display());
    let read = |file: &PathBuf| fs::read(file).expect("a readable file");
    files.iter().map(read).collect()
}

/// One change of some bytes.
#[derive(Clone, Debug)]
enum Change {
    Insert(Index, &'static [u8]),
    Remove(Index, usize),
    Repeat(Index, usize),
    Replace(Index, u8),
    /// Goes on as another seed does.
    Splice(Index, Index, Index),
}

/// Seeds after up to six changes; what is inserted are `words`.
pub fn mutations(
    corpus: Vec<Vec<u8>>,
    words: &'static [&'static [u8]],
) -> impl Strategy<Value = Vec<u8>> {
    let index = any::<Index>;
    let change = prop_oneof![
        4 => (index(), select(words)).prop_map(|(at, word)| Change::Insert(at, word)),
        2 => (index(), 1..9_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        1 => (index(), 1..33_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
        3 => (index(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        1 => (index(), index(), index()).prop_map(|(at, seed, from)| Change::Splice(at, seed, from)),
    ];
    (index(), vec(change, 0..7)).prop_map(move |(seed, changes)| {
        let mut bytes = seed.get(&corpus).clone();
        for change in changes {
            apply(&change, &mut bytes, &corpus);
        }
        bytes
    })
}

fn apply(change: &Change, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
    let range = |at: &Index, length: usize| {
        let start = place(at, bytes);
        start..bytes.len().min(start + length)
    };
    match change {
        Change::Insert(at, word) => {
            let start = place(at, bytes);
            bytes.splice(start..start, word.iter().copied());
        }
        Change::Remove(at, length) => {
            bytes.drain(range(at, *length));
        }
        Change::Repeat(at, length) => {
            let range = range(at, *length);
            let repeated = bytes[range.clone()].to_vec();
            bytes.splice(range.start..range.start, repeated);
        }
        Change::Replace(at, byte) => {
            let at = place(at, bytes);
            if let Some(old) = bytes.get_mut(at) {
                *old = *byte;
            }
        }
        Change::Splice(at, seed, from) => {
            let other = seed.get(corpus);
            bytes.truncate(place(at, bytes));
            bytes.extend_from_slice(&other[place(from, other)..]);
        }
    }
}

/// Runs a body on generated input, `FUZZ_TEST_CASES` times, from `FUZZ_TEST_SEED`. What fails is
/// made small and printed.
///
/// # Panics
/// The body does.
#[expect(clippy::print_stdout, reason = "a test that fails has to say with which seed")]
pub fn run<S: Strategy>(target: &str, cases: u32, strategy: &S, body: impl Fn(S::Value)) {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let cases = number("FUZZ_TEST_CASES", cases.into());
    let seed = number("FUZZ_TEST_SEED", 20_261_122);
    println!("{target}: FUZZ_TEST_CASES={cases} FUZZ_TEST_SEED={seed}");
    let config = Config {
        cases: cases.try_into().expect("fewer than 2^32 cases"),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let run = |input| {
        body(input);
        Ok(())
    };
    if let Err(failure) = TestRunner::new(config).run(strategy, run) {
        panic!("{target}: {failure}");
    }
}

/// Holds committed seeds to what they are generated from. With `UPDATE_GENERATED=1` it writes them
/// instead.
///
/// # Panics
/// A seed is missing, differs, or is one that is generated no more.
pub fn hold_corpus(target: &str, seeds: &[(&str, Vec<u8>)]) {
    let directory = corpus_directory(target);
    let path = |name: &str| -> PathBuf { directory.join(name).with_extension("bin") };
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        for (name, bytes) in seeds {
            fs::write(path(name), bytes).expect("a writable directory");
        }
    }
    let hint = "run `UPDATE_GENERATED=1 cargo test -p palisade-tests the_seeds`";
    for (name, bytes) in seeds {
        let committed = fs::read(path(name)).ok();
        assert!(committed.as_ref() == Some(bytes), "the seed `{name}` is out of date; {hint}");
    }
    let known = |file: &Path| seeds.iter().any(|(name, _)| path(name) == file);
    let files = fs::read_dir(&directory).expect("a directory");
    for file in files.map(|entry| entry.expect("an entry").path()) {
        assert!(known(&file), "{} is generated by nothing; remove it", file.display());
    }
}
