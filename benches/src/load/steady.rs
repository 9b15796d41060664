//! Loads a server at a steady rate, however it answers: open loop.
//!
//! Every call has its time before the load begins, and latency counts from then: while a server
//! stalls, the calls behind wait as well, as they would for callers who know nothing of each
//! other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use palisade_core::{Clock as _, SystemClock};
use palisade_proto::v1;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{Method, call, connect, head};
use crate::message::decoded;
use crate::serve::Child;

/// Every so many answers one is decoded. Not a multiple of the calls, so that all have their turn.
const DECODED: u64 = 61;

/// Calls in flight at once; those that are due beyond wait here.
// LIMIT: half of what a server takes at once.
const IN_FLIGHT_MAX: u64 = 2048;

/// Calls of one load.
const CALLS_MAX: u64 = 50_000_000;

/// How often it is looked which calls are due; what they wait until then counts as well.
// A runtime's timers are a millisecond late, and a generator that never slept would keep the
// kernel from its work for the server's disk, which is done on either core.
const TICK: Duration = Duration::from_micros(200);

/// How long answers are waited for when the last call is sent.
const DRAIN: Duration = Duration::from_secs(10);

/// What is sent, and for how long.
#[derive(Clone, Debug)]
pub struct Steady {
    /// The calls, in turn, and the answers they are to get.
    pub calls: Arc<[(Bytes, v1::Outcome)]>,
    /// Connections.
    pub connections: usize,
    /// Calls per second.
    pub per_second: f64,
    /// Time that does not count.
    pub warm_up: Duration,
    /// Time before something happens.
    pub before: Duration,
    /// The longest time until it shows.
    pub during_max: Duration,
    /// Time after it showed.
    pub after: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Latencies before it happened.
    pub before: Latencies,
    /// Latencies of calls that were due afterwards.
    pub during: Latencies,
    /// How long it took to show; `None`: it never did.
    pub shown_after: Option<Duration>,
    /// Calls without a decision, or with another one than they had to get.
    pub lost: u64,
}

/// Latencies in microseconds, sorted.
#[derive(Clone, Debug)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// The latency, in milliseconds, that this share of the calls kept.
    ///
    /// # Panics
    /// There was no call.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let place = (self.0.len() as f64 * share) as usize;
        f64::from(self.0[place.min(self.0.len() - 1)]) / 1e3
    }
}

/// What the calls share.
struct Shared {
    head: Request<()>,
    load: Steady,
    /// The bundle's version that is waited for.
    version: u64,
    clock: SystemClock,
    began: Duration,
    answered: AtomicU64,
    failed: AtomicU64,
    /// Microseconds since the beginning when the version was seen; 0: not yet.
    shown: AtomicU64,
    /// Number and latency in microseconds of every answered call.
    latencies: Mutex<Vec<(u64, u32)>>,
}

/// Loads a server, makes something happen after a while, and goes on until answers come from this
/// version of the bundle.
///
/// # Errors
/// It cannot be connected to, or what is to happen fails.
pub async fn watch(
    server: &Child,
    load: Steady,
    version: u64,
    happen: impl FnOnce() -> Result<()>,
) -> Result<Watched> {
    let mut connections = JoinSet::new();
    let mut senders = Vec::new();
    for _ in 0..load.connections {
        senders.push(connect(server, &mut connections).await?);
    }
    let shared = Arc::new(Shared::new(server, load, version));
    let (sent, happened) = send_all(&shared, &senders, happen).await?;
    let answered = shared.answered.load(Ordering::Relaxed);
    let lost = sent - answered + shared.failed.load(Ordering::Relaxed);
    let shown = Duration::from_micros(shared.shown.load(Ordering::Relaxed));
    ensure!(answered > 0, "no call is answered");
    let part = |from: Duration, to: Duration| {
        let calls = shared.latencies.lock().expect("not poisoned");
        let within = |number: u64| (from..to).contains(&shared.due(number));
        let part = calls.iter().filter(|(number, _)| within(*number));
        let mut latencies: Vec<u32> = part.map(|(_, micros)| *micros).collect();
        latencies.sort_unstable();
        Latencies(latencies)
    };
    Ok(Watched {
        before: part(shared.load.warm_up, happened),
        during: part(happened, Duration::MAX),
        shown_after: (shown > Duration::ZERO).then(|| shown.saturating_sub(happened)),
        lost,
    })
}

