//! The ports of the pipeline as tests want them: time that stands still, ids that count, a log
//! that can be read, fail, panic or stall.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use palisade_core::{
    CallOutcome, Clock, DecisionId, DecisionLog, DecisionRecord, EpochMillis, IdSource, LogEntry,
    LogError, LogFuture, RolloutRecord, ShadowRecord,
};
use tokio::sync::watch;

use crate::within;

/// 2026-01-01T12:00:00Z.
pub const NOON: EpochMillis = EpochMillis::new(1_767_268_800_000);

/// Stands at [`NOON`] until it is set.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    /// Milliseconds that have passed.
    passed: AtomicI64,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self { now: AtomicI64::new(NOON.as_millis()), passed: AtomicI64::new(0) }
    }
}

impl ManualClock {
    /// Sets the wall clock to an instant given in RFC 3339.
    ///
    /// # Panics
    /// The text is no instant.
    pub fn set(&self, instant: &str) {
        let instant = EpochMillis::parse_rfc3339(instant).expect("an instant in RFC 3339");
        self.now.store(instant.as_millis(), Ordering::SeqCst);
    }

    /// Lets time pass.
    ///
    /// # Panics
    /// It is more than clocks count.
    pub fn advance(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).expect("milliseconds");
        self.now.fetch_add(millis, Ordering::SeqCst);
        self.passed.fetch_add(millis, Ordering::SeqCst);
    }

    /// Makes the next look at the clock panic.
    pub fn break_once(&self) {
        self.now.store(i64::MIN, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> EpochMillis {
        let broken = self.now.compare_exchange(
            i64::MIN,
            NOON.as_millis(),
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
        assert!(broken.is_err(), "the test broke the clock");
        EpochMillis::new(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        let passed = self.passed.load(Ordering::SeqCst);
        Duration::from_millis(u64::try_from(passed).expect("it only grows"))
    }
}

/// Ids with 1, 2, 3, … in their last bytes.
#[derive(Debug, Default)]
pub struct SequentialIds {
    last: AtomicU32,
}

impl IdSource for SequentialIds {
    fn decision_id(&self, now: EpochMillis) -> DecisionId {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        let mut random = [0; 10];
        random[6..].copy_from_slice(&number.to_be_bytes());
        DecisionId::new(now, random)
    }
}

/// What a [`MemoryLog`] does with a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogMode {
    /// Refuses it.
    Fail,
    /// Keeps it.
    #[default]
    Keep,
    /// Panics.
    Panic,
    /// Waits for another mode.
    Stall,
}

/// Keeps records in memory.
#[derive(Debug, Default)]
pub struct MemoryLog {
    mode: watch::Sender<LogMode>,
    stalled: watch::Sender<usize>,
    /// Changes with every entry that is kept.
    kept: watch::Sender<u64>,
    /// Held to push or to copy.
    records: Mutex<Vec<DecisionRecord>>,
    /// Held to push or to copy.
    outcomes: Mutex<Vec<CallOutcome>>,
    /// Held to push or to copy.
    rollouts: Mutex<Vec<RolloutRecord>>,
    /// Held to push or to copy.
    shadows: Mutex<Vec<ShadowRecord>>,
}

/// An entry of its own.
enum Kept {
    Decision(Box<DecisionRecord>),
    Outcome(CallOutcome),
    Rollout(RolloutRecord),
    Shadow(Box<ShadowRecord>),
}

impl MemoryLog {
    /// What happens to records from now on, stalled ones included.
    pub fn set_mode(&self, mode: LogMode) {
        self.mode.send_replace(mode);
    }

    /// Waits until this many records are stalled.
    pub async fn wait_for_stalled(&self, count: usize) {
        let mut stalled = self.stalled.subscribe();
        let waited = within("stalled records", stalled.wait_for(|now| *now == count)).await;
        drop(waited.expect("the log lives"));
    }

    /// How many records are stalled now.
    #[must_use]
    pub fn stalled(&self) -> usize {
        *self.stalled.borrow()
    }

    /// Everything kept so far.
    #[must_use]
    pub fn records(&self) -> Vec<DecisionRecord> {
        self.records.lock().unwrap().clone()
    }

    /// Every report of an outcome kept so far.
    #[must_use]
    pub fn outcomes(&self) -> Vec<CallOutcome> {
        self.outcomes.lock().unwrap().clone()
    }

    /// Every change of the bundle kept so far.
    #[must_use]
    pub fn rollouts(&self) -> Vec<RolloutRecord> {
        self.rollouts.lock().unwrap().clone()
    }

    /// Every difference in the shadow kept so far.
    #[must_use]
    pub fn shadows(&self) -> Vec<ShadowRecord> {
        self.shadows.lock().unwrap().clone()
    }

    /// The first difference in the shadow.
    pub async fn wait_for_shadow(&self) -> ShadowRecord {
        let mut kept = self.kept.subscribe();
        let first = async {
            loop {
                kept.borrow_and_update();
                if let Some(shadow) = self.shadows().into_iter().next() {
                    return shadow;
                }
                kept.changed().await.expect("the log lives");
            }
        };
        within("a difference in the shadow", first).await
    }

    /// Forgets what was kept.
    pub fn clear(&self) {
        self.records.lock().unwrap().clear();
    }

    /// The only record.
    ///
    /// # Panics
    /// There is none, or more than one.
    #[must_use]
    pub fn only_record(&self) -> DecisionRecord {
        let [record] = <[_; 1]>::try_from(self.records()).expect("one record");
        record
    }

    async fn keep(&self, entry: Kept) -> Result<(), LogError> {
        let _stall = Stall::begin(self);
        let mut mode = self.mode.subscribe();
        let mode = *mode.wait_for(|mode| *mode != LogMode::Stall).await.expect("the log lives");
        match mode {
            LogMode::Fail => {
                return Err(LogError(std::io::Error::other("the test broke the log")));
            }
            LogMode::Panic => panic!("the test broke the log"),
            LogMode::Keep | LogMode::Stall => {}
        }
        match entry {
            Kept::Decision(record) => self.records.lock().unwrap().push(*record),
            Kept::Outcome(outcome) => self.outcomes.lock().unwrap().push(outcome),
            Kept::Rollout(record) => self.rollouts.lock().unwrap().push(record),
            Kept::Shadow(record) => self.shadows.lock().unwrap().push(*record),
        }
        self.kept.send_modify(|kept| *kept += 1);
        Ok(())
    }
}

impl DecisionLog for MemoryLog {
    fn append<'a>(&'a self, entry: LogEntry<'_>) -> LogFuture<'a> {
        let kept = match entry {
            LogEntry::Decision(record) => Kept::Decision(Box::new(record.clone())),
            LogEntry::Outcome(outcome) => Kept::Outcome(outcome.clone()),
            LogEntry::Rollout(record) => Kept::Rollout(record.clone()),
            LogEntry::Shadow(record) => Kept::Shadow(Box::new(record.clone())),
        };
        Box::pin(self.keep(kept))
    }
}

/// Counts a record as stalled until it is dropped: calls that are cut off no longer wait.
struct Stall<'a>(&'a MemoryLog);

impl<'a> Stall<'a> {
    fn begin(log: &'a MemoryLog) -> Self {
        log.stalled.send_modify(|count| *count += 1);
        Self(log)
    }
}

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        self.0.stalled.send_modify(|count| *count -= 1);
    }
}

/// The ports of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestPorts {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ids: Arc<SequentialIds>,
    pub(crate) log: Arc<MemoryLog>,
}
