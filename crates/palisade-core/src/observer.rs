//! Who watches answers being given, as a port: metrics and spans. Observers change nothing.

use std::time::Duration;

use crate::decision::Decision;
use crate::outcome::CallOutcome;
use crate::record::DecisionRecord;
use crate::rollout::RolloutRecord;
use crate::shadow::ShadowRecord;
use crate::trace::{CallSpan, TraceContext};

/// One answer, seen from outside.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// What was recorded, or would have been.
    pub record: &'a DecisionRecord,
    /// What was answered: the recorded decision, unless it could not be recorded.
    pub answer: &'a Decision,
    /// The span the call was given by [`Observer::begin`].
    pub span: Option<CallSpan>,
    /// From the decoded request to the verdict.
    pub decide: Duration,
    /// From the verdict until the record was kept, or until that failed.
    pub record_for: Duration,
}

/// Is told of every answer. Called on the threads that answer: it must neither block nor fail.
pub trait Observer: Send + Sync {
    /// A call begins; `caller` is the span it was sent from. Answers the server's own span if this
    /// call is traced.
    fn begin(&self, caller: Option<TraceContext>) -> Option<CallSpan>;

    /// A call was answered.
    fn decided(&self, observation: &Observation<'_>);

    /// A call was answered with an error instead of a decision; `reason` is a stable code.
    fn refused(&self, reason: &'static str);

    /// The outcome of an allowed call was reported and recorded.
    fn reported(&self, outcome: &CallOutcome);

    /// Something became of a revision of the bundle.
    fn rolled_out(&self, rollout: &RolloutRecord);

    /// A call was decided in the shadow as well.
    fn shadowed(&self, shadow: &ShadowRecord);

    /// A call that should have been decided in the shadow was not, because too many wait.
    fn shadow_skipped(&self);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn begin(&self, _caller: Option<TraceContext>) -> Option<CallSpan> {
        None
    }

    fn decided(&self, _observation: &Observation<'_>) {}

    fn refused(&self, _reason: &'static str) {}

    fn reported(&self, _outcome: &CallOutcome) {}

    fn rolled_out(&self, _rollout: &RolloutRecord) {}

    fn shadowed(&self, _shadow: &ShadowRecord) {}

    fn shadow_skipped(&self) {}
}
