//! The bodies of the fuzz targets `tokens`, `cose`, `tpm` and `certificates`, over their corpora
//! and over what becomes of those by chance.

use std::cell::RefCell;
use std::fmt;

use palisade_tests::fuzz::{certificates, cose, input, seeds, tokens, tpm};

/// What stands in claims, headers and key sets.
const JSON_WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\"",
    b".",
    b"=",
    b"null",
    b"1e400",
    b"-0",
    b"1767268800.5",
    b"9007199254740993",
    b"\"aud\":\"x\",",
    b"\"sub\":\"bob\",",
    b"\"act\":{\"iss\":\"https://idp.example\",\"sub\":\"eve\"},",
    b"\"cnf\":{},",
    b"\"nbf\":0,",
    b"\"d\":\"AA\",",
    b"\"kid\":\"one\",",
    b"\"use\":\"sig\",",
    b"\"alg\":\"ES256\",",
    b"\"format\":\"opaque\",",
    b"https://palisade.example",
    b"eyJhbGciOiJub25lIn0",
    b"\\u0061",
    b"\xc3\xa9",
    b"\xff",
];

/// Heads of CBOR, and members of documents.
const CBOR_WORDS: &[&[u8]] = &[
    b"\xd2",
    b"\xa0",
    b"\xf6",
    b"\xff",
    b"\x00",
    b"\x18\x00",
    b"\x58\x30",
    b"\x5f\x41\x00\xff",
    b"\xf9\x00\x00",
    b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x65nonce",
    b"\x66digest\x66SHA384",
    b"\xc2\x41\x01",
    b"\x81\x81\x81\x81\x81\x81\x81\x81",
];

/// Numbers of TPMs, and what stands in evidence.
const TPM_WORDS: &[&[u8]] = &[
    b"\xffTCG",
    b"\x80\x18",
    b"\x00\x00\x00\x01",
    b"\x00\x0b",
    b"\x00\x0c",
    b"\x00\x10",
    b"\x00\x14",
    b"\x00\x18",
    b"\x00\x20",
    b"\x03\xff\x00\x81",
    b"\x04\xff\x00\x81\x00",
    b"\xff\xff",
    b"{",
    b"\"",
    b",\"ak\":\"\"",
    b"\"7\":",
    b"sha384",
    b"AA",
];

/// Tags and values of certificates.
const DER_WORDS: &[&[u8]] = &[
    b"\x30\x00",
    b"\x30\x80",
    b"\x30\x82",
    b"\x01\x01\xff",
    b"\x01\x01\x00",
    b"\x03\x02\x07\x80",
    b"\x03\x02\x02\x04",
    b"\x05\x00",
    b"\x17\x0d260101000000Z",
    b"\x86\x1espiffe://good.example/gateway/x",
    b"\x86\x00",
    b"\x55\x1d\x11",
    b"\x55\x1d\x13",
    b"\x00\x00",
    b"%2e",
    b"/../",
];

/// Adds up what was met.
trait Sum: Copy + Default + fmt::Debug {
    fn add(&mut self, one: Self);
    fn counts(&self) -> Vec<usize>;
}

macro_rules! sum {
    ($met:path { $($count:ident),+ }) => {
        impl Sum for $met {
            fn add(&mut self, one: Self) {
                let Self { $($count),+ } = one;
                $(self.$count += $count;)+
            }

            fn counts(&self) -> Vec<usize> {
                let Self { $($count),+ } = *self;
                vec![$($count),+]
            }
        }
    };
}

sum!(tokens::Met {
    accepted,
    claims_accepted,
    claims_refused,
    events_taken,
    events_refused,
    key_sets,
    read,
    trust_bundles,
    unreadable
});
sum!(cose::Met { genuine, refused, signed_accepted, signed_refused, unreadable });
sum!(tpm::Met {
    evidence_genuine,
    evidence_read,
    keys,
    signatures,
    statements_accepted,
    statements_refused,
    unreadable
});
sum!(certificates::Met {
    accepted,
    endorsements,
    refused,
    signed_accepted,
    signed_refused,
    unreadable
});

/// Checks the corpus and what becomes of it, and that everything comes up: else it was not tested.
fn hold<M: Sum>(target: &str, cases: u32, words: &'static [&'static [u8]], check: fn(&[u8]) -> M) {
    let corpus = input::corpus(target);
    let met = RefCell::new(M::default());
    for seed in &corpus {
        met.borrow_mut().add(check(seed));
    }
    let strategy = input::mutations(corpus, words);
    input::run(target, cases, &strategy, |bytes| met.borrow_mut().add(check(&bytes)));
    let met = met.into_inner();
    assert!(met.counts().iter().all(|count| *count >= 3), "{met:?}");
}

#[test]
fn the_seeds_are_what_is_generated() {
    input::hold_corpus("tokens", &seeds::tokens());
    input::hold_corpus("cose", &seeds::cose());
    input::hold_corpus("tpm", &seeds::tpm());
    input::hold_corpus("certificates", &seeds::certificates());
}

#[test]
fn a_token_proves_what_its_issuer_signed_and_no_more() {
    hold("tokens", 4_000, JSON_WORDS, tokens::check);
}

#[test]
fn a_nitro_document_says_what_its_enclave_signed_and_no_more() {
    hold("cose", 1_500, CBOR_WORDS, cose::check);
}

#[test]
fn a_quote_says_what_its_tpm_stated_and_no_more() {
    hold("tpm", 3_000, TPM_WORDS, tpm::check);
}

#[test]
fn a_certificate_names_whom_an_authority_named_and_nobody_else() {
    hold("certificates", 6_000, DER_WORDS, certificates::check);
}
