//! What the tests share: a clock that is set, records with a number, a log in a temporary
//! directory, and disks that fail.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use palisade_core::{
    CallOutcome, CallStatus, Clock, DecisionId, DecisionLog as _, EpochMillis, LogEntry, LogError,
    SystemClock,
};
use palisade_proto::v1::record::Entry;
use tempfile::TempDir;

use crate::disk::{Disk, LocalDisk};
use crate::{
    Against, Durability, LogConfig, LogReader, OnFailure, OpenLogError, Retention, SegmentLog,
    Unshipped, VerifierKey, VerifyReport, verify,
};

pub(crate) mod faulty;

/// 2026-01-01T12:00:00Z.
pub(crate) const NOON: i64 = 1_767_268_800_000;

/// A key of the tests' own.
const KEY: &str =
    "PRIVATE+KEY+palisade/tests+dfd7376d+ASoqKioqKioqKioqKioqKioqKioqKioqKioqKioqKioq";

/// Stands still until it is advanced.
#[derive(Debug)]
pub(crate) struct ManualClock {
    wall: AtomicI64,
    monotonic_ms: AtomicU64,
    /// How often somebody asked for monotonic time, as the writer does in each round.
    pub(crate) looks: AtomicU64,
}

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            wall: AtomicI64::new(NOON),
            monotonic_ms: AtomicU64::new(0),
            looks: AtomicU64::new(0),
        })
    }

    /// Both clocks go on.
    pub(crate) fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap();
        self.wall.fetch_add(i64::try_from(millis).unwrap(), Ordering::SeqCst);
        self.monotonic_ms.fetch_add(millis, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_wall(&self, millis: i64) {
        self.wall.store(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.looks.fetch_add(1, Ordering::SeqCst);
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }
}

/// A log in a temporary directory.
pub(crate) struct Fixture {
    pub(crate) root: TempDir,
    pub(crate) config: LogConfig,
    pub(crate) clock: Arc<ManualClock>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let config = config(root.path());
        std::fs::write(&config.checkpoint_key, KEY).unwrap();
        Self { root, config, clock: ManualClock::new() }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.config.directory
    }

    pub(crate) fn open(&self) -> SegmentLog {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<SegmentLog, OpenLogError> {
        self.open_on(LocalDisk)
    }

    pub(crate) fn open_on(&self, disk: impl Disk + 'static) -> Result<SegmentLog, OpenLogError> {
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        SegmentLog::open_on(self.config.clone(), clock, Box::new(disk))
    }

    /// Opens it on a disk that does not wait.
    pub(crate) fn open_fast(&self) -> SegmentLog {
        self.open_on(faulty::FaultyDisk::new(self.directory(), |_, _| None)).unwrap()
    }

    /// A log with these many records of callers, closed.
    pub(crate) fn filled(segment_bytes: u64, records: u64) -> Self {
        let mut fixture = Self::new();
        fixture.config.segment_bytes = segment_bytes;
        let log = fixture.open_fast();
        (0..records).for_each(|number| append(&log, number).unwrap());
        log.close();
        fixture
    }

    pub(crate) fn key(&self) -> VerifierKey {
        let key = crate::CheckpointKey::open(&self.config.checkpoint_key).unwrap();
        VerifierKey::parse(key.verifier_key()).unwrap()
    }

    pub(crate) fn against(&self) -> Against {
        Against { key: Some(self.key()), ..Against::default() }
    }

    pub(crate) fn verify(&self) -> VerifyReport {
        verify(self.directory(), &self.against()).unwrap()
    }

    pub(crate) fn assert_sound(&self) -> VerifyReport {
        let report = self.verify();
        assert!(report.is_sound(), "{report:#?}");
        report
    }

    /// The log as a process that is killed now leaves it.
    pub(crate) fn killed(&self) -> Self {
        let copy = Self::new();
        std::fs::create_dir(copy.directory()).unwrap();
        for (path, content) in self.content() {
            std::fs::write(copy.directory().join(path.file_name().unwrap()), content).unwrap();
        }
        let config = LogConfig { segment_bytes: self.config.segment_bytes, ..copy.config };
        Self { config, ..copy }
    }

    /// The segments' files, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        crate::segment::list(self.directory()).unwrap().into_iter().map(|file| file.path).collect()
    }

    /// Every file of the log and its content, but for the lock, which has none.
    pub(crate) fn content(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(self.directory())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.ends_with("lock"))
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }
}

