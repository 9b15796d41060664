//! Watches answers for metrics and spans.

use std::sync::Arc;

use palisade_core::{
    CallOutcome, CallSpan, Observation, Observer, RolloutRecord, ShadowRecord, TraceContext,
};

use crate::metrics::Metrics;
use crate::spans::{SpanSender, random_span_id, random_trace_id};

/// The observer of a server: counts every answer, and hands those over whose trace is kept.
#[derive(Debug)]
pub struct Watch {
    metrics: Arc<Metrics>,
    spans: Option<Spans>,
}

#[derive(Debug)]
struct Spans {
    sender: SpanSender,
    ratio: Ratio,
}

impl Watch {
    /// Counts only.
    #[must_use]
    pub const fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, spans: None }
    }

    /// Counts, and hands traced calls over. A call that comes with a trace is kept if its caller
    /// keeps it; of the others, this share is: 0 none, 1 all.
    #[must_use]
    pub fn with_spans(metrics: Arc<Metrics>, sender: SpanSender, ratio: f64) -> Self {
        Self { metrics, spans: Some(Spans { sender, ratio: Ratio::new(ratio) }) }
    }
}

impl Observer for Watch {
    fn begin(&self, caller: Option<TraceContext>) -> Option<CallSpan> {
        let Spans { sender: _, ratio } = self.spans.as_ref()?;
        let (trace, parent) = match caller {
            Some(caller) if caller.sampled => (caller.trace, Some(caller.span)),
            Some(_) => return None,
            None if ratio.is_none() => return None,
            None => {
                let trace = random_trace_id();
                if !ratio.keeps(trace.as_bytes()) {
                    return None;
                }
                (trace, None)
            }
        };
        let context = TraceContext { trace, span: random_span_id(), sampled: true };
        Some(CallSpan { context, parent })
    }

    fn decided(&self, observation: &Observation<'_>) {
        self.metrics.decided(observation);
        let span = observation.span.filter(|span| span.context.sampled);
        if let (Some(span), Some(Spans { sender, ratio: _ })) = (span, &self.spans) {
            sender.send(span, self.metrics.clock().unix_nanos(), observation);
        }
    }

    fn refused(&self, reason: &'static str) {
        self.metrics.refused(reason);
    }

    fn reported(&self, outcome: &CallOutcome) {
        self.metrics.reported(outcome.status);
    }

    fn rolled_out(&self, rollout: &RolloutRecord) {
        self.metrics.rolled_out(rollout);
    }

    fn shadowed(&self, shadow: &ShadowRecord) {
        self.metrics.shadowed(shadow);
    }

    fn shadow_skipped(&self) {
        self.metrics.shadow_skipped();
    }
}

/// The share of traces that is kept, decided by trace id as OpenTelemetry's `TraceIdRatioBased`
/// sampler does, so that servers with the same ratio keep the same traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ratio {
    /// Of the last eight bytes of the id, less the last bit: values below are kept.
    below: u64,
}

impl Ratio {
    fn new(ratio: f64) -> Self {
        // 2^63: there are that many values.
        let values = 9_223_372_036_854_775_808.0;
        // What is no number keeps nothing.
        let share = if ratio.is_nan() { 0.0 } else { ratio.clamp(0.0, 1.0) };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 0 to 2^63, and fractions do not matter"
        )]
        let below = (share * values) as u64;
        Self { below }
    }

    const fn is_none(self) -> bool {
        self.below == 0
    }

    fn keeps(self, trace: &[u8; 16]) -> bool {
        let [.., a, b, c, d, e, f, g, h] = *trace;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1 < self.below
    }
}

#[cfg(test)]
mod tests;
