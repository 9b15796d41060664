//! Tests of how roll-outs and shadows are counted.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_core::{PolicyId, PostedRequirement, ReasonCode, Requirement};

use super::super::Metrics;
use super::super::codes::{CODES_MAX, OTHER};
use super::*;
use crate::fixtures::{ManualClock, number, rollout, shadow};

fn metrics() -> Metrics {
    Metrics::new(ManualClock::noon())
}

fn shadowed(metrics: &Metrics, kind: &str, result: &str) -> Option<f64> {
    let attributes = [("palisade.shadow.kind", kind), ("palisade.shadow.result", result)];
    number(&metrics.snapshot(), "palisade.shadow.decisions", &attributes)
}

fn rolled_out(metrics: &Metrics, attributes: &[(&str, &str)]) -> Option<f64> {
    number(&metrics.snapshot(), "palisade.rollouts", attributes)
}

#[test]
fn everything_has_a_place_of_its_own() {
    let places: BTreeSet<usize> = ShadowResult::all().map(ShadowResult::index).collect();
    assert_eq!(places.len(), 8);
    assert!(places.iter().all(|place| *place < ShadowResult::COUNT));
    let names: BTreeSet<String> = ShadowResult::all().map(ShadowResult::name).collect();
    assert_eq!(names.len(), 8);
    assert!(RolloutAction::ALL.iter().enumerate().all(|(index, action)| *action as usize == index));
    assert!(KINDS.iter().enumerate().all(|(index, kind)| *kind as usize == index));
}

#[test]
fn rollouts_are_counted_by_action_and_refused_ones_by_code() {
    let metrics = metrics();
    for action in RolloutAction::ALL {
        metrics.rolled_out(&rollout(action, ""));
    }
    metrics.rolled_out(&rollout(RolloutAction::Activated, ""));
    metrics.rolled_out(&rollout(RolloutAction::Refused, "rollback"));
    metrics.rolled_out(&rollout(RolloutAction::Refused, "tests_failed"));
    metrics.rolled_out(&rollout(RolloutAction::Refused, "tests_failed"));
    let of = |action: &str| rolled_out(&metrics, &[("palisade.rollout.action", action)]);
    assert_eq!(of("activated"), Some(2.0));
    for action in ["pinned", "rolled_back", "shadow_ended", "shadow_started", "unpinned"] {
        assert_eq!(of(action), Some(1.0), "{action}");
    }
    assert_eq!(of("refused"), None, "refused ones have a code");
    let refused = |code: &str| {
        let attributes = [("palisade.rollout.action", "refused"), ("palisade.rollout.code", code)];
        rolled_out(&metrics, &attributes)
    };
    assert_eq!((refused("rollback"), refused("tests_failed")), (Some(1.0), Some(2.0)));
    assert_eq!(refused("expired"), None);
}

#[test]
fn codes_beyond_the_limit_are_counted_together() {
    let metrics = metrics();
    for number in 0..=CODES_MAX {
        let code: &'static str = format!("code_{number}").leak();
        metrics.rolled_out(&rollout(RolloutAction::Refused, code));
    }
    let attributes = [("palisade.rollout.action", "refused"), ("palisade.rollout.code", OTHER)];
    assert_eq!(rolled_out(&metrics, &attributes), Some(1.0));
}

#[test]
fn shadows_are_counted_by_what_they_would_change() {
    let metrics = metrics();
    let outcomes = [Outcome::Allow, Outcome::Challenge, Outcome::Deny];
    for answered in outcomes {
        for instead in outcomes {
            metrics.shadowed(&shadow(ShadowKind::Revision, answered, instead));
        }
    }
    metrics.shadowed(&shadow(ShadowKind::Policies, Outcome::Allow, Outcome::Deny));
    for result in ["challenge", "deny"].map(|outcome| format!("allow_to_{outcome}")) {
        assert_eq!(shadowed(&metrics, "revision", &result), Some(1.0), "{result}");
    }
    for result in ["challenge_to_allow", "challenge_to_deny", "deny_to_allow", "deny_to_challenge"]
    {
        assert_eq!(shadowed(&metrics, "revision", result), Some(1.0), "{result}");
        assert_eq!(shadowed(&metrics, "policies", result), Some(0.0), "{result}");
    }
    assert_eq!(shadowed(&metrics, "revision", "same"), Some(3.0));
    assert_eq!(shadowed(&metrics, "revision", "reason_only"), Some(0.0));
    assert_eq!(shadowed(&metrics, "policies", "allow_to_deny"), Some(1.0));
    assert_eq!(shadowed(&metrics, "revision", "allow_to_allow"), None);
}

#[test]
fn what_differs_without_another_outcome_is_a_reason_only() {
    let metrics = metrics();
    let same = shadow(ShadowKind::Revision, Outcome::Deny, Outcome::Deny);
    let with = |change: &dyn Fn(&mut palisade_core::Verdict)| {
        let mut shadow = same.clone();
        change(Arc::make_mut(&mut shadow.shadow_verdict));
        metrics.shadowed(&shadow);
    };
    with(&|verdict| verdict.reason.sentence = "In other words.".to_owned());
    assert_eq!(shadowed(&metrics, "revision", "same"), Some(1.0), "sentences may differ");
    with(&|verdict| verdict.reason.code = ReasonCode::NoPermit);
    with(&|verdict| verdict.determining = vec![PolicyId::new("another")]);
    with(&|verdict| {
        let requirement = Requirement::Confirmation { expires: None };
        verdict.requirements = vec![PostedRequirement { requirement, policies: Vec::new() }];
    });
    assert_eq!(shadowed(&metrics, "revision", "reason_only"), Some(3.0));
    assert_eq!(shadowed(&metrics, "revision", "same"), Some(1.0));
}

#[test]
fn calls_that_no_shadow_saw_are_counted() {
    let metrics = metrics();
    let skipped = || number(&metrics.snapshot(), "palisade.shadow.skipped", &[]);
    assert_eq!(skipped(), Some(0.0));
    metrics.shadow_skipped();
    metrics.shadow_skipped();
    assert_eq!(skipped(), Some(2.0));
}
