//! Decides calls a second time, beside what answers them and after it.
//!
//! What decides hands calls over ([`Shadow::offer`]) and never waits: what does not fit into the
//! queue is counted and left out. A thread of its own takes them ([`ShadowQueue::next`]), decides
//! them under each shadow, and says what came of it; nothing of that reaches an answer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use palisade_core::{
    DecisionId, Facts, Observer, Revision, ShadowKind, ShadowRecord, ToolCall, Verdict,
};
use palisade_engine::PolicySnapshot;

/// Calls that wait to be decided in the shadow.
// LIMIT: some milliseconds of full load; more would only be older.
const WAITING_MAX: usize = 1024;

/// Bytes of arguments that wait with them.
// LIMIT: a thousand ordinary calls have less than one; large ones must not take the memory.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What decides in the shadow, and who hands calls over to it.
#[derive(Debug)]
pub struct Shadow {
    /// Whether there is any; looked at by every decision.
    active: AtomicBool,
    /// Held to copy or to swap.
    snapshots: RwLock<Arc<[ShadowSnapshot]>>,
    sample: Sample,
    /// `None` wakes whoever takes, and says nothing else.
    waiting: SyncSender<Option<ShadowCall>>,
    waiting_bytes: Arc<AtomicUsize>,
    ended: AtomicBool,
}

/// A snapshot that decides in the shadow.
#[derive(Clone, Debug)]
pub struct ShadowSnapshot {
    /// What it is.
    pub kind: ShadowKind,
    /// What it decides with.
    pub snapshot: Arc<PolicySnapshot>,
}

/// Takes what was handed over.
#[derive(Debug)]
pub struct ShadowQueue {
    waiting: Receiver<Option<ShadowCall>>,
    waiting_bytes: Arc<AtomicUsize>,
    shadow: Arc<Shadow>,
}

/// A call that was decided, to be decided again.
#[derive(Debug)]
pub(crate) struct ShadowCall {
    pub(crate) call: ToolCall,
    pub(crate) facts: Facts,
    pub(crate) decision: DecisionId,
    pub(crate) verdict: Arc<Verdict>,
    pub(crate) revision: Arc<Revision>,
    pub(crate) tool_is_known: bool,
}

/// The share of decisions that is taken.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Of the last four bytes of the decision's id, which are random.
    below: u64,
}

impl Shadow {
    /// No shadow yet; of the decisions this share is taken once there is one: 0 none, 1 all.
    #[must_use]
    pub fn new(share: f64) -> (Arc<Self>, ShadowQueue) {
        let (waiting, taken) = sync_channel(WAITING_MAX);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let shadow = Arc::new(Self {
            active: AtomicBool::new(false),
            snapshots: RwLock::new(Arc::from([])),
            sample: Sample::new(share),
            waiting,
            waiting_bytes: Arc::clone(&waiting_bytes),
            ended: AtomicBool::new(false),
        });
        let queue = ShadowQueue { waiting: taken, waiting_bytes, shadow: Arc::clone(&shadow) };
        (shadow, queue)
    }

    /// Says what decides in the shadow from now on.
    pub fn set(&self, snapshots: Vec<ShadowSnapshot>) {
        let active = !snapshots.is_empty();
        // Dropped after the lock is released: freeing a large snapshot takes a while.
        let _previous = {
            let mut held = self.snapshots.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *held, snapshots.into())
        };
        self.active.store(active, Ordering::Relaxed);
    }

    /// Says that nothing is taken any more.
    pub fn end(&self) {
        self.active.store(false, Ordering::Relaxed);
        self.ended.store(true, Ordering::Relaxed);
        // Whoever takes from a full queue is awake.
        let _woken = self.waiting.try_send(None).is_ok();
    }

    /// What decides in the shadow.
    #[must_use]
    pub fn snapshots(&self) -> Arc<[ShadowSnapshot]> {
        Arc::clone(&self.snapshots.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a decision is to be handed over.
    pub(crate) fn takes(&self, decision: DecisionId) -> bool {
        self.active.load(Ordering::Relaxed) && self.sample.takes(decision)
    }

    /// Hands a call over, or counts that there is no room for it.
    pub(crate) fn offer(&self, call: ShadowCall, observer: &dyn Observer) {
        let bytes = call.call.arguments.len();
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = before.saturating_add(bytes) <= WAITING_BYTES_MAX;
        if !has_room || self.waiting.try_send(Some(call)).is_err() {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            observer.shadow_skipped();
        }
    }
}

impl ShadowQueue {
    /// Whether [`Shadow::end`] was said.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.shadow.ended.load(Ordering::Relaxed)
    }

    /// The next call as each shadow decides it; `None`: none came in time, or this has ended.
    ///
    /// A call that was decided by another revision than the one whose shadow policies are counted
    /// is not compared with them, nor one that was decided by the shadow's own revision.
    #[must_use]
    pub fn next(&self, timeout: Duration) -> Option<Vec<ShadowRecord>> {
        let call = match self.waiting.recv_timeout(timeout) {
            Ok(Some(call)) => call,
            Ok(None) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return None;
            }
        };
        self.waiting_bytes.fetch_sub(call.call.arguments.len(), Ordering::Relaxed);
        let snapshots = self.shadow.snapshots();
        let compared = snapshots.iter().filter(|shadow| {
            let is_same = shadow.snapshot.revision() == call.revision.as_ref();
            match shadow.kind {
                ShadowKind::Policies => is_same,
                ShadowKind::Revision => !is_same,
            }
        });
        Some(compared.map(|shadow| call.decide_under(shadow)).collect())
    }
}

impl ShadowCall {
    fn decide_under(&self, ShadowSnapshot { kind, snapshot }: &ShadowSnapshot) -> ShadowRecord {
        let Self { call, facts, decision, verdict, revision: _, tool_is_known } = self;
        let answer = snapshot.answer(call, facts);
        ShadowRecord {
            time: facts.now,
            decision: *decision,
            chain: call.chain.clone(),
            tool: call.tool.clone(),
            tool_is_known: *tool_is_known || answer.tool.is_some(),
            verdict: Arc::clone(verdict),
            kind: *kind,
            revision: Arc::clone(snapshot.shared_revision()),
            shadow_verdict: Arc::clone(&answer.verdict),
        }
    }
}

impl Sample {
    fn new(share: f64) -> Self {
        // What is no number takes none.
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 0 to 2^32, and fractions do not matter"
        )]
        let below = (share * 4_294_967_296.0) as u64;
        Self { below }
    }

    fn takes(self, decision: DecisionId) -> bool {
        let [.., a, b, c, d] = *decision.as_bytes();
        u64::from(u32::from_be_bytes([a, b, c, d])) < self.below
    }
}

#[cfg(test)]
mod tests;
