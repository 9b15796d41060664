//! What arguments cost: reading them, validating them against the tool's JSON Schema, hashing
//! them; all of that with the rest of what fits a call to the catalog and with what is built of
//! them for policies (`resolve`), the first time and again; and evaluating the policies then.
#![allow(clippy::expect_used, reason = "a benchmark: what is not as expected ends it")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion};
use palisade_benches::organisation::{Organisation, Scale, evaluate};
use palisade_benches::results;
use palisade_core::Arguments;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(&results::directory().join("criterion"))
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for fields in [10, 50, 200] {
        measure(&mut criterion, fields);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, fields: usize) {
    let organisation = Organisation::generate(Scale { policies: 100, tools: 10, fields });
    let snapshot = organisation.snapshot();
    let call = organisation.calls(1).into_iter().next().expect("a call");
    let (tool_call, text) = (call.tool_call(), call.arguments().as_bytes());
    let tool = snapshot.catalog().tool(&call.tool_name()).expect("a tool");
    let arguments = Arguments::parse(text).expect("arguments");
    let mut group = criterion.benchmark_group("context");
    group.bench_function(BenchmarkId::new("parse", fields), |bencher| {
        bencher.iter(|| black_box(Arguments::parse(black_box(text))));
    });
    group.bench_function(BenchmarkId::new("validate", fields), |bencher| {
        bencher.iter(|| black_box(tool.arguments.validate(black_box(arguments.as_value()))));
    });
    group.bench_function(BenchmarkId::new("hash", fields), |bencher| {
        bencher.iter(|| black_box(black_box(&arguments).digest()));
    });
    let mut numbers = 0..;
    group.bench_function(BenchmarkId::new("resolve, new arguments", fields), |bencher| {
        bencher.iter_batched_ref(
            || call.numbered_tool_call(numbers.next().expect("a number")),
            |call| snapshot.resolve(call),
            BatchSize::SmallInput,
        );
    });
    group.bench_function(BenchmarkId::new("resolve, known arguments", fields), |bencher| {
        bencher.iter(|| black_box(snapshot.resolve(&tool_call)));
    });
    group.bench_function(BenchmarkId::new("evaluate, known arguments", fields), |bencher| {
        bencher.iter(|| black_box(evaluate(&snapshot, &tool_call)));
    });
}
