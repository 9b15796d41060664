//! What it costs to bring a new version of a large bundle into force, and what callers notice.
//!
//! The whole server as the product runs it follows a signed repository and shares one core with
//! its roll-outs; the load generator has the other. `PALISADE_BENCH_SECONDS` sets how long the
//! server is loaded before each of them.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark: it prints, and what is not as expected ends it"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use palisade_benches::load::{Load, Method, Steady, Watched, ask, run, watch};
use palisade_benches::message::{Frame, Varying, decoded};
use palisade_benches::organisation::{BundleFiles, Call, FIELDS, Organisation, Scale};
use palisade_benches::repository::Repository;
use palisade_benches::results::{NAME, Table, directory};
use palisade_benches::serve::{Child, Role, serve_if_asked};
use palisade_benches::{is_smoke_test, machine, targets};
use palisade_core::{Clock as _, SystemClock};
use palisade_proto::v1;
use tokio::time::sleep;

/// Connections of both loads.
const CONNECTIONS: usize = 8;

/// Calls in flight on each while the most is measured that the server can do.
const IN_FLIGHT: usize = 16;

/// How long anything is waited for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often it is looked whether the server is ready.
const READY_INTERVAL: Duration = Duration::from_millis(10);

/// How often memory is read, and how many readings in a row must be the same within a percent.
const MEMORY_INTERVAL: Duration = Duration::from_millis(500);
const MEMORY_READINGS: usize = 6;

/// How the whole is run.
struct Plan {
    seconds: f64,
    scale: Scale,
    /// Tests in the bundle.
    tests: usize,
    /// For the server.
    core: Option<usize>,
}

/// The server, its repository and what it is asked.
struct Desk {
    server: Child,
    repository: Repository,
    /// The files of the version in force.
    bundle: BundleFiles,
    calls: Arc<[(Bytes, v1::Outcome)]>,
}

fn main() -> Result<()> {
    if serve_if_asked()? {
        return Ok(());
    }
    let seconds = std::env::var("PALISADE_BENCH_SECONDS").ok().map_or(Ok(10.0), |s| s.parse())?;
    let cores = machine::two_cores();
    if let Some((_, own)) = cores {
        machine::pin_self(own);
    }
    let core = cores.map(|(core, _)| core);
    let scale = |policies, tools| Scale { policies, tools, fields: FIELDS };
    let plan = if is_smoke_test() {
        Plan { seconds: 0.2, scale: scale(100, 10), tests: 10, core }
    } else {
        Plan { seconds, scale: scale(10_000, 1_000), tests: 500, core }
    };
    println!("rollout: cores {cores:?}, {seconds} s before each");
    let place = directory().join("rollout");
    remove(&place)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let table = runtime.block_on(measure(&plan, &place))?;
    remove(&place)?;
    if !is_smoke_test() {
        table.save("rollout");
    }
    Ok(())
}

async fn measure(plan: &Plan, place: &Path) -> Result<Table> {
    let mut table = Table::new(&[
        NAME,
        "calls/s",
        "until it decides, s",
        "p50 before, ms",
        "p50 during, ms",
        "p99 before, ms",
        "p99 during, ms",
        "p99, ratio",
        "p99.9 before, ms",
        "p99.9 during, ms",
        "lost",
        "resident, MiB",
    ]);
    let organisation = Organisation::generate(plan.scale);
    let (mut desk, ready) = Desk::start(plan, place, &organisation).await?;
    let per_second = desk.half_of_most(plan).await?;
    let mut first = vec![targets::COLD_START.to_owned(), "–".to_owned()];
    first.push(format!("{:.2}", ready.as_secs_f64()));
    first.resize(table.head.len() - 1, "–".to_owned());
    first.push(format!("{:.0}", desk.resident_mib().await));
    println!("{}", first.join("  "));
    table.push(first);
    let bundle = desk.bundle.clone().with_another_policy();
    table.push(desk.roll_out(plan, targets::ANOTHER_POLICY, bundle, (2, per_second)).await?);
    let bundle = organisation.with_another_schema(desk.bundle.clone());
    table.push(desk.roll_out(plan, targets::ANOTHER_SCHEMA, bundle, (3, per_second)).await?);
    Ok(table)
}

