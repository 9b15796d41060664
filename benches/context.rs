//! What arguments cost: reading them, validating them against the tool's JSON Schema, both with
//! the rest of what fits a call to the catalog (`resolve`), and with the decision, which makes of
//! them what policies see.
#![allow(clippy::expect_used, reason = "a benchmark: what is not as expected ends it")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use palisade_benches::organisation::{Organisation, Scale, decide};
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
    let arguments = Arguments::parse(text);
    let parsed = arguments.as_ref().expect("arguments").as_value();
    let mut group = criterion.benchmark_group("context");
    group.bench_function(BenchmarkId::new("parse", fields), |bencher| {
        bencher.iter(|| black_box(Arguments::parse(black_box(text))));
    });
    group.bench_function(BenchmarkId::new("validate", fields), |bencher| {
        bencher.iter(|| black_box(tool.arguments.validate(black_box(parsed))));
    });
    group.bench_function(BenchmarkId::new("parse, resolve", fields), |bencher| {
        bencher.iter(|| black_box(snapshot.resolve(&tool_call)));
    });
    group.bench_function(BenchmarkId::new("parse, resolve, decide", fields), |bencher| {
        bencher.iter(|| black_box(decide(&snapshot, &tool_call)));
    });
}
