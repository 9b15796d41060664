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
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use palisade_attest::EAT_JWT_TYPE;
use palisade_benches::certificates::Certificates;
use palisade_benches::credentials::Signer;
use palisade_benches::evidence::ear_at;
use palisade_benches::load::{Load, Measured, Method, ask, run};
use palisade_benches::message::{Frame, Varying, decoded};
use palisade_benches::organisation::{Call, Organisation, Scale};
use palisade_benches::results::{NAME, Table, directory};
use palisade_benches::serve::{Child, Log, Role, serve_if_asked};
use palisade_benches::{is_smoke_test, machine, targets};
use palisade_core::{Clock as _, SystemClock};
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

/// The servers that are loaded.
struct Servers {
    small: Child,
    large: Child,
    /// Over TLS.
    small_tls: Child,
    /// That verifies tokens and evidence.
    verifying: Child,
    /// With a log in a file.
    file: Child,
    /// With a log in a file that every answer waits for.
    synced: Child,
}

/// Bare tonic.
struct Echoes {
    plain: Child,
    tls: Child,
}

/// The calls, by policies and links.
struct Pools {
    one: Vec<Call>,
    two: Vec<Call>,
    three: Vec<Call>,
    large_one: Vec<Call>,
    large_three: Vec<Call>,
}

/// One row: a load on one of the servers, and bare tonic over the same transport.
struct Case<'a> {
    name: &'static str,
    server: &'a Child,
    echo: &'a Child,
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
    let files = directory().join("files");
    let certificates = Certificates::make(files.join("certificates"))?;
    let servers = Servers::start(plan, &certificates, &files)?;
    let pools = Pools::generate(plan);
    check_allowed(&servers.small, &pools.three).await?;
    check_allowed(&servers.large, &pools.large_three).await?;
    let echoes = Echoes::start(plan, &certificates, &servers.small, &pools.three[0]).await?;
    let proven = prove(&servers.verifying, &pools.two).await?;
    let cases = cases(&servers, &echoes, &pools, proven);
    for row in targets::server_rows() {
        ensure!(cases.iter().any(|case| case.name == row), "a target is about `{row}`: no case");
    }
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
        let row = compare(plan, case).await?;
        println!("{}", row.join("  "));
        table.push(row);
    }
    drop((servers, echoes));
    fs::remove_dir_all(files)?;
    Ok(table)
}

impl Servers {
    fn start(plan: &Plan, certificates: &Certificates, files: &Path) -> Result<Self> {
        let [small, large] = plan.policies;
        let start = |policies, log, certificates| {
            let role = Role::Palisade { policies, log, verifies: false };
            Child::start(&role, certificates, plan.core)
        };
        let verifying = Role::Palisade { policies: small, log: Log::Off, verifies: true };
        let file = |name, sync| Log::Segments { directory: files.join(name), sync };
        Ok(Self {
            small: start(small, Log::Off, None)?,
            large: start(large, Log::Off, None)?,
            verifying: Child::start(&verifying, None, plan.core)?,
            small_tls: start(small, Log::Off, Some(certificates))?,
            file: start(small, file("log", false), None)?,
            synced: start(small, file("log_synced", true), None)?,
        })
    }
}

impl Echoes {
    /// They answer what this server answers to this call.
    async fn start(
        plan: &Plan,
        certificates: &Certificates,
        server: &Child,
        call: &Call,
    ) -> Result<Self> {
        let frame = Frame::unary(call, Varying::Nothing).numbered(0);
        let answer = ask(server, Method::Unary, frame).await?;
        let role = Role::Echo { answer: answer[5..].to_vec() };
        Ok(Self {
            plain: Child::start(&role, None, plan.core)?,
            tls: Child::start(&role, Some(certificates), plan.core)?,
        })
    }
}

impl Pools {
    fn generate(plan: &Plan) -> Self {
        let [small, large] =
            plan.policies.map(|policies| Organisation::generate(Scale::of_policies(policies)));
        Self {
            one: small.calls(1),
            two: small.calls(2),
            three: small.calls(3),
            large_one: large.calls(1),
            large_three: large.calls(3),
        }
    }
}

