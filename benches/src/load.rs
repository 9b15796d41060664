//! Loads a server: so many connections with so many calls in flight on each, closed loop, or at a
//! steady rate ([`watch`]).
//!
//! Raw HTTP/2 and messages encoded before: the generator must not be what is measured. It decodes
//! no answer under load; [`ask`] does, before and after.

mod steady;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, client};
use http::Request;
use tokio::task::JoinSet;
use tokio::time::sleep;

use palisade_core::{Clock as _, SystemClock};

use crate::machine::cpu_seconds;
use crate::message::{Counter, Frame};
use crate::serve::Child;
use crate::stream::Stream;
pub use steady::{Latencies, Steady, Watched, watch};

/// Fewer decisions than this say little about a rate.
const DECISIONS_MIN: u64 = 256;

/// How many times longer than asked for a slow server is loaded at most.
const SPANS_MAX: usize = 5;

/// How calls are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `AuthorizeBatch`, with so many decisions in each.
    Batch(u64),
    /// `Challenge`, which decides nothing.
    Challenge,
    /// `AuthorizeStream`: one stream per connection.
    Stream,
    /// `Authorize`.
    Unary,
}

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    /// How calls are sent.
    pub method: Method,
    /// Connections.
    pub connections: usize,
    /// Messages in flight on each.
    pub in_flight: usize,
    /// What is sent, in turn.
    pub frames: Arc<[Frame]>,
}

/// What came of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Decisions per second.
    pub per_second: f64,
    /// Processor time of the server, in µs per decision.
    pub server_micros: f64,
    /// The part of the time that the load generator's core was busy, 0 to 1.
    pub generator_busy: f64,
    /// Calls that got no decision.
    pub failed: u64,
}

/// What the tasks of a load share.
#[derive(Debug)]
struct Shared {
    load: Load,
    head: Request<()>,
    sent: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Method {
    const fn path(self) -> &'static str {
        match self {
            Self::Batch(_) => "AuthorizeBatch",
            Self::Challenge => "Challenge",
            Self::Stream => "AuthorizeStream",
            Self::Unary => "Authorize",
        }
    }

    const fn decisions(self) -> u64 {
        match self {
            Self::Batch(size) => size,
            Self::Challenge => 0,
            Self::Stream | Self::Unary => 1,
        }
    }
}

impl Shared {
    fn next_frame(&self) -> Bytes {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let frames = &self.load.frames;
        frames[number as usize % frames.len()].numbered(number)
    }

    fn count(&self, messages: u64) {
        self.answered.fetch_add(messages * self.load.method.decisions(), Ordering::Relaxed);
    }

