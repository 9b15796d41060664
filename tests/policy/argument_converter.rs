//! The body of the fuzz target `arguments`, over its corpus and over generated texts.

use std::cell::RefCell;

use palisade_tests::fuzz::arguments::{Met, check};
use palisade_tests::fuzz::input;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// What stands in JSON, and what parsers differ about.
const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"null",
    b"true",
    b"\"count\":1025,",
    b",\"flag\":true",
    b"\"name\"",
    b"9007199254740993",
    b"-0.0",
    b"1e400",
    b"1e-400",
    b"1E2",
    b"0.00001",
    b"00",
    b"\\u0063",
    b"\\ud800",
    b"\xc3",
    b"\xed\xa0\x80",
    b"NaN",
    b"//",
    b"\x0b",
];

/// Arguments of the bundle `shapes`, each with texts that fit or nearly do.
const PROPERTIES: &[(&str, &[&str])] = &[
    ("flag", &["false", "true", "false", "null"]),
    ("count", &["0", "7", "101", "1025", "-3", "2.0", "1e1", "9007199254740991"]),
    ("amount", &["10.5", "10.5001", "-2", "922337203685477", "922337203685478", "0.00001"]),
    ("exact", &["0.1", "1e-7", "1e15", "3", "0.30000000000000004"]),
    ("name", &["\"n\"", "\"a secret\"", "\"private/a\"", "\"\\u0073ecret\"", "\"\""]),
    ("maybe", &["null", "\"x\""]),
    ("pick", &["\"red\"", "\"green\"", "\"\\u0072ed\"", "\"blue\""]),
    ("odd-name", &["\"\"", "\"x\""]),
    ("tags", &["[]", "[\"b\"]", "[\"b\",\"a\",\"a\"]", "[\"\\u00e9\"]", "[1]"]),
    ("sizes", &["[1]", "[1,2,3,4]", "[3,3,3,3]", "[1.0,1]", "[0.5]"]),
    ("grid", &["[]", "[[1,2.5]]", "[[2.5,1.0,1],[]]", "[[0.00001]]"]),
    ("rows", &["[{\"x\":1,\"y\":3}]", "[{\"y\":2,\"x\":1}]", "[{\"x\":1,\"z\":1}]"]),
    ("point", &["{\"x\":1}", "{\"x\":1,\"y\":1}", "{\"y\":1}", "{\"x\":null}"]),
    ("open", &["{}", "{\"mode\":\"wild\"}", "{\"mode\":\"wild\",\"deep\":{\"tags\":[\"tame\"]}}"]),
    ("id", &["7", "\"7\"", "7.0", "\"x\"", "7.5"]),
    ("value", &["null", "true", "2.5", "\"s\"", "[]", "[\"s\"]", "{\"kind\":\"wild\"}", "{}"]),
    ("anything", &["1", "false", "[null]", "{\"__entity\":{\"type\":\"User\",\"id\":\"x\"}}"]),
    ("blob", &["{}", "{\"a\":{}}", "{\"b\":1,\"a\":2}"]),
    ("mixed", &["[]", "[1,\"a\",null]"]),
    ("other", &["1", "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}}"]),
];

/// Objects of some of these properties, now and then with one of them twice.
fn objects(of: impl Fn(&str) -> bool) -> impl Strategy<Value = Vec<u8>> {
    let properties: Vec<_> = PROPERTIES.iter().copied().filter(|(name, _)| of(name)).collect();
    let most = properties.len().min(5);
    let fields = subsequence(properties, 0..=most).prop_shuffle();
    let fields = fields.prop_flat_map(|properties| {
        let of = |(name, texts): (&'static str, &'static [&'static str])| {
            select(texts).prop_map(move |text| format!("\"{name}\":{text}"))
        };
        properties.into_iter().map(of).collect::<Vec<_>>()
    });
    (fields, prop::bool::weighted(0.03)).prop_map(|(mut fields, twice)| {
        if twice && let Some(first) = fields.first().cloned() {
            fields.push(first);
        }
        format!("{{{}}}", fields.join(",")).into_bytes()
    })
}

fn add(met: &mut Met, one: Met) {
    let Met { decided, failed, unfit, unreadable } = one;
    for (all, one) in met.decided.iter_mut().zip(decided) {
        *all += one;
    }
    met.failed += failed;
    met.unfit += unfit;
    met.unreadable += unreadable;
}

/// That everything came up; else it was not tested.
fn hold_met(met: Met, at_least: usize) {
    let Met { decided: [allowed, challenged, denied], failed, unfit, unreadable } = met;
    let counts = [allowed, challenged, denied, failed, unfit, unreadable];
    assert!(counts.iter().all(|count| *count >= at_least), "{met:?}");
}

#[test]
fn every_seed_is_read_one_way_and_decided_as_cedar_does() {
    let mut met = Met::default();
    for seed in input::corpus("arguments") {
        add(&mut met, check(&seed));
    }
    hold_met(met, 1);
}

#[test]
fn whatever_comes_is_read_one_way_and_decided_as_cedar_does() {
    let met = RefCell::new(Met::default());
    let strategy = prop_oneof![
        4 => input::mutations(input::corpus("arguments"), WORDS),
        4 => objects(|_| true),
        // What `shapes.closed` takes.
        1 => objects(|name| ["count", "name", "point"].contains(&name)),
    ];
    input::run("arguments", 4_000, &strategy, |text| add(&mut met.borrow_mut(), check(&text)));
    hold_met(met.into_inner(), 25);
}