fn cases<'a>(
    servers: &'a Servers,
    echoes: &'a Echoes,
    pools: &Pools,
    proven: Arc<[Frame]>,
) -> Vec<Case<'a>> {
    use Varying::{Nothing, ReadArgument, UnreadArgument};
    let Servers { small, large, small_tls, verifying, file, synced } = servers;
    let Pools { one, two, three, large_one, large_three } = pools;
    let unary = |calls: &[Call], varying, in_flight| Load {
        method: Method::Unary,
        connections: 8,
        in_flight,
        frames: calls.iter().map(|call| Frame::unary(call, varying)).collect(),
    };
    let alone = |calls: &[Call]| Load { connections: 1, ..unary(calls, Nothing, 1) };
    let stream = |varying| Load {
        method: Method::Stream,
        connections: 4,
        in_flight: 16,
        frames: three.iter().map(|call| Frame::stream(call, varying)).collect(),
    };
    let batch = Load {
        method: Method::Batch(BATCH),
        connections: 4,
        in_flight: 2,
        frames: [Frame::batch(three, BATCH)].into(),
    };
    let over = |echo, name, server, load| Case { name, server, echo, load };
    let case = |name, server, load| over(&echoes.plain, name, server, load);
    vec![
        case("1 K, one link, same arguments", small, unary(one, Nothing, 16)),
        case("1 K, three links, same arguments", small, unary(three, Nothing, 16)),
        over(
            &echoes.tls,
            "1 K, three links, same arguments, TLS",
            small_tls,
            unary(three, Nothing, 16),
        ),
        case("1 K, one link, new unread arguments", small, unary(one, UnreadArgument, 16)),
        case("1 K, three links, new unread arguments", small, unary(three, UnreadArgument, 16)),
        case("1 K, one link, new read arguments", small, unary(one, ReadArgument, 16)),
        case("1 K, three links, new read arguments", small, unary(three, ReadArgument, 16)),
        case("10 K, one link, same arguments", large, unary(large_one, Nothing, 16)),
        case("10 K, three links, same arguments", large, unary(large_three, Nothing, 16)),
        case("10 K, one link, new read arguments", large, unary(large_one, ReadArgument, 16)),
        case("10 K, three links, new read arguments", large, unary(large_three, ReadArgument, 16)),
        case("1 K, stream 4 × 16, same arguments", small, stream(Nothing)),
        case("1 K, stream 4 × 16, new unread arguments", small, stream(UnreadArgument)),
        case("1 K, batch of 128, same arguments", small, batch),
        case("1 K, two links, asserted", verifying, unary(two, Nothing, 16)),
        case(
            "1 K, two links, tokens and attestation",
            verifying,
            Load { frames: proven, ..unary(two, Nothing, 16) },
        ),
        case("1 K, 8 × 64, log off", small, unary(three, Nothing, 64)),
        case("1 K, 8 × 64, log on, interval", file, unary(three, Nothing, 64)),
        case("1 K, 8 × 64, log on, commit", synced, unary(three, Nothing, 64)),
        case("1 K, one in flight, log off", small, alone(three)),
        case("1 K, one in flight, log on, commit", synced, alone(three)),
    ]
}

/// The calls with a token for each of two links, and an attestation of the second under a nonce of
/// the server's. It has seen all of them afterwards.
async fn prove(server: &Child, calls: &[Call]) -> Result<Arc<[Frame]>> {
    let (signer, now) = (Signer::of_servers(), SystemClock::new().now());
    let token = |kind, subject: &str| v1::Link {
        link: Some(v1::link::Link::Token(signer.access_token_at(now, kind, subject))),
        possession: None,
    };
    let mut frames = Vec::new();
    for call in calls {
        let actors = call.tool_call().chain;
        let [user, agent] = actors.links() else { bail!("no chain of two") };
        let chain =
            vec![token("user", user.subject.as_str()), token("ai_agent", agent.subject.as_str())];
        let asked = Frame::message(&v1::ChallengeRequest { chain: chain.clone() }).numbered(0);
        let challenge: v1::ChallengeResponse =
            decoded(&ask(server, Method::Challenge, asked).await?);
        let body = ear_at(now, &challenge.nonce, &signer).into_bytes();
        let evidence = vec![v1::Evidence { media_type: EAT_JWT_TYPE.to_owned(), body }];
        let request = v1::AuthorizeRequest { chain, evidence, ..call.request("") };
        frames.push(Frame::message(&request));
    }
    check_answers(server, &frames).await?;
    Ok(frames.into())
}

/// Both in turn, medians side by side.
async fn compare(plan: &Plan, case: &Case<'_>) -> Result<Vec<String>> {
    let Case { name, server, echo, load } = case;
    let duration = Duration::from_secs_f64(plan.seconds);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..plan.repetitions {
        ours.push(run(server, load.clone(), duration).await?);
        settle(server, load).await?;
        bare.push(run(echo, load.clone(), duration).await?);
        settle(echo, load).await?;
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
        (*name).to_owned(),
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
async fn settle(server: &Child, load: &Load) -> Result<()> {
    if load.method == Method::Unary {
        ask(server, Method::Unary, load.frames[0].numbered(0)).await?;
    }
    Ok(())
}

/// Figures of refusals would say nothing.
async fn check_allowed(server: &Child, calls: &[Call]) -> Result<()> {
    let frames = calls.iter().map(|call| Frame::unary(call, Varying::Nothing));
    check_answers(server, &frames.collect::<Vec<_>>()).await
}

async fn check_answers(server: &Child, frames: &[Frame]) -> Result<()> {
    let mut allowed = 0;
    for frame in frames {
        let answer: v1::AuthorizeResponse =
            decoded(&ask(server, Method::Unary, frame.numbered(0)).await?);
        allowed += usize::from(answer.outcome() == v1::Outcome::Allow);
    }
    ensure!(allowed * 10 >= frames.len() * 8, "only {allowed} of {} are allowed", frames.len());
    Ok(())
}
