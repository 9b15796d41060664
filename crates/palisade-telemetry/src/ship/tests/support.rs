//! A log in memory and a collector that follows a script.

use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use palisade_core::{Clock, EpochMillis};
use palisade_proto::v1::record::Entry;
use palisade_proto::v1::{GapEntry, Record};

use super::super::*;
use crate::otlp::SendFailure;
use crate::project::{Format, Instance};

/// What every record holds and no announcement may.
pub(super) const SILENT: &str = "content-of-a-record";

/// How long anything may take, on the clock that is moved by waiting.
const DEADLINE: Duration = Duration::from_secs(60 * 60 * 24);

/// A log in memory. Copies share it.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    log: Mutex<Log>,
    cursor: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Log {
    records: Vec<Vec<u8>>,
    first: u64,
    failing_reads: usize,
    failing_advances: usize,
}

pub(super) fn record(index: u64) -> Vec<u8> {
    let gap = GapEntry { records: 1, cause: SILENT.to_owned(), ..GapEntry::default() };
    let entry = Some(Entry::Gap(gap));
    let time_unix_ms = 1_790_000_000_000_i64.saturating_add_unsigned(index);
    Record { index, time_unix_ms, entry }.encode_to_vec()
}

impl Memory {
    pub(super) fn with(records: u64) -> Self {
        let records = (0..records).map(record).collect();
        let log = Mutex::new(Log { records, ..Log::default() });
        Self(Arc::new(Inner { log, cursor: watch::Sender::new(0) }))
    }

    pub(super) fn failing_reads(self, times: usize) -> Self {
        self.log().failing_reads = times;
        self
    }

    pub(super) fn failing_advances(self, times: usize) -> Self {
        self.log().failing_advances = times;
        self
    }

    pub(super) fn delete_before(&mut self, first: u64) {
        self.log().first = first;
    }

    pub(super) fn damage(&mut self, index: usize) {
        self.log().records[index] = vec![0xff; 3];
    }

    pub(super) fn len(&self) -> u64 {
        self.log().records.len().try_into().unwrap()
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.0.log.lock().unwrap()
    }
}

impl Source for Memory {
    async fn beyond(&mut self, from: u64) -> u64 {
        let len = self.len();
        if from < len { len } else { pending().await }
    }

    fn read(&mut self, from: u64, max_bytes: usize) -> Result<Vec<Stored>, SourceError> {
        let mut log = self.log();
        if log.failing_reads > 0 {
            log.failing_reads -= 1;
            return Err(SourceError::Io(io::Error::other("no disk")));
        }
        if from < log.first {
            return Err(SourceError::Gone { first: log.first });
        }
        let mut bytes = 0;
        let mut read = Vec::new();
        for (index, record) in (0..).zip(&log.records).skip(from.try_into().unwrap()) {
            bytes += record.len();
            if bytes > max_bytes && !read.is_empty() {
                break;
            }
            read.push(Stored { index, bytes: record.clone() });
        }
        Ok(read)
    }

    fn cursor(&self) -> u64 {
        *self.0.cursor.borrow()
    }

    fn advance(&mut self, next: u64) -> Result<(), SourceError> {
        let mut log = self.log();
        if log.failing_advances > 0 {
            log.failing_advances -= 1;
            return Err(SourceError::Io(io::Error::other("no disk")));
        }
        let before = self.0.cursor.send_replace(next);
        assert!(before < next, "the cursor goes from {before} to {next}");
        Ok(())
    }
}

/// What the collector does with a request.
#[derive(Debug)]
pub(super) enum Answer {
    Fail(SendError),
    /// Takes it, but the answer is lost.
    Lose,
    Never,
    Partial(u64),
    Take,
}

/// A request as the collector saw it.
#[derive(Clone, Debug)]
pub(super) struct RequestSeen {
    pub(super) at: Instant,
    pub(super) indices: Vec<u64>,
    pub(super) bytes: usize,
}

/// What the collector saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) requests: Vec<RequestSeen>,
    /// Indices in the order in which they were taken, repeated if they were sent again.
    pub(super) taken: Vec<u64>,
    /// The event names of what was taken.
    pub(super) names: Vec<String>,
    /// Events that name refused records.
    refused: Vec<u64>,
}

