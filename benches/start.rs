//! How long it takes to build a snapshot, validation included, and how much memory it then holds,
//! each in a process of its own.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark: it prints, and what is not as expected ends it"
)]

use std::process::Command;

use palisade_benches::is_smoke_test;
use palisade_benches::machine::memory_mib;
use palisade_benches::organisation::{FIELDS, Organisation, Scale, build};
use palisade_benches::results::{NAME, Table};
use palisade_core::{Clock as _, SystemClock};

/// Policies and tools.
const SIZES: [(usize, usize); 4] = [(1_000, 100), (10_000, 100), (10_000, 1_000), (100_000, 100)];

/// The argument that makes this program load one organisation.
const LOAD: &str = "--load";

/// Seconds after which a load is given up.
const SECONDS_MAX: u32 = 300;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == LOAD) {
        let number = |i: usize| arguments[place + i].parse().expect("a number");
        return load(Scale { policies: number(1), tools: number(2), fields: FIELDS });
    }
    let sizes = if is_smoke_test() { &[(100, 10)][..] } else { &SIZES[..] };
    let mut table =
        Table::new(&[NAME, "policies", "tools", "load, s", "resident, MiB", "peak, MiB"]);
    for (policies, tools) in sizes {
        let output = Command::new("timeout")
            .arg(SECONDS_MAX.to_string())
            .arg(std::env::current_exe().expect("this program"))
            .args([LOAD, &policies.to_string(), &tools.to_string()])
            .output()
            .expect("`timeout` is part of every Linux");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let given_up = output.status.code() == Some(124);
        assert!(output.status.success() || given_up, "{}", String::from_utf8_lossy(&output.stderr));
        let measured = match said.split(' ').collect::<Vec<_>>()[..] {
            [seconds, resident, peak] => [seconds, resident, peak].map(str::to_owned),
            _ => [format!("> {SECONDS_MAX}"), "–".to_owned(), "–".to_owned()],
        };
        let name = format!("{policies}/{tools}");
        println!("start {name}: {measured:?}");
        let mut row = vec![name, policies.to_string(), tools.to_string()];
        row.extend(measured);
        table.push(row);
    }
    if !is_smoke_test() {
        table.save("start");
    }
}

/// Prints seconds and memory of one load. The sources are gone when memory is read, as they are
/// in a server; what the allocator keeps of them counts.
fn load(scale: Scale) {
    let sources = Organisation::generate(scale).sources();
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let snapshot = build(&sources);
    let seconds = (clock.monotonic() - began).as_secs_f64();
    drop(sources);
    println!("{seconds:.2} {:.0} {:.0}", memory_mib("VmRSS"), memory_mib("VmHWM"));
    drop(snapshot);
}
