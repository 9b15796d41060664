//! The server under load, beside bare tonic with the same messages and the same runtime, as
//! ratios: both are asked in turn, several times, and medians are compared.
//!
//! Server and load generator have a core each, if there are two; `PALISADE_BENCH_SECONDS` sets how
//! long each of them is loaded each time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark: it prints, and what is not as expected ends it"
)]

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use palisade_benches::load::{Load, Measured, Method, ask, run};
use palisade_benches::message::{Frame, Varying, decoded};
use palisade_benches::organisation::{Call, Organisation, Scale};
use palisade_benches::results::{NAME, Table, directory};
use palisade_benches::serve::{Child, Log, Role, serve_if_asked};
use palisade_benches::{is_smoke_test, machine};
use palisade_proto::v1;

/// Requests of one batch.
const BATCH: u64 = 128;

/// How the whole is run.
struct Plan {
    seconds: f64,
    repetitions: usize,
    /// For servers.
    core: Option<usize>,
    /// A small and a large set of policies.
    policies: [usize; 2],
}

/// One row: a load on one of the servers.
struct Case {
    name: &'static str,
    server: usize,
    load: Load,
}

fn main() -> Result<()> {
    if serve_if_asked()? {
        return Ok(());
    }
    let seconds = std::env::var("PALISADE_BENCH_SECONDS").ok().map_or(Ok(2.0), |s| s.parse())?;
    let cores = machine::two_cores();
    if let Some((_, own)) = cores {
        machine::pin_self(own);
    }
    let core = cores.map(|(core, _)| core);
    let plan = if is_smoke_test() {
        Plan { seconds: 0.1, repetitions: 1, core, policies: [10, 100] }
    } else {
        Plan { seconds, repetitions: 3, core, policies: [1_000, 10_000] }
    };
    println!("server: cores {cores:?}, {seconds} s a time");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let table = runtime.block_on(measure(&plan))?;
    if !is_smoke_test() {
        table.save("server");
    }
    Ok(())
}

async fn measure(plan: &Plan) -> Result<Table> {
    let [small, large] = plan.policies;
    let logs = directory().join("logs");
    let file = |sync| Log::File { path: logs.join(if sync { "sync" } else { "file" }), sync };
    let roles = [(small, Log::Off), (large, Log::Off), (small, file(false)), (small, file(true))];
    let servers: Vec<Child> = roles
        .into_iter()
        .map(|(policies, log)| Child::start(&Role::Palisade { policies, log }, plan.core))
        .collect::<Result<_>>()?;
    let calls = |policies, links| Organisation::generate(Scale::of_policies(policies)).calls(links);
    let (one, three) = (calls(small, 1), calls(small, 3));
    let (large_one, large_three) = (calls(large, 1), calls(large, 3));
    for (server, calls) in [(0, &three), (1, &large_three)] {
        check_allowed(&servers[server], calls).await?;
    }
    let first = Frame::unary(&three[0], Varying::Nothing).numbered(0);
    let answer = ask(servers[0].port(), Method::Unary, first).await?;
    let echo = Child::start(&Role::Echo { answer: answer[5..].to_vec() }, plan.core)?;
    let cases = cases(&one, &three, &large_one, &large_three);
    let mut table = Table::new(&[
        NAME,
        "decisions/s",
        "echo/s",
        "ratio",
        "server µs/decision",
        "echo µs/decision",
        "generator busy",
        "failed",
    ]);
    for case in &cases {
        let row = compare(plan, case, &servers[case.server], &echo).await?;
        println!("{}", row.join("  "));
        table.push(row);
    }
    drop(servers);
    fs::remove_dir_all(logs)?;
    Ok(table)
}

fn cases(one: &[Call], three: &[Call], large_one: &[Call], large_three: &[Call]) -> Vec<Case> {
    use Varying::{Nothing, ReadArgument, UnreadArgument};
    let unary = |calls: &[Call], varying, in_flight| Load {
        method: Method::Unary,
        connections: 8,
        in_flight,
        frames: calls.iter().map(|call| Frame::unary(call, varying)).collect(),
    };
    let stream = Load {
        method: Method::Stream,
        connections: 4,
        in_flight: 16,
        frames: three.iter().map(|call| Frame::stream(call, Nothing)).collect(),
    };
    let batch = Load {
        method: Method::Batch(BATCH),
        connections: 4,
        in_flight: 2,
        frames: [Frame::batch(three, BATCH)].into(),
    };
    let case = |name, server, load| Case { name, server, load };
    vec![
        case("1 K, three links, same arguments", 0, unary(three, Nothing, 16)),
        case("1 K, three links, new unread arguments", 0, unary(three, UnreadArgument, 16)),
        case("1 K, one link, new read arguments", 0, unary(one, ReadArgument, 16)),
        case("1 K, three links, new read arguments", 0, unary(three, ReadArgument, 16)),
        case("10 K, three links, same arguments", 1, unary(large_three, Nothing, 16)),
        case("10 K, one link, new read arguments", 1, unary(large_one, ReadArgument, 16)),
        case("10 K, three links, new read arguments", 1, unary(large_three, ReadArgument, 16)),
        case("1 K, stream 4 × 16", 0, stream),
        case("1 K, batch of 128", 0, batch),
        case("1 K, 8 × 64, log off", 0, unary(three, Nothing, 64)),
        case("1 K, 8 × 64, log to a file", 2, unary(three, Nothing, 64)),
        case("1 K, 8 × 64, log to a file, synced", 3, unary(three, Nothing, 64)),
    ]
}

/// Both in turn, medians side by side.
async fn compare(plan: &Plan, case: &Case, server: &Child, echo: &Child) -> Result<Vec<String>> {
    let duration = Duration::from_secs_f64(plan.seconds);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..plan.repetitions {
        ours.push(run(server, case.load.clone(), duration).await?);
        settle(server, case).await?;
        bare.push(run(echo, case.load.clone(), duration).await?);
        settle(echo, case).await?;
    }
    let median = |of: fn(&Measured) -> f64, all: &[Measured]| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rate = |all: &[Measured]| median(|measured| measured.per_second, all);
    let cost = |all: &[Measured]| median(|measured| measured.server_micros, all);
    let busy = |all: &[Measured]| median(|measured| measured.generator_busy, all);
    let failed: u64 = ours.iter().chain(&bare).map(|measured| measured.failed).sum();
    Ok(vec![
        case.name.to_owned(),
        format!("{:.0}", rate(&ours)),
        format!("{:.0}", rate(&bare)),
        format!("{:.3}", rate(&ours) / rate(&bare)),
        format!("{:.1}", cost(&ours)),
        format!("{:.1}", cost(&bare)),
        format!("{:.0} %", busy(&ours).max(busy(&bare)) * 100.0),
        failed.to_string(),
    ])
}

/// Waits until a server is done with what was cut, so that the next one has the machine.
async fn settle(server: &Child, case: &Case) -> Result<()> {
    if case.load.method == Method::Unary {
        ask(server.port(), Method::Unary, case.load.frames[0].numbered(0)).await?;
    }
    Ok(())
}

/// Figures of refusals would say nothing.
async fn check_allowed(server: &Child, calls: &[Call]) -> Result<()> {
    let mut allowed = 0;
    for call in calls {
        let frame = Frame::unary(call, Varying::Nothing).numbered(0);
        let answer: v1::AuthorizeResponse =
            decoded(&ask(server.port(), Method::Unary, frame).await?);
        allowed += usize::from(answer.outcome() == v1::Outcome::Allow);
    }
    ensure!(allowed * 10 >= calls.len() * 8, "only {allowed} of {} are allowed", calls.len());
    Ok(())
}
