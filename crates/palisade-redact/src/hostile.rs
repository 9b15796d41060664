//! That no text costs more than its length allows, counted in steps and not in time.
//!
//! `examples/hostile.rs` measures the same texts, to see that steps are what they are said to be.

mod fragments;

use fastrand::Rng;

use crate::redact::named_text_within;
use crate::work::{Work, budget};
use crate::{GROWTH_MAX, Scope, is_clean, text};
use fragments::FRAGMENTS;

const ALL: Scope = Scope::SecretsAndPersonal;

fn repeated(unit: &str, bytes: usize) -> String {
    unit.repeat(bytes / unit.len() + 1)
}

fn mixtures(count: usize) -> impl Iterator<Item = String> {
    let mut rng = Rng::with_seed(11);
    (0..count).map(move |_| {
        let pieces = rng.usize(2..120);
        (0..pieces).map(|_| FRAGMENTS[rng.usize(..FRAGMENTS.len())]).collect()
    })
}

/// The steps for a text. If they ran out, nothing of it is left.
fn steps(input: &str, work: &Work) -> usize {
    let redacted = named_text_within("note", input, ALL, work);
    assert!(!work.is_exhausted() || redacted.text == "[redacted:unscannable]", "{input:.80}");
    work.spent()
}

/// And once it has run out, everything stops.
#[test]
fn the_work_is_bounded_by_the_length() {
    let fragments = FRAGMENTS.iter().map(|fragment| (*fragment).to_owned());
    for unit in fragments.chain(mixtures(40)) {
        let input = repeated(&unit, 3000);
        let work = Work::new(input.len());
        let spent = steps(&input, &work);
        assert!(spent <= budget(input.len()), "{spent} for {unit:?}");
        assert!(work.refused() <= input.len(), "{} refused for {unit:?}", work.refused());
    }
}

/// With any work at hand, twice the length takes twice the work: nothing is quadratic. But for
/// private keys without an end, which is looked for to the end of the text: there the budget
/// alone is the bound.
#[test]
fn the_work_grows_with_the_length_alone() {
    let mut wrong = Vec::new();
    for unit in FRAGMENTS.iter().filter(|unit| !unit.contains("PRIVATE KEY-----")) {
        let [short, long] = [4000, 8000].map(|bytes| {
            let work = Work::with_steps(usize::MAX);
            steps(&repeated(unit, bytes), &work)
        });
        if long > short * 5 / 2 + 20_000 {
            wrong.push(format!("{unit:?}: {short} and then {long}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn work_that_runs_out_masks_everything() {
    let secret = concat!("gh", "p_R8dK2mQ7vXc4Tn9LpZ1wYb6HsJ3fGa5Ue0Di");
    let mut cut = 0;
    for mixture in mixtures(30) {
        let input = format!("{mixture}{secret} {mixture}");
        for steps in [0, 100, 3000, 20_000, 100_000, 1_000_000] {
            let work = Work::with_steps(steps);
            let redacted = named_text_within("note", &input, ALL, &work);
            assert!(!redacted.text.contains(secret), "{steps}: {}", redacted.text);
            cut += usize::from(redacted.text == "[redacted:unscannable]");
        }
    }
    assert!(cut > 60, "{cut}");
}

#[test]
fn schemes_in_a_row_do_not_fill_the_stack() {
    let input = format!("password={}", "bearer ".repeat(200_000));
    assert!(text(&input, ALL).text.len() < input.len() * GROWTH_MAX);
}

/// Ordinary text is far from the limit, so that it is not masked for its length.
#[test]
fn ordinary_text_has_work_to_spare() {
    let mut rng = Rng::with_seed(3);
    let mut most = (0, String::new());
    for _ in 0..40 {
        for (name, clean) in crate::evaluation::clean::samples(&mut rng) {
            let work = Work::new(clean.len());
            let _ = named_text_within(name, &clean, ALL, &work);
            most = most.max((work.spent() * 100 / budget(clean.len()), clean));
        }
    }
    assert!(most.0 < 50, "{most:?}");
}

/// Without encodings: each that is present has all of the text looked at again, and a text of
/// this length with several of them has no work left for that.
#[test]
fn long_ordinary_text_is_looked_at_to_its_end() {
    let mut rng = Rng::with_seed(5);
    let mut input = String::new();
    while input.len() < 1 << 20 {
        for (name, clean) in crate::evaluation::clean::samples(&mut rng) {
            if is_clean(&clean, ALL) && !clean.contains(['\\', '%', '&']) {
                input.extend([name, " ", &clean, "\n"]);
            }
        }
    }
    let work = Work::new(input.len());
    let redacted = named_text_within("", &input, ALL, &work);
    assert!(!work.is_exhausted(), "{} of {}", work.spent(), budget(input.len()));
    assert_ne!(redacted.text, "[redacted:unscannable]");
}
