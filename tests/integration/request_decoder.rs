//! The body of the fuzz target `requests`, over its corpus and over what becomes of it by chance.

use std::cell::RefCell;

use palisade_tests::fuzz::requests::{Met, check};
use palisade_tests::fuzz::{input, seeds};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Fields of one kind of message or another, whole; and numbers that lie about lengths.
const WORDS: &[&[u8]] = &[
    b"\x0a\x00",
    b"\x0a\x01\x20",
    b"\x12\x00",
    b"\x12\x12\x12\x10\x08\x01\x12\x04corp\x1a\x06mallet",
    b"\x12\x03\x0a\x01t",
    b"\x1a\x0anotes.read",
    b"\x1a\x00",
    b"\x22\x01x",
    b"\x2a\x02{}",
    b"\x32\x00",
    b"\x3a\x01s",
    b"\x52\x00",
    b"\x5a\x03\x0a\x01x",
    b"\x5a\x05\x0a\x03::1",
    b"\x62\x02\x10\x08",
    b"\x62\x02\x18\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x7f",
];

/// Seeds and fields after each other: to protobuf that is one message.
fn joined(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![select(corpus), select(WORDS).prop_map(<[u8]>::to_vec)];
    vec(part, 1..5).prop_map(|parts| parts.concat())
}

fn add(met: &mut Met, one: Met) {
    let Met { decided, batches, lists, refused, unreadable } = one;
    met.decided += decided;
    met.batches += batches;
    met.lists += lists;
    met.unreadable += unreadable;
    for (all, one) in met.refused.iter_mut().zip(refused) {
        *all += one;
    }
}

#[test]
fn the_seeds_are_what_is_generated() {
    input::hold_corpus("requests", &seeds::requests());
}

#[test]
fn every_seed_is_decided_or_refused_as_the_contract_says() {
    let mut met = Met::default();
    for (_, seed) in seeds::requests() {
        add(&mut met, check(&seed));
    }
    let Met { decided, batches, lists, refused, unreadable } = met;
    assert!(decided >= 12 && batches > 0 && lists > 0 && unreadable > 0, "{met:?}");
    assert!(refused.iter().all(|count| *count > 0), "{met:?}");
}

#[test]
fn whatever_comes_is_decided_or_refused_as_the_contract_says() {
    let met = RefCell::new(Met::default());
    let corpus: Vec<Vec<u8>> = seeds::requests().into_iter().map(|(_, seed)| seed).collect();
    let strategy = prop_oneof![input::mutations(corpus.clone(), WORDS), joined(corpus)];
    input::run("requests", 30_000, &strategy, |bytes| add(&mut met.borrow_mut(), check(&bytes)));
    let met = met.into_inner();
    assert!(met.decided > 1_000 && met.batches > 100 && met.lists > 100, "{met:?}");
    assert!(met.unreadable > 100 && met.refused.iter().all(|count| *count > 100), "{met:?}");
}
