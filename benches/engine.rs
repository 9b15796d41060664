//! What a decision costs as policies grow, in process, from the bytes of the arguments on.
//!
//! `cold`: nothing is remembered, so arguments are parsed, validated and hashed, and the candidate
//! policies found and evaluated. `evaluated`: arguments and candidates are known, the policies are
//! evaluated. `remembered`: arguments that never came before, of which only some differ that no
//! policy reads. `repeated`: the very same calls. Beside it stock Cedar (context from JSON that is
//! parsed already, one question per link), over the same policies and calls.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark: what is not as expected ends it"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode};
use palisade_benches::organisation::{Call, Organisation, Scale, answer, evaluate};
use palisade_benches::stock::StockCedar;
use palisade_benches::{is_smoke_test, results};
use palisade_core::{Outcome, ToolCall};
use palisade_engine::{Answer, CACHE_BYTES_DEFAULT, PolicySnapshot};

const SIZES: [usize; 6] = [1, 10, 100, 1_000, 10_000, 100_000];

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(&results::directory().join("criterion"))
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let sizes = if is_smoke_test() { &SIZES[..3] } else { &SIZES[..] };
    for policies in sizes {
        measure(&mut criterion, *policies);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, policies: usize) {
    let organisation = Organisation::generate(Scale::of_policies(policies));
    let stock = StockCedar::new(&organisation);
    let mut group = criterion.benchmark_group("engine");
    if policies >= 10_000 {
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
    }
    let mut snapshot = organisation.snapshot();
    for (links, name) in [(1, "one link"), (3, "three links")] {
        let id = |what: &str| BenchmarkId::new(format!("{what}, {name}"), policies);
        let calls = organisation.calls(links);
        let asked: Vec<ToolCall> = calls.iter().map(Call::tool_call).collect();
        let stock_calls: Vec<_> = calls.iter().map(|call| stock.call(call)).collect();
        snapshot = snapshot.with_cache_bytes(0);
        check_same(&snapshot, &calls, |i| stock.allows(&stock_calls[i]));
        let mut next = asked.iter().cycle();
        group.bench_function(id("cold"), |bencher| {
            bencher.iter(|| black_box(answer(&snapshot, next.next().expect("a cycle"))));
        });
        snapshot = snapshot.with_cache_bytes(CACHE_BYTES_DEFAULT);
        check_same(&snapshot, &calls, |i| stock.allows(&stock_calls[i]));
        group.bench_function(id("evaluated"), |bencher| {
            bencher.iter(|| black_box(evaluate(&snapshot, next.next().expect("a cycle"))));
        });
        let mut numbers = 0..;
        let mut new = calls
            .iter()
            .cycle()
            .map(|call| call.numbered_tool_call(numbers.next().expect("a number")));
        group.bench_function(id("remembered"), |bencher| {
            bencher.iter_batched_ref(
                || new.next().expect("a cycle"),
                |call| answer(&snapshot, call),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(id("repeated"), |bencher| {
            bencher.iter(|| black_box(answer(&snapshot, next.next().expect("a cycle"))));
        });
        let mut next = stock_calls.iter().cycle();
        group.bench_function(id("stock"), |bencher| {
            bencher.iter(|| black_box(stock.allows(next.next().expect("a cycle"))));
        });
    }
}

/// Figures of two that disagree would say nothing.
fn check_same(snapshot: &PolicySnapshot, calls: &[Call], stock: impl Fn(usize) -> bool) {
    // A few are enough where each takes a tenth of a second.
    for (i, call) in calls.iter().enumerate().take(16) {
        let Answer { verdict, .. } = &*answer(snapshot, &call.tool_call());
        assert_eq!(verdict.outcome == Outcome::Allow, stock(i), "{call:?}: {verdict:?}");
    }
}