    fn count_failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Loads a server for a while and says how it did. Calls that are open at the end are cut.
///
/// # Errors
/// It cannot be connected to.
pub async fn run(server: &Child, load: Load, duration: Duration) -> Result<Measured> {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let shared = Arc::new(Shared {
        head: head(server, load.method),
        // Never the same number twice, so that what is to be new is new.
        sent: AtomicU64::new(SENT.load(Ordering::Relaxed)),
        answered: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        load,
    });
    let mut tasks = JoinSet::new();
    for _ in 0..shared.load.connections {
        let sender = connect(server, &mut tasks).await?;
        match shared.load.method {
            Method::Stream => drop(tasks.spawn(stream(Arc::clone(&shared), sender))),
            Method::Batch(_) | Method::Challenge | Method::Unary => {
                for _ in 0..shared.load.in_flight {
                    tasks.spawn(calls(Arc::clone(&shared), sender.clone()));
                }
            }
        }
    }
    sleep(duration / 5).await;
    let clock = SystemClock::new();
    let answered = shared.answered.load(Ordering::Relaxed);
    let (server_cpu, own_cpu) = (cpu_seconds(server.id()), cpu_seconds(std::process::id()));
    let began = clock.monotonic();
    // A slow server gets more time, but not for ever.
    for _ in 0..SPANS_MAX {
        sleep(duration).await;
        if shared.answered.load(Ordering::Relaxed) - answered >= DECISIONS_MIN {
            break;
        }
    }
    let seconds = (clock.monotonic() - began).as_secs_f64();
    let answered = (shared.answered.load(Ordering::Relaxed) - answered) as f64;
    let server_cpu = cpu_seconds(server.id()) - server_cpu;
    let own_cpu = cpu_seconds(std::process::id()) - own_cpu;
    tasks.shutdown().await;
    SENT.store(shared.sent.load(Ordering::Relaxed), Ordering::Relaxed);
    Ok(Measured {
        per_second: answered / seconds,
        server_micros: server_cpu * 1e6 / answered.max(1.0),
        generator_busy: own_cpu / seconds,
        failed: shared.failed.load(Ordering::Relaxed),
    })
}

/// Asks once and returns the answer's frame.
///
/// # Errors
/// There is no answer.
pub async fn ask(server: &Child, method: Method, frame: Bytes) -> Result<Bytes> {
    let mut tasks = JoinSet::new();
    let sender = connect(server, &mut tasks).await?;
    let mut answer = BytesMut::new();
    call(sender, head(server, method), frame, |chunk| answer.extend_from_slice(chunk)).await?;
    tasks.shutdown().await;
    Ok(answer.freeze())
}

fn head(server: &Child, method: Method) -> Request<()> {
    let scheme = if server.tls().is_some() { "https" } else { "http" };
    let (port, path) = (server.port(), method.path());
    Request::post(format!("{scheme}://127.0.0.1:{port}/palisade.v1.AuthorizationService/{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a request")
}

async fn connect(server: &Child, tasks: &mut JoinSet<()>) -> Result<SendRequest<Bytes>> {
    let tls = server.tls().cloned();
    let stream = Stream::connect(server.port(), tls).await.context("no connection")?;
    let (sender, connection) = client::Builder::new()
        .initial_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .handshake::<_, Bytes>(stream)
        .await?;
    // How it ends shows in its calls.
    tasks.spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// One call after the other.
async fn calls(shared: Arc<Shared>, sender: SendRequest<Bytes>) {
    loop {
        match call(sender.clone(), shared.head.clone(), shared.next_frame(), |_| ()).await {
            Ok(()) => shared.count(1),
            Err(_) => {
                shared.count_failure();
                // A refusal must not turn the loop into a flood.
                sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

async fn call(
    sender: SendRequest<Bytes>,
    head: Request<()>,
    frame: Bytes,
    mut take: impl FnMut(&[u8]),
) -> Result<()> {
    let mut sender = sender.ready().await?;
    let (answer, mut body) = sender.send_request(head, false)?;
    body.send_data(frame, true)?;
    let mut body = answer.await?.into_body();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        take(&chunk);
    }
    check_status(&mut body).await
}

async fn check_status(body: &mut RecvStream) -> Result<()> {
    let Some(trailers) = body.trailers().await? else { bail!("the call was refused") };
    let status = trailers.get("grpc-status");
    ensure!(status.is_some_and(|status| status.as_bytes() == b"0"), "{trailers:?}");
    Ok(())
}

/// One stream that is kept full.
async fn stream(shared: Arc<Shared>, sender: SendRequest<Bytes>) {
    // It ends only by an error: whoever loads cuts it.
    if keep_full(&shared, sender).await.is_err() {
        shared.count_failure();
    }
}

async fn keep_full(shared: &Shared, sender: SendRequest<Bytes>) -> Result<()> {
    let mut sender = sender.ready().await?;
    let (answer, mut body) = sender.send_request(shared.head.clone(), false)?;
    for _ in 0..shared.load.in_flight {
        body.send_data(shared.next_frame(), false)?;
    }
    let mut answers = answer.await?.into_body();
    let mut counter = Counter::default();
    while let Some(chunk) = answers.data().await {
        let chunk = chunk?;
        answers.flow_control().release_capacity(chunk.len())?;
        let ended = counter.ended(&chunk);
        shared.count(ended as u64);
        for _ in 0..ended {
            body.send_data(shared.next_frame(), false)?;
        }
    }
    bail!("the stream ended")
}