/// Sends calls when they are due and waits for their answers. Says how many, and when it happened.
async fn send_all(
    shared: &Arc<Shared>,
    senders: &[SendRequest<Bytes>],
    happen: impl FnOnce() -> Result<()>,
) -> Result<(u64, Duration)> {
    let Steady { warm_up, before, during_max, after, .. } = shared.load;
    let calls = TaskTracker::new();
    let ticks = Ticks::start()?;
    let mut happen = Some(happen);
    let (mut sent, mut happened) = (0, warm_up + before);
    while sent < CALLS_MAX {
        let now = shared.now();
        if now >= happened
            && let Some(happen) = happen.take()
        {
            happened = now;
            happen()?;
        }
        let shown = Duration::from_micros(shared.shown.load(Ordering::Relaxed));
        let end = if shown > Duration::ZERO { shown + after } else { happened + during_max };
        if now >= end {
            break;
        }
        while shared.due(sent) <= now && calls.len() < IN_FLIGHT_MAX as usize {
            let sender = senders[sent as usize % senders.len()].clone();
            calls.spawn(Arc::clone(shared).ask(sender, sent));
            sent += 1;
        }
        ticks.next().await;
    }
    calls.close();
    // What is open then is lost.
    let _all_answered = timeout(DRAIN, calls.wait()).await.is_ok();
    Ok((sent, happened))
}

impl Shared {
    fn new(server: &Child, load: Steady, version: u64) -> Self {
        let clock = SystemClock::new();
        let seconds = (load.warm_up + load.before + load.during_max).as_secs_f64();
        Self {
            head: head(server, Method::Unary),
            version,
            began: clock.monotonic(),
            clock,
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            shown: AtomicU64::new(0),
            // Growing it would stall the load.
            latencies: Mutex::new(Vec::with_capacity((load.per_second * seconds) as usize)),
            load,
        }
    }

    fn now(&self) -> Duration {
        self.clock.monotonic() - self.began
    }

    /// When a call is due.
    fn due(&self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.load.per_second)
    }

    async fn ask(self: Arc<Self>, sender: SendRequest<Bytes>, number: u64) {
        let (frame, outcome) = &self.load.calls[number as usize % self.load.calls.len()];
        let is_decoded = number.is_multiple_of(DECODED);
        let mut answer = Vec::new();
        let take = |chunk: &[u8]| {
            if is_decoded {
                answer.extend_from_slice(chunk);
            }
        };
        let asked = call(sender, self.head.clone(), frame.clone(), take).await;
        let now = self.now();
        self.answered.fetch_add(1, Ordering::Relaxed);
        if asked.is_err() || (is_decoded && !self.accepts(&answer, *outcome, now)) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let micros = now.saturating_sub(self.due(number)).as_micros();
        let micros = u32::try_from(micros).unwrap_or(u32::MAX);
        self.latencies.lock().expect("not poisoned").push((number, micros));
    }

    /// Whether an answer is as it has to be; notes when the version shows.
    fn accepts(&self, answer: &[u8], outcome: v1::Outcome, now: Duration) -> bool {
        let answer: v1::AuthorizeResponse = decoded(answer);
        let version = answer.revision.as_ref().map_or(0, |revision| revision.version);
        if version == self.version {
            let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
            // A later answer of it changes nothing.
            let _first = self
                .shown
                .compare_exchange(0, micros, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        }
        answer.outcome() == outcome
    }
}

/// A thread that wakes the generator up every [`TICK`].
struct Ticks {
    tick: Arc<Notify>,
    ended: Arc<AtomicBool>,
}

impl Ticks {
    fn start() -> Result<Self> {
        let ticks = Self { tick: Arc::default(), ended: Arc::default() };
        let (tick, ended) = (Arc::clone(&ticks.tick), Arc::clone(&ticks.ended));
        let run = move || {
            while !ended.load(Ordering::Relaxed) {
                sleep(TICK);
                tick.notify_one();
            }
        };
        thread::Builder::new().name("ticks".to_owned()).spawn(run)?;
        Ok(ticks)
    }

    async fn next(&self) {
        self.tick.notified().await;
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing else runs on this thread")]
fn sleep(duration: Duration) {
    thread::sleep(duration);
}