pub(crate) fn config(root: &Path) -> LogConfig {
    LogConfig {
        directory: root.join("log"),
        durability: Durability::Commit,
        on_failure: OnFailure::Deny,
        segment_bytes: 16 * 1024,
        retention: Retention { age: None, bytes: None, unshipped: Unshipped::Delete },
        is_shipped: false,
        checkpoint_interval: Duration::from_secs(3600),
        checkpoint_key: root.join("key"),
    }
}

/// A record that is known by a number.
pub(crate) fn outcome(number: u64) -> CallOutcome {
    CallOutcome {
        time: EpochMillis::new(NOON),
        pep: None,
        decision: DecisionId::new(EpochMillis::new(NOON), [7; 10]),
        status: CallStatus::Success,
        duration: Duration::from_millis(5),
        error: String::new(),
        result_bytes: number,
        result_digest: None,
        trace: None,
    }
}

/// Appends a record and waits until it is kept or refused.
pub(crate) fn append(log: &SegmentLog, number: u64) -> Result<(), LogError> {
    block_on(log.append(LogEntry::Outcome(&outcome(number))))
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future that another thread completes.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let clock = SystemClock::new();
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        // Polled again only when it was woken: that it is, is part of what is tested.
        let before = clock.monotonic();
        std::thread::park_timeout(Duration::from_secs(60));
        assert!(clock.monotonic() - before < Duration::from_secs(59), "nobody woke the future");
    }
}

/// What a log holds, in order.
pub(crate) fn entries(directory: &Path) -> Vec<Entry> {
    let from = LogReader::first(directory).unwrap().unwrap_or(0);
    let mut reader = LogReader::new(directory, from);
    let mut entries = Vec::new();
    while let Some(stored) = reader.next().unwrap() {
        let record = stored.decode().unwrap();
        assert_eq!(record.index, stored.index);
        assert_eq!(record.index, from + u64::try_from(entries.len()).unwrap());
        entries.push(record.entry.unwrap());
    }
    entries
}

/// The numbers of the callers' records in a log, in order.
pub(crate) fn numbers(directory: &Path) -> Vec<u64> {
    let number = |entry| match entry {
        Entry::Outcome(outcome) => Some(outcome.result_bytes),
        _ => None,
    };
    entries(directory).into_iter().filter_map(number).collect()
}

/// Waits for something that another thread does.
pub(crate) fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    let mut is_so = is_so;
    let clock = SystemClock::new();
    while !is_so() {
        assert!(clock.monotonic() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::yield_now();
    }
}

/// A number from the environment, to ask a test for more.
pub(crate) fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A generator whose seed is printed if the test fails.
pub(crate) struct Seeded(pub(crate) fastrand::Rng, u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed), seed)
    }
}

impl Drop for Seeded {
    #[expect(clippy::print_stderr, reason = "whoever sees a test fail wants to repeat it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.1);
        }
    }
}

/// A record as it lies in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) offset: usize,
    pub(crate) index: u64,
    pub(crate) committed: u64,
    /// What comes after the index.
    pub(crate) fields: Vec<u8>,
}

impl Placed {
    pub(crate) fn encode(&self) -> Vec<u8> {
        crate::frame::tests::framed(self.index, self.committed, &self.fields)
    }
}

/// The records of a segment's bytes.
pub(crate) fn placed(bytes: &[u8]) -> Vec<Placed> {
    let mut offset = crate::segment::HEADER_BYTES;
    let mut found = Vec::new();
    while let Ok(frame) = crate::frame::read(&bytes[offset..]) {
        let fields = frame.payload[crate::frame::INDEX_BYTES..].to_vec();
        let (index, committed) = (frame.index().unwrap(), frame.committed);
        found.push(Placed { offset, index, committed, fields });
        offset += frame.bytes();
    }
    found
}

/// Writes a segment anew with the header it has.
pub(crate) fn rewrite(path: &Path, records: &[Placed]) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes.truncate(crate::segment::HEADER_BYTES);
    records.iter().for_each(|record| bytes.extend(record.encode()));
    std::fs::write(path, bytes).unwrap();
}

/// Changes a file.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}
