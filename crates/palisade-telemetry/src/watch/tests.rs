//! Tests of which calls are traced.

use palisade_core::{CallStatus, DecisionId, EpochMillis, Outcome, RolloutAction, ShadowKind};
use std::time::Duration;

use super::*;
use crate::fixtures::{ManualClock, Seen, call_span, number, rollout, shadow};
use crate::spans;

fn watch(ratio: f64) -> (Watch, spans::SpanReceiver) {
    let metrics = Arc::new(Metrics::new(ManualClock::noon()));
    let (sender, receiver) = spans::queue(&metrics);
    (Watch::with_spans(metrics, sender, ratio), receiver)
}

fn caller(sampled: bool) -> TraceContext {
    TraceContext { sampled, ..call_span(1, 2, None).context }
}

#[test]
fn the_caller_says_whether_its_trace_is_kept() {
    for ratio in [0.0, 1.0] {
        let (watch, _receiver) = watch(ratio);
        let span = watch.begin(Some(caller(true))).unwrap();
        assert_eq!(span.context.trace, caller(true).trace);
        assert_eq!(span.parent, Some(caller(true).span));
        assert_ne!(span.context.span, caller(true).span);
        assert!(span.context.sampled);
        assert_eq!(watch.begin(Some(caller(false))), None);
    }
}

#[test]
fn without_a_caller_the_ratio_says() {
    let share = |ratio| {
        let (watch, _receiver) = watch(ratio);
        let spans: Vec<CallSpan> = (0..4000).filter_map(|_| watch.begin(None)).collect();
        assert!(spans.iter().all(|span| span.parent.is_none() && span.context.sampled));
        spans.len()
    };
    assert_eq!(share(0.0), 0);
    assert_eq!(share(1.0), 4000);
    // Ten standard deviations.
    assert!((684..=1316).contains(&share(0.25)));
    assert_eq!((share(f64::NAN), share(-1.0), share(2.0)), (0, 0, 4000));
}

#[test]
fn the_ratio_looks_at_the_end_of_the_trace_id_as_others_do() {
    // From the tests of OpenTelemetry's SDKs: bits 1 to 63 of the last eight bytes, as a number.
    let id = |last: u64| {
        let mut id = [0xff; 16];
        id[8..].copy_from_slice(&last.to_be_bytes());
        id
    };
    let half = Ratio::new(0.5);
    assert!(half.keeps(&id(0)));
    assert!(half.keeps(&id(0x7fff_ffff_ffff_ffff)));
    assert!(!half.keeps(&id(0x8000_0000_0000_0000)));
    assert!(Ratio::new(1.0).keeps(&id(u64::MAX)));
    assert!(!Ratio::new(0.0).keeps(&id(0)));
    let tenth = Ratio::new(0.1);
    assert!(tenth.keeps(&id(0x1999_9999_9999_9000)));
    assert!(!tenth.keeps(&id(0x1999_9999_9999_a000)));
}

#[test]
fn whoever_only_counts_traces_nothing() {
    let watch = Watch::new(Arc::new(Metrics::new(ManualClock::noon())));
    assert_eq!(watch.begin(Some(caller(true))), None);
    assert_eq!(watch.begin(None), None);
    watch.decided(&Seen::allow().traced(call_span(1, 2, None)).observation());
}

#[test]
fn revisions_and_shadows_are_counted() {
    let (watch, receiver) = watch(1.0);
    watch.rolled_out(&rollout(RolloutAction::RolledBack, ""));
    watch.shadowed(&shadow(ShadowKind::Policies, Outcome::Deny, Outcome::Allow));
    watch.shadow_skipped();
    let snapshot = watch.metrics.snapshot();
    let action = [("palisade.rollout.action", "rolled_back")];
    assert_eq!(number(&snapshot, "palisade.rollouts", &action), Some(1.0));
    let result =
        [("palisade.shadow.kind", "policies"), ("palisade.shadow.result", "deny_to_allow")];
    assert_eq!(number(&snapshot, "palisade.shadow.decisions", &result), Some(1.0));
    assert_eq!(number(&snapshot, "palisade.shadow.skipped", &[]), Some(1.0));
    assert_eq!(receiver.len(), 0, "none of it is a call");
}

#[test]
fn every_answer_is_counted_and_those_with_a_span_are_handed_over() {
    let (watch, receiver) = watch(1.0);
    watch.decided(&Seen::allow().observation());
    assert_eq!(receiver.len(), 0);
    watch.decided(&Seen::allow().traced(call_span(1, 2, None)).observation());
    assert_eq!(receiver.len(), 1);
    watch.refused("unauthenticated");
    watch.reported(&CallOutcome {
        time: EpochMillis::new(0),
        pep: None,
        decision: DecisionId::new(EpochMillis::new(0), [0; 10]),
        status: CallStatus::Success,
        duration: Duration::ZERO,
        error: String::new(),
        result_bytes: 0,
        result_digest: None,
        trace: None,
    });
    let snapshot = watch.metrics.snapshot();
    let allowed = [
        ("palisade.decision.outcome", "allow"),
        ("palisade.decision.reason", "permitted"),
        ("palisade.decision.dry_run", "false"),
        ("palisade.tool.tier", "1"),
    ];
    assert_eq!(number(&snapshot, "palisade.decisions", &allowed), Some(2.0));
    let reports = number(&snapshot, "palisade.outcomes", &[("palisade.call.status", "success")]);
    assert_eq!(reports, Some(1.0));
    let reason = [("palisade.refusal.reason", "unauthenticated")];
    assert_eq!(number(&snapshot, "palisade.refusals", &reason), Some(1.0));
}
