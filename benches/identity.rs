//! What it costs to know who asks and what they run in: tokens and evidence that come for the first
//! time and again, beside the bare verification of the same signatures.
//!
//! Ratios are of rounds that are measured in turn, so that both sides have the same of whatever
//! else runs.
#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark: it prints, and what is not as expected ends it"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use palisade_attest::{NitroExpectation, NitroFreshness, NitroRoots, verify_nitro_document};
use palisade_benches::credentials::{MayCompose, NOW, Signer, signed_parts};
use palisade_benches::evidence::{
    RECORDED_AGE, RECORDED_AT, cases, p384_signature, recorded_nitro_document,
};
use palisade_benches::is_smoke_test;
use palisade_benches::results::{self, NAME, Table};
use palisade_core::{Clock as _, SystemClock};
use palisade_identity::{IdentityVerifier, PresentedLink};

/// Tokens that come for the first time in one round.
const TOKENS: usize = 200;

/// Rounds that a ratio is the median of.
const ROUNDS: usize = 101;

/// Revocations in force, none of them of those who ask.
const REVOCATIONS: [usize; 2] = [0, 100_000];

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(&results::directory().join("criterion"))
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    remembered_tokens(&mut criterion);
    criterion.final_summary();
    let mut table = Table::new(&[NAME, "µs", "beside it µs", "ratio"]);
    for signer in [Signer::es256(), Signer::ed25519()] {
        new_tokens(&signer, &mut table);
    }
    remembered_in_turn(&mut table);
    evidence(&mut table);
    println!("{}", table.markdown());
    if !is_smoke_test() {
        table.save("identity");
    }
}

/// Tokens that were verified before: one, and two that are joined.
fn remembered_tokens(criterion: &mut Criterion) {
    let signer = Signer::es256();
    let (user, agent) = (signer.access_token("alice"), signer.access_token("bot"));
    let both = [user.clone(), agent];
    let mut group = criterion.benchmark_group("identity");
    for revocations in REVOCATIONS {
        let verifier = signer.verifier(revocations);
        for (name, links) in [("one token", std::slice::from_ref(&user)), ("two tokens", &both)] {
            identify(&verifier, links);
            group.bench_function(BenchmarkId::new(name, revocations), |bencher| {
                bencher.iter(|| identify(&verifier, black_box(links)));
            });
        }
    }
}

fn identify(verifier: &IdentityVerifier, links: &[PresentedLink]) {
    black_box(verifier.identify(links, &MayCompose, NOW).expect("a chain"));
}

/// Evidence that comes for the first time, and again.
fn evidence(table: &mut Table) {
    let (fronts, times) = if is_smoke_test() { (1, 1) } else { (20, 1_000) };
    for case in cases() {
        let new = || {
            let fronts: Vec<_> = (0..fronts).map(|_| case.front()).collect();
            timed(fronts.len(), || fronts.iter().for_each(|front| case.verify(front)))
        };
        let known = case.front();
        case.verify(&known);
        let again = || timed(times, || (0..times).for_each(|_| case.verify(&known)));
        let name = format!("{} ({} bytes), new, against again", case.name, case.body.len());
        compare(&name, new, again, table);
    }
    let (document, roots) = (recorded_nitro_document(), NitroRoots::aws().expect("a root"));
    let freshness = NitroFreshness::Age;
    let expectation = NitroExpectation { now: RECORDED_AT, max_age: RECORDED_AGE, freshness };
    let verify = || verify_nitro_document(black_box(&document), &roots, &expectation);
    let of_aws = || {
        timed(fronts, || {
            (0..fronts).for_each(|_| drop(black_box(verify().expect("accepted"))));
        })
    };
    // That of the document and those of the four certificates under the root.
    let signatures = five_signatures(fronts);
    compare("Nitro document of AWS, against five signatures", of_aws, signatures, table);
}

/// Five verifications of signatures on P-384, so many times.
fn five_signatures(times: usize) -> impl Fn() -> f64 {
    let (key, message, signature) = p384_signature();
    move || {
        timed(times, || {
            for _ in 0..5 * times {
                key.verify_sig(black_box(&message), &signature).expect("a signature");
            }
        })
    }
}

/// Tokens that come for the first time, beside the verification of their signatures alone.
fn new_tokens(signer: &Signer, table: &mut Table) {
    let count = if is_smoke_test() { 1 } else { TOKENS };
    let tokens = signer.access_tokens(count);
    let parts: Vec<(Vec<u8>, Vec<u8>)> = tokens.iter().map(signed_parts).collect();
    let (prepared, unprepared) = signer.bare();
    let ours = || {
        let verifier = signer.verifier(0);
        timed(count, || {
            for token in &tokens {
                identify(&verifier, std::slice::from_ref(token));
            }
        })
    };
    let with_prepared_key = || {
        timed(count, || {
            for (signed, signature) in &parts {
                prepared.verify_sig(black_box(signed), signature).expect("a signature");
            }
        })
    };
    let with_bytes = || {
        timed(count, || {
            for (signed, signature) in &parts {
                unprepared.verify(black_box(signed), signature).expect("a signature");
            }
        })
    };
    let name = signer.algorithm();
    compare(&format!("new token, {name}, against a prepared key"), ours, with_prepared_key, table);
    compare(&format!("new token, {name}, against the key's bytes"), ours, with_bytes, table);
}

/// Tokens that were verified before: two against one, and one with many revocations in force
/// against none. Rounds are so short that most of them are not interrupted.
fn remembered_in_turn(table: &mut Table) {
    let signer = Signer::es256();
    let [user, agent] = ["alice", "bot"].map(|subject| signer.access_token(subject));
    let (one, two) = ([user.clone()], [user, agent]);
    let [few, many] = REVOCATIONS.map(|revocations| signer.verifier(revocations));
    let count = if is_smoke_test() { 1 } else { 1_000 };
    let remembered = |verifier: &IdentityVerifier, links: &[PresentedLink]| {
        timed(count, || {
            for _ in 0..count {
                identify(verifier, black_box(links));
            }
        })
    };
    let with_none = || remembered(&few, &one);
    compare("two remembered tokens, against one", || remembered(&few, &two), with_none, table);
    let with_many = || remembered(&many, &one);
    compare("100,000 revocations, against none", with_many, with_none, table);
}

/// Seconds for one of so many.
fn timed(count: usize, work: impl FnOnce()) -> f64 {
    let clock = SystemClock::new();
    let began = clock.monotonic();
    work();
    (clock.monotonic() - began).as_secs_f64() / count as f64
}

/// Medians of both sides and of their ratios.
fn compare(name: &str, ours: impl Fn() -> f64, bare: impl Fn() -> f64, table: &mut Table) {
    let rounds = if is_smoke_test() { 1 } else { ROUNDS };
    let measured: Vec<(f64, f64)> = (0..rounds).map(|_| (ours(), bare())).collect();
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut figures: Vec<f64> = measured.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().expect("a round")
    };
    let micros = |seconds: f64| format!("{:.3}", seconds * 1e6);
    let ratio = median(|(ours, bare)| ours / bare);
    let row = [micros(median(|(ours, _)| *ours)), micros(median(|(_, bare)| *bare))];
    let [ours, bare] = row;
    table.push(vec![name.to_owned(), ours, bare, format!("{ratio:.3}")]);
}