impl Seen {
    /// First deliveries, in order.
    pub(super) fn delivered(&self) -> Vec<u64> {
        let mut first = Vec::new();
        for index in &self.taken {
            if !first.contains(index) {
                first.push(*index);
            }
        }
        first
    }

    /// Records that the collector was told it has refused, each once.
    pub(super) fn named(&self) -> Vec<u64> {
        let mut named = self.refused.clone();
        named.dedup();
        named
    }

    pub(super) fn sizes(&self) -> Vec<usize> {
        self.requests.iter().map(|request| request.indices.len()).collect()
    }

    pub(super) fn waits(&self) -> Vec<Duration> {
        self.requests.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
    }

    pub(super) fn span(&self) -> Duration {
        self.requests.last().unwrap().at - self.requests[0].at
    }
}

pub(super) struct Scripted<F> {
    seen: Arc<Mutex<Seen>>,
    answer: F,
    asked: watch::Sender<usize>,
}

impl<F: Fn(usize, &[u64]) -> Answer + Send + Sync> Sink for Scripted<F> {
    async fn send(&self, request: Request) -> Result<Accepted, SendError> {
        let Request::Logs(logs) = request else { panic!("only logs are shipped") };
        let bytes = logs.encoded_len();
        let records = &logs.resource_logs[0].scope_logs[0].log_records;
        let indices: Vec<u64> =
            records.iter().filter_map(|record| int(record, LOG_INDEX)).collect();
        let stand_ins: Vec<u64> =
            records.iter().filter_map(|record| int(record, REFUSED_INDEX)).collect();
        assert_eq!(indices.len() + stand_ins.len(), records.len());
        assert!(indices.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{indices:?}");
        let number = {
            let mut seen = self.seen.lock().unwrap();
            let indices = indices.clone();
            seen.requests.push(RequestSeen { at: Instant::now(), indices, bytes });
            seen.requests.len() - 1
        };
        self.asked.send_replace(number + 1);
        let answer = (self.answer)(number, &indices);
        let (accepted, rejected) = match answer {
            Answer::Fail(error) => return Err(error),
            Answer::Never => pending().await,
            Answer::Lose => (false, 0),
            Answer::Partial(rejected) => (true, rejected),
            Answer::Take => (true, 0),
        };
        let mut seen = self.seen.lock().unwrap();
        seen.taken.extend(indices);
        seen.refused.extend(stand_ins);
        seen.names.extend(records.iter().map(|record| record.event_name.clone()));
        if accepted {
            Ok(Accepted { rejected, message: String::new() })
        } else {
            Err(SendError::Retry { after: None, source: SendFailure::Timeout })
        }
    }
}

const LOG_INDEX: &str = "palisade.log.index";
const REFUSED_INDEX: &str = "palisade.refused.index";

fn int(record: &LogRecord, name: &str) -> Option<u64> {
    let attribute = record.attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::IntValue(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(1_790_000_000_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub(super) fn failure(code: Code) -> SendFailure {
    SendFailure::Grpc { code, message: "as it is".to_owned() }
}

/// Refuses whatever is a record, for what is in it.
pub(super) fn content(_: usize, indices: &[u64]) -> Answer {
    if indices.is_empty() {
        return Answer::Take;
    }
    Answer::Fail(SendError::Permanent { source: failure(Code::InvalidArgument) })
}

pub(super) fn copy(error: &SendError) -> SendError {
    match error {
        SendError::Retry { after, source } => {
            SendError::Retry { after: *after, source: source.clone() }
        }
        SendError::Permanent { source } => SendError::Permanent { source: source.clone() },
    }
}

/// Batches of at most this many records.
pub(super) fn options(batch_records_max: usize) -> ShipOptions {
    ShipOptions { batch_records_max, ..ShipOptions::default() }
}

/// Ships until everything is shipped.
pub(super) fn run<F>(source: Memory, answer: F) -> (Memory, Seen, Shipped)
where
    F: Fn(usize, &[u64]) -> Answer + Send + Sync,
{
    run_with(source, ShipOptions::default(), answer)
}

/// Ships until everything is shipped.
pub(super) fn run_with<F>(
    source: Memory,
    options: ShipOptions,
    answer: F,
) -> (Memory, Seen, Shipped)
where
    F: Fn(usize, &[u64]) -> Answer + Send + Sync,
{
    let end = source.len();
    let mut cursor = source.0.cursor.subscribe();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let state = Arc::new(ShipState::new());
    paused(async {
        let sink = Scripted { seen: Arc::clone(&seen), answer, asked: watch::Sender::new(0) };
        let shipping = start(source.clone(), sink, options, &state, CancellationToken::new());
        let all = timeout(DEADLINE, cursor.wait_for(|cursor| *cursor >= end));
        tokio::select! {
            () = shipping => panic!("shipping ended"),
            all = all => { all.expect("it takes too long").unwrap(); }
        }
    });
    let seen = seen.lock().unwrap().clone();
    (source, seen, state.now())
}

/// Ships, and asks for the end at each of these requests; answers what all runs saw together.
pub(super) fn run_with_restarts<F>(
    source: &Memory,
    options: ShipOptions,
    restarts: &[usize],
    answer: F,
) -> Seen
where
    F: Fn(usize, &[u64]) -> Answer + Send + Sync + Clone,
{
    let end = source.len();
    let seen = Arc::new(Mutex::new(Seen::default()));
    paused(async {
        let mut restarts = restarts.iter();
        loop {
            let restart = restarts.next().copied();
            let state = Arc::new(ShipState::new());
            let asked = watch::Sender::new(0);
            let mut requests = asked.subscribe();
            let sink = Scripted { seen: Arc::clone(&seen), answer: answer.clone(), asked };
            let token = CancellationToken::new();
            let shipping = start(source.clone(), sink, options, &state, token.clone());
            let mut cursor = source.0.cursor.subscribe();
            let all = timeout(DEADLINE, cursor.wait_for(|cursor| *cursor >= end));
            let restart = async {
                match restart {
                    Some(at) => drop(requests.wait_for(|requests| *requests > at).await.unwrap()),
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shipping => panic!("shipping ended"),
                all = all => { all.expect("it takes too long").unwrap(); return; }
                () = restart => token.cancel(),
            }
        }
    });
    seen.lock().unwrap().clone()
}

/// Ships one record to a collector that has been asked once, then asks for the end: how long that
/// takes.
pub(super) fn sleepless<F>(source: Memory, answer: F) -> Duration
where
    F: Fn(usize, &[u64]) -> Answer + Send + Sync,
{
    let state = Arc::new(ShipState::new());
    paused(async {
        let asked = watch::Sender::new(0);
        let mut requests = asked.subscribe();
        let sink = Scripted { seen: Arc::default(), answer, asked };
        let token = CancellationToken::new();
        let begun = Instant::now();
        tokio::join!(start(source, sink, ShipOptions::default(), &state, token.clone()), async {
            requests.wait_for(|requests| *requests == 1).await.unwrap();
            tokio::task::yield_now().await;
            token.cancel();
        });
        begun.elapsed()
    })
}

/// Ships everything; answers what was said meanwhile.
pub(super) fn shipped<F>(source: Memory, options: ShipOptions, answer: F) -> (String, Shipped)
where
    F: Fn(usize, &[u64]) -> Answer + Send + Sync,
{
    let said = Said::default();
    let writer = said.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let state =
        tracing::subscriber::with_default(subscriber, || run_with(source, options, answer).2);
    let said = said.0.lock().unwrap().clone();
    (String::from_utf8(said).unwrap(), state)
}

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn start<F: Fn(usize, &[u64]) -> Answer + Send + Sync>(
    source: Memory,
    sink: Scripted<F>,
    options: ShipOptions,
    state: &Arc<ShipState>,
    token: CancellationToken,
) {
    let instance = Instance { version: "1.2.3".to_owned(), id: "here".to_owned() };
    let projection = Projection::new(Format::Native, instance);
    ship(source, sink, projection, options, Arc::clone(state), Arc::new(Fixed), token).await;
}

/// Runs on a clock that jumps to the next timer whenever everything waits.
fn paused<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
}
