//! How well the rules find what they were not written against.
//!
//! Values are made from the formats of their issuers and put into sentences, code, log lines
//! and JSON; beside them stands a corpus of ordinary arguments, code and prose. The generators
//! share nothing with the rules. The seed is fixed, so that figures can be compared.

pub(crate) mod clean;
mod personal;
mod secrets;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fastrand::Rng;

use crate::{Scope, is_clean, named_text, text};

const SEED: u64 = 20_260_401;
const ROUNDS: usize = 40;

/// A value to be found, and the text that it stands in.
pub(crate) struct Sample {
    pub(crate) kind: &'static str,
    pub(crate) value: String,
    pub(crate) text: String,
}

#[derive(Default)]
struct Tally {
    found: usize,
    all: usize,
    missed: Vec<String>,
}

/// Found of all, by kind; prints what was missed.
fn tally(samples: impl Iterator<Item = Sample>, scope: Scope) -> (f64, String) {
    let mut kinds: BTreeMap<&str, Tally> = BTreeMap::new();
    for Sample { kind, value, text: carrier } in samples {
        let entry = kinds.entry(kind).or_default();
        entry.all += 1;
        let redacted = text(&carrier, scope);
        if redacted.text.contains(&value) {
            entry.missed.push(redacted.text.into_owned());
        } else {
            entry.found += 1;
        }
    }
    let mut report = String::new();
    let (mut found, mut all) = (0, 0);
    for (kind, tally) in &kinds {
        found += tally.found;
        all += tally.all;
        if tally.found < tally.all {
            let examples: Vec<&String> = tally.missed.iter().take(4).collect();
            writeln!(report, "{kind}: {} of {}: {examples:#?}", tally.found, tally.all).unwrap();
        }
    }
    let recall = found as f64 / all as f64;
    writeln!(report, "found {found} of {all} in {} kinds: {recall:.4}", kinds.len()).unwrap();
    (recall, report)
}

#[test]
fn secrets_are_found() {
    let mut rng = Rng::with_seed(SEED);
    let samples = (0..ROUNDS).flat_map(|_| secrets::samples(&mut rng)).collect::<Vec<_>>();
    let (recall, report) = tally(samples.into_iter(), Scope::Secrets);
    assert!(recall >= 0.95, "{report}");
    print(&report);
}

#[test]
fn personal_data_is_found() {
    let mut rng = Rng::with_seed(SEED);
    let samples = (0..ROUNDS).flat_map(|_| personal::samples(&mut rng)).collect::<Vec<_>>();
    let (recall, report) = tally(samples.into_iter(), Scope::SecretsAndPersonal);
    assert!(recall >= 0.95, "{report}");
    print(&report);
}

#[test]
fn ordinary_text_is_left_alone() {
    for (scope, name) in [(Scope::Secrets, "secrets"), (Scope::SecretsAndPersonal, "personal")] {
        let mut rng = Rng::with_seed(SEED);
        let mut wrong = BTreeMap::new();
        let mut all = 0_usize;
        for _ in 0..ROUNDS {
            for (field, clean) in clean::samples(&mut rng) {
                all += 1;
                let redacted = named_text(field, &clean, scope);
                if !redacted.is_clean() {
                    wrong.insert(clean.clone(), format!("{field} = {}", redacted.text));
                }
            }
        }
        let rate = wrong.len() as f64 / all as f64;
        let report =
            format!("{name}: {} of {all} texts changed ({rate:.4}): {wrong:#?}", wrong.len());
        assert!(rate <= 0.02, "{report}");
        print(&report);
    }
}

#[test]
fn clean_agrees_with_text() {
    let mut rng = Rng::with_seed(SEED);
    for (_, clean) in clean::samples(&mut rng) {
        let scope = Scope::SecretsAndPersonal;
        assert_eq!(is_clean(&clean, scope), text(&clean, scope).is_clean(), "{clean}");
    }
}

#[expect(clippy::print_stdout, reason = "the figures are the point; shown with --nocapture")]
pub(crate) fn print(report: &str) {
    println!("{report}");
}