impl Desk {
    /// Starts a server on the first version, and says how long it took until it decided.
    async fn start(
        plan: &Plan,
        place: &Path,
        organisation: &Organisation,
    ) -> Result<(Self, Duration)> {
        let repository = Repository::make(place)?;
        let bundle = organisation.bundle(plan.tests);
        repository.release(&bundle, 1)?;
        repository.make_public()?;
        let clock = SystemClock::new();
        let role = Role::Product { place: PathBuf::from(place) };
        let server = Child::start(&role, None, plan.core)?;
        let frames: Vec<Bytes> = organisation.calls(3).iter().map(frame).collect();
        let first = frames.first().context("there are calls")?;
        while ask(&server, Method::Unary, first.clone()).await.is_err() {
            ensure!(clock.monotonic() < WAIT_MAX, "the server does not get ready");
            sleep(READY_INTERVAL).await;
        }
        let ready = clock.monotonic();
        let mut calls = Vec::new();
        for frame in frames {
            let answer: v1::AuthorizeResponse =
                decoded(&ask(&server, Method::Unary, frame.clone()).await?);
            calls.push((frame, answer.outcome()));
        }
        let allowed = calls.iter().filter(|(_, outcome)| *outcome == v1::Outcome::Allow).count();
        ensure!(allowed * 10 >= calls.len() * 8, "only {allowed} of {} are allowed", calls.len());
        Ok((Self { server, repository, bundle, calls: calls.into() }, ready))
    }

    /// Half of the calls per second that the server can answer.
    async fn half_of_most(&self, plan: &Plan) -> Result<f64> {
        let load = Load {
            method: Method::Unary,
            connections: CONNECTIONS,
            in_flight: IN_FLIGHT,
            frames: self.calls.iter().map(|(frame, _)| Frame::of(frame.clone())).collect(),
        };
        let most = run(&self.server, load, Duration::from_secs_f64(plan.seconds / 2.0)).await?;
        println!("at most {:.0} calls/s, {} failed", most.per_second, most.failed);
        ensure!(most.failed == 0, "calls fail");
        Ok(most.per_second / 2.0)
    }

    /// Rolls a version out under a steady load.
    async fn roll_out(
        &mut self,
        plan: &Plan,
        name: &str,
        bundle: BundleFiles,
        (version, per_second): (u64, f64),
    ) -> Result<Vec<String>> {
        self.repository.release(&bundle, version)?;
        self.bundle = bundle;
        let load = Steady {
            calls: Arc::clone(&self.calls),
            connections: CONNECTIONS,
            per_second,
            warm_up: Duration::from_secs_f64(plan.seconds / 5.0),
            before: Duration::from_secs_f64(plan.seconds),
            during_max: WAIT_MAX,
            // What was replaced is freed by then.
            after: Duration::from_millis(500),
        };
        let make_public = || self.repository.make_public();
        let watched = watch(&self.server, load, version, make_public).await?;
        let Watched { before, during, shown_after, lost } = watched;
        let shown_after = shown_after.context("the version does not come into force")?;
        let (before, during) = (
            [0.5, 0.99, 0.999].map(|share| before.quantile(share)),
            [0.5, 0.99, 0.999].map(|share| during.quantile(share)),
        );
        let mut row = vec![name.to_owned(), format!("{per_second:.0}")];
        row.push(format!("{:.2}", shown_after.as_secs_f64()));
        for (place, (before, during)) in before.into_iter().zip(during).enumerate() {
            row.extend([before, during].map(|latency| format!("{latency:.3}")));
            if place == 1 {
                row.push(format!("{:.3}", during / before));
            }
        }
        row.push(lost.to_string());
        row.push(format!("{:.0}", self.resident_mib().await));
        println!("{}", row.join("  "));
        Ok(row)
    }

    /// Memory of the server once it stays the same.
    async fn resident_mib(&self) -> f64 {
        let clock = SystemClock::new();
        let mut readings = Vec::new();
        loop {
            readings.push(machine::memory_mib_of(self.server.id(), "VmRSS"));
            let last = readings.iter().rev().take(MEMORY_READINGS);
            let (least, most) = last.fold((f64::MAX, 0.0_f64), |(least, most), reading| {
                (least.min(*reading), most.max(*reading))
            });
            let is_stable = readings.len() >= MEMORY_READINGS && most - least < most / 100.0;
            if is_stable || clock.monotonic() > WAIT_MAX {
                return most;
            }
            sleep(MEMORY_INTERVAL).await;
        }
    }
}

/// The call as a message of `Authorize`.
fn frame(call: &Call) -> Bytes {
    Frame::unary(call, Varying::Nothing).numbered(0)
}

/// Removes what an earlier run may have left.
fn remove(place: &Path) -> Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
