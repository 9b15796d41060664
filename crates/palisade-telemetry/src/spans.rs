//! Spans of the calls whose trace is kept, made afterwards from what was observed.
//!
//! Whoever answers only hands over what is needed, and never waits: what does not fit into the
//! queue is dropped and counted. Spans may be lost, decisions are not: those are in the log.

mod build;
mod exporter;
mod ids;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use palisade_core::{
    Actor, ActorKind, CallSpan, DecisionId, Effect, Observation, Revision, Tier, Verdict,
};
use tokio::sync::mpsc;

use crate::metrics::Metrics;

pub use exporter::SpanExporter;
pub(crate) use ids::{random_span_id, random_trace_id};

/// Makes text fit to leave the process: gives it back, or with its secrets replaced.
pub type Redact = dyn Fn(&str) -> Cow<'_, str> + Send + Sync;

/// How many answered calls wait for the exporter.
// LIMIT: some 500 bytes each, thus 4 MB; at 10,000 traced calls a second, most of a second.
pub const QUEUE_CALLS_MAX: usize = 8192;

/// How many spans a call has: itself, deciding and recording.
const SPANS_PER_CALL: usize = 3;

/// Where answered calls are handed over.
#[derive(Clone, Debug)]
pub struct SpanSender {
    queue: mpsc::Sender<AnsweredCall>,
    metrics: Arc<Metrics>,
}

/// Where the exporter takes them.
#[derive(Debug)]
pub struct SpanReceiver {
    queue: mpsc::Receiver<AnsweredCall>,
    metrics: Arc<Metrics>,
}

/// A queue of at most [`QUEUE_CALLS_MAX`] calls. What is lost on the way is counted in `metrics`.
#[must_use]
pub fn queue(metrics: &Arc<Metrics>) -> (SpanSender, SpanReceiver) {
    let (sender, receiver) = mpsc::channel(QUEUE_CALLS_MAX);
    let sender = SpanSender { queue: sender, metrics: Arc::clone(metrics) };
    (sender, SpanReceiver { queue: receiver, metrics: Arc::clone(metrics) })
}

impl SpanSender {
    /// Hands a call over that was answered at `end_unix_nanos`. Drops it if there is no room, or
    /// nobody takes it.
    pub(crate) fn send(&self, span: CallSpan, end_unix_nanos: u64, seen: &Observation<'_>) {
        // Room first: a call that is dropped anyway is not copied.
        match self.queue.try_reserve() {
            Ok(room) => room.send(AnsweredCall::of(span, end_unix_nanos, seen)),
            Err(mpsc::error::TrySendError::Full(()) | mpsc::error::TrySendError::Closed(())) => {
                self.metrics.dropped_spans(spans_of(1));
            }
        }
    }
}

#[cfg(test)]
impl SpanReceiver {
    /// How many calls wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

/// What the spans of a call are made of. It holds no text that can be the caller's, except for the
/// agent's name, which is redacted when the spans are made.
#[derive(Clone, Debug)]
struct AnsweredCall {
    span: CallSpan,
    end_unix_nanos: u64,
    decide: Duration,
    record_for: Duration,
    decision: DecisionId,
    verdict: Arc<Verdict>,
    revision: Arc<Revision>,
    dry_run: bool,
    /// The tool's name, if it is in the catalog: otherwise it is any text.
    tool: Option<String>,
    tier: Option<Tier>,
    effect: Option<Effect>,
    /// The last agent of the chain.
    agent: Option<Actor>,
}

impl AnsweredCall {
    fn of(span: CallSpan, end_unix_nanos: u64, seen: &Observation<'_>) -> Self {
        let Observation { record, answer, span: _, decide, record_for } = *seen;
        let is_agent = |actor: &&Actor| actor.kind == ActorKind::Agent;
        Self {
            span,
            end_unix_nanos,
            decide,
            record_for,
            decision: answer.id,
            verdict: Arc::clone(&answer.verdict),
            revision: Arc::clone(&answer.revision),
            dry_run: answer.dry_run,
            tool: record.tier.map(|_| record.tool.clone()),
            tier: record.tier,
            effect: record.effect,
            agent: record
                .chain
                .as_ref()
                .and_then(|chain| chain.links().iter().rfind(is_agent).cloned()),
        }
    }
}

/// The spans of so many calls.
fn spans_of(calls: usize) -> u64 {
    u64::try_from(calls.saturating_mul(SPANS_PER_CALL)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
