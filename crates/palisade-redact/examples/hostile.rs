//! Prints which hostile texts cost most a byte, so that one knows where to look.
//!
//! `cargo run --release -p palisade-redact --example hostile -- 200000 40`: the length of every
//! text in bytes, and how many to show.

use std::hint::black_box;
use std::time::Instant;

use palisade_redact::{Scope, named_text, text, warm};

#[path = "../src/hostile/fragments.rs"]
mod fragments;

use fragments::FRAGMENTS;

#[expect(clippy::disallowed_methods, reason = "a measurement, no decision")]
fn cost(name: &str, input: &str) -> (f64, String) {
    let mut nanoseconds = f64::INFINITY;
    // The quickest of a few: other processes only make it slower.
    for _ in 0..3 {
        let start = Instant::now();
        black_box(named_text(name, black_box(input), Scope::SecretsAndPersonal));
        nanoseconds = nanoseconds.min(start.elapsed().as_secs_f64() * 1e9 / input.len() as f64);
    }
    let redacted = named_text(name, input, Scope::SecretsAndPersonal);
    let kinds = redacted.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
    (nanoseconds, kinds.join(" "))
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let bytes: usize = numbers.next().unwrap_or(65_536);
    let shown = numbers.next().unwrap_or(30);
    warm();
    black_box(text("warm", Scope::SecretsAndPersonal));
    let mut costs = Vec::new();
    let mut add = |name: &str, label: String, unit: &str| {
        let input = unit.repeat(bytes / unit.len() + 1);
        let (nanoseconds, kinds) = cost(name, &input);
        costs.push((nanoseconds, format!("{label} ({name}): {kinds}")));
    };
    for fragment in FRAGMENTS {
        add("note", format!("{fragment:?}"), fragment);
    }
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..FRAGMENTS.len() * 3 {
        let length = random.usize(2..200);
        let unit: String = (0..length)
            .map(|_| FRAGMENTS.get(random.usize(..FRAGMENTS.len())).copied().unwrap_or(""))
            .collect();
        add("note", format!("mixture {round} of {length}"), &unit);
    }
    costs.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (nanoseconds, label) in costs.iter().take(shown) {
        #[expect(clippy::print_stdout, reason = "the figures are the output")]
        {
            println!("{nanoseconds:9.1} ns a byte: {label}");
        }
    }
}
