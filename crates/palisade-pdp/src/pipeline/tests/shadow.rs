//! Calls are decided in the shadow as well, and no answer notices.

use std::sync::atomic::AtomicU64;

use palisade_core::{CallOutcome, CallSpan, Observation, RolloutRecord, ShadowKind, ShadowRecord};

use super::*;
use crate::{Shadow, ShadowQueue, ShadowSnapshot};

const READERS: &str = r#"
@id("read") permit (principal, action in Action::"read", resource);
"#;

const NOBODY: &str = r#"
@id("read") permit (principal, action in Action::"read", resource);
@id("stop") @reason("not today") forbid (principal, action, resource);
"#;

#[derive(Default)]
struct Skipped(AtomicU64);

impl Observer for Skipped {
    fn begin(&self, _: Option<TraceContext>) -> Option<CallSpan> {
        None
    }
    fn decided(&self, _: &Observation<'_>) {}
    fn refused(&self, _: &'static str) {}
    fn reported(&self, _: &CallOutcome) {}
    fn rolled_out(&self, _: &RolloutRecord) {}
    fn shadowed(&self, _: &ShadowRecord) {}
    fn shadow_skipped(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A decision point at revision 1, and what takes from it.
fn shadowed(observer: Arc<dyn Observer>) -> (Pdp, ShadowQueue) {
    let (shadow, queue) = Shadow::new(1.0);
    let parts = empty_pdp(&Arc::default()).parts;
    let pdp = Pdp::new(PdpParts { shadow, observer, ..parts });
    pdp.parts.snapshots.publish(snapshot_with(1, READERS));
    (pdp, queue)
}

fn decided(pdp: &Pdp, call: &ToolCall) -> Decision {
    authorize(pdp, call).unwrap()
}

fn shadow_of(kind: ShadowKind, version: u64, policies: &str) -> ShadowSnapshot {
    ShadowSnapshot { kind, snapshot: snapshot_with(version, policies) }
}

fn next(queue: &ShadowQueue) -> Option<Vec<ShadowRecord>> {
    queue.next(Duration::ZERO)
}

#[test]
fn without_a_shadow_nothing_is_handed_over() {
    let (pdp, queue) = shadowed(Arc::new(Unobserved));
    decided(&pdp, &call_by("alice", "crm.read_ticket"));
    assert_eq!(next(&queue), None);
}

#[test]
fn another_revision_decides_the_same_call_at_the_same_instant() {
    let (pdp, queue) = shadowed(Arc::new(Unobserved));
    pdp.parts.shadow.set(vec![shadow_of(ShadowKind::Revision, 2, NOBODY)]);
    let decision = decided(&pdp, &call_by("alice", "crm.read_ticket"));
    let [record] = <[_; 1]>::try_from(next(&queue).expect("handed over")).expect("one shadow");
    assert_eq!(decision.verdict.outcome, Outcome::Allow, "the answer is that of what is in force");
    assert_eq!(record.decision, decision.id);
    assert_eq!(record.verdict, decision.verdict);
    assert_eq!(record.revision.version, 2);
    assert_eq!(record.shadow_verdict.outcome, Outcome::Deny);
    assert_eq!(record.shadow_verdict.reason.sentence, "not today");
    assert_eq!(record.tool, "crm.read_ticket");
    assert!(record.tool_is_known);
    assert!(!record.agrees());
}

#[test]
fn the_same_answer_for_the_same_reason_agrees() {
    let (pdp, queue) = shadowed(Arc::new(Unobserved));
    pdp.parts.shadow.set(vec![shadow_of(ShadowKind::Revision, 2, READERS)]);
    decided(&pdp, &call_by("alice", "crm.read_ticket"));
    assert!(next(&queue).expect("handed over")[0].agrees());
    decided(&pdp, &call_by("alice", "crm.unheard_of"));
    let record = &next(&queue).expect("handed over")[0];
    assert!(record.agrees() && !record.tool_is_known);
}

#[test]
fn a_shadow_is_only_compared_with_what_it_is_beside() {
    let (pdp, queue) = shadowed(Arc::new(Unobserved));
    let beside = [
        (ShadowKind::Policies, 1, 1),
        (ShadowKind::Policies, 2, 0),
        (ShadowKind::Revision, 1, 0),
        (ShadowKind::Revision, 2, 1),
    ];
    for (kind, version, compared) in beside {
        pdp.parts.shadow.set(vec![shadow_of(kind, version, READERS)]);
        decided(&pdp, &call_by("alice", "crm.read_ticket"));
        assert_eq!(next(&queue).expect("handed over").len(), compared, "{kind:?} {version}");
    }
}

#[test]
fn what_does_not_fit_into_the_queue_is_counted_and_the_answer_stands() {
    let skipped = Arc::new(Skipped::default());
    let observer: Arc<dyn Observer> = Arc::<Skipped>::clone(&skipped);
    let (pdp, queue) = shadowed(observer);
    pdp.parts.shadow.set(vec![shadow_of(ShadowKind::Revision, 2, READERS)]);
    for _ in 0..1024 + 3 {
        let decision = decided(&pdp, &call_by("alice", "crm.read_ticket"));
        assert_eq!(decision.verdict.outcome, Outcome::Allow);
    }
    assert_eq!(skipped.0.load(Ordering::Relaxed), 3);
    let taken = std::iter::from_fn(|| next(&queue)).count();
    assert_eq!(taken, 1024);
}

#[test]
fn large_arguments_cannot_fill_the_memory() {
    let skipped = Arc::new(Skipped::default());
    let observer: Arc<dyn Observer> = Arc::<Skipped>::clone(&skipped);
    let (pdp, queue) = shadowed(observer);
    pdp.parts.shadow.set(vec![shadow_of(ShadowKind::Revision, 2, READERS)]);
    let mut large = call_by("alice", "crm.read_ticket");
    large.arguments = vec![b' '; 1024 * 1024];
    for _ in 0..17 {
        decided(&pdp, &large);
    }
    assert_eq!(skipped.0.load(Ordering::Relaxed), 1, "16 MiB wait at most");
    assert!(next(&queue).is_some(), "one is taken");
    decided(&pdp, &large);
    assert_eq!(skipped.0.load(Ordering::Relaxed), 1, "and there is room again");
}
