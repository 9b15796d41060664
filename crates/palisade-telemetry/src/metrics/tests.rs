//! Tests of what is counted and how a snapshot says it.

mod dashboards;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::exemplar;
use palisade_core::{
    ExceptionUse, Outcome, PolicyId, ReasonCode, Requirement, RolloutAction, Tier,
};

use super::*;
use crate::fixtures::{ManualClock, NOON, Seen, call_span, number, rollout, texts};

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new(ManualClock::noon()))
}

fn points<'a>(snapshot: &'a [Metric], name: &str) -> &'a [HistogramDataPoint] {
    let metric = snapshot.iter().find(|metric| metric.name == name);
    match metric.and_then(|metric| metric.data.as_ref()) {
        Some(metric::Data::Histogram(histogram)) => &histogram.data_points,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn decisions_are_counted_by_what_they_are() {
    let metrics = metrics();
    let mut dry = Seen::allow();
    dry.answer.dry_run = true;
    let mut unknown = Seen::new(Outcome::Deny, ReasonCode::UnknownTool);
    unknown.record.tier = None;
    for seen in [&Seen::allow(), &Seen::allow(), &dry, &unknown] {
        metrics.decided(&seen.observation());
    }
    let snapshot = metrics.snapshot();
    let decisions = |outcome, reason, dry_run, tier: Option<&'static str>| {
        let mut attributes = vec![
            ("palisade.decision.outcome", outcome),
            ("palisade.decision.reason", reason),
            ("palisade.decision.dry_run", dry_run),
        ];
        attributes.extend(tier.map(|tier| ("palisade.tool.tier", tier)));
        number(&snapshot, "palisade.decisions", &attributes)
    };
    assert_eq!(decisions("allow", "permitted", "false", Some("1")), Some(2.0));
    assert_eq!(decisions("allow", "permitted", "true", Some("1")), Some(1.0));
    assert_eq!(decisions("deny", "unknown_tool", "false", None), Some(1.0));
    let metric = snapshot.iter().find(|metric| metric.name == "palisade.decisions").unwrap();
    let Some(metric::Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    assert_eq!(sum.data_points.len(), 3, "only what came up");
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality(), AggregationTemporality::Cumulative);
    assert_eq!(sum.data_points[0].start_time_unix_nano, NOON);
}

#[test]
fn an_answer_that_could_not_be_recorded_counts_as_what_was_answered() {
    let metrics = metrics();
    let mut seen = Seen::allow();
    seen.answer = Seen::new(Outcome::Deny, ReasonCode::LogUnavailable).answer;
    metrics.decided(&seen.observation());
    let attributes = [
        ("palisade.decision.outcome", "deny"),
        ("palisade.decision.reason", "log_unavailable"),
        ("palisade.decision.dry_run", "false"),
        ("palisade.tool.tier", "1"),
    ];
    assert_eq!(number(&metrics.snapshot(), "palisade.decisions", &attributes), Some(1.0));
}

#[test]
fn every_combination_has_a_place_of_its_own() {
    let indexes: Vec<usize> = DecisionKey::all().map(DecisionKey::index).collect();
    assert_eq!(indexes, (0..DecisionKey::COUNT).collect::<Vec<_>>());
    assert!(ReasonCode::ALL.iter().enumerate().all(|(index, code)| *code as usize == index));
    assert!(RequirementKind::ALL.iter().enumerate().all(|(index, kind)| *kind as usize == index));
    assert!(CallStatus::ALL.iter().enumerate().all(|(index, status)| *status as usize == index));
    let shard = Shard::default();
    assert_eq!(shard.requirements.len(), RequirementKind::ALL.len());
    assert_eq!(shard.outcomes.len(), CallStatus::ALL.len());
    let last = DecisionKey {
        outcome: Outcome::Deny,
        reason: *ReasonCode::ALL.last().unwrap(),
        tier: Some(Tier::HighImpact),
        dry_run: true,
    };
    assert_eq!(last.index(), DecisionKey::COUNT - 1);
}

#[test]
fn threads_add_up() {
    let metrics = metrics();
    let seen = Seen::allow();
    // More than there are parts, so that some share one.
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| (0..500).for_each(|_| metrics.decided(&seen.observation())));
        }
    });
    let snapshot = metrics.snapshot();
    let [point] = points(&snapshot, "palisade.decision.duration") else { panic!("one outcome") };
    assert_eq!(point.count, 20_000);
    let sum = 20_000.0 * 0.002_030;
    assert!((point.sum.unwrap() - sum).abs() < 1e-6, "{:?}", point.sum);
    let attributes = [
        ("palisade.decision.outcome", "allow"),
        ("palisade.decision.reason", "permitted"),
        ("palisade.decision.dry_run", "false"),
        ("palisade.tool.tier", "1"),
    ];
    assert_eq!(number(&snapshot, "palisade.decisions", &attributes), Some(20_000.0));
}

#[test]
fn a_bound_belongs_to_its_bucket_and_what_is_over_it_to_the_next() {
    let metrics = metrics();
    for nanos in [0, 5_000, 5_001, 1_000_000_000, 1_000_000_001, u64::MAX] {
        let mut seen = Seen::allow();
        (seen.decide, seen.record_for) = (Duration::from_nanos(nanos), Duration::ZERO);
        metrics.decided(&seen.observation());
    }
    let snapshot = metrics.snapshot();
    let [point] = points(&snapshot, "palisade.decision.duration") else { panic!("one outcome") };
    assert_eq!(point.explicit_bounds.len() + 1, point.bucket_counts.len());
    assert!(point.explicit_bounds.is_sorted());
    assert_eq!(point.explicit_bounds.first(), Some(&0.000_005));
    assert_eq!(point.explicit_bounds.last(), Some(&1.0));
    assert_eq!(point.bucket_counts[..3], [2, 1, 0]);
    assert_eq!(point.bucket_counts[16..], [1, 2]);
}

#[test]
fn the_last_traced_answer_of_a_bucket_is_its_exemplar() {
    let metrics = metrics();
    let mut unsampled = call_span(9, 9, None);
    unsampled.context.sampled = false;
    for seen in [
        Seen::allow().traced(call_span(1, 1, None)),
        Seen::allow().traced(call_span(2, 2, None)),
        Seen::allow().traced(unsampled),
        Seen::allow(),
    ] {
        metrics.decided(&seen.observation());
    }
    let snapshot = metrics.snapshot();
    for name in ["palisade.decision.duration", "palisade.record.duration"] {
        let [point] = points(&snapshot, name) else { panic!("one point") };
        let [exemplar] = point.exemplars.as_slice() else { panic!("{:?}", point.exemplars) };
        assert_eq!(exemplar.trace_id, [2; 16]);
        assert_eq!(exemplar.span_id, [2; 8]);
        assert_eq!(exemplar.time_unix_nano, NOON);
        let value = if name == "palisade.record.duration" { 0.002 } else { 0.002_03 };
        assert_eq!(exemplar.value, Some(exemplar::Value::AsDouble(value)));
    }
}

#[test]
fn without_a_span_of_our_own_the_callers_is_the_exemplar() {
    let metrics = metrics();
    let mut seen = Seen::allow();
    seen.record.trace = Some(call_span(3, 4, None).context);
    metrics.decided(&seen.observation());
    let snapshot = metrics.snapshot();
    let exemplars = &points(&snapshot, "palisade.decision.duration")[0].exemplars;
    assert_eq!(exemplars[0].span_id, [4; 8]);
}

#[test]
fn a_challenge_counts_once_for_each_kind() {
    let metrics = metrics();
    let approval = |approvers: &str| Requirement::Approval {
        approvers: approvers.to_owned(),
        quorum: 1,
        expires: None,
    };
    let step_up = Requirement::StepUp { acr: None, max_age: None };
    let seen = Seen::challenge(vec![approval("finance"), approval("owners"), step_up]);
    metrics.decided(&seen.observation());
    metrics.decided(&Seen::allow().observation());
    let snapshot = metrics.snapshot();
    let challenges =
        |kind| number(&snapshot, "palisade.requirements", &[("palisade.requirement.kind", kind)]);
    assert_eq!(challenges("approval"), Some(1.0));
    assert_eq!(challenges("step_up"), Some(1.0));
    assert_eq!(challenges("confirmation"), Some(0.0));
}

#[test]
fn every_use_of_an_exception_counts() {
    let metrics = metrics();
    let uses = || number(&metrics.snapshot(), "palisade.exceptions", &[]);
    metrics.decided(&Seen::allow().observation());
    assert_eq!(uses(), Some(0.0));
    let mut seen = Seen::allow();
    let used = |id: &str| ExceptionUse {
        id: id.into(),
        policy: PolicyId::new("no-egress"),
        ticket: "SEC-1".into(),
    };
    Arc::make_mut(&mut seen.answer.verdict).exceptions = vec![used("a"), used("b")];
    metrics.decided(&seen.observation());
    metrics.decided(&seen.observation());
    assert_eq!(uses(), Some(4.0));
}

#[test]
fn refusals_are_told_apart_up_to_a_limit() {
    let metrics = metrics();
    let codes: Vec<&'static str> =
        (0..=codes::CODES_MAX).map(|n| &*format!("code_{n}").leak()).collect();
    for code in &codes {
        metrics.refused(code);
        metrics.refused(code);
    }
    let snapshot = metrics.snapshot();
    let calls =
        |reason| number(&snapshot, "palisade.refusals", &[("palisade.refusal.reason", reason)]);
    assert!(codes[..codes::CODES_MAX].iter().all(|code| calls(code) == Some(2.0)));
    assert_eq!(calls(codes[codes::CODES_MAX]), None);
    assert_eq!(calls(codes::OTHER), Some(2.0));
}

#[test]
fn reports_are_counted_by_status() {
    let metrics = metrics();
    for status in CallStatus::ALL.into_iter().chain([CallStatus::NotMade]) {
        metrics.reported(status);
    }
    let snapshot = metrics.snapshot();
    let reports =
        |status| number(&snapshot, "palisade.outcomes", &[("palisade.call.status", status)]);
    assert_eq!(reports("not_made"), Some(2.0));
    assert_eq!(reports("success"), Some(1.0));
}

#[test]
fn readings_are_taken_at_every_snapshot() {
    let metrics = metrics();
    let value = Arc::new(AtomicU64::new(7));
    let reader = Arc::clone(&value);
    metrics.register(&instruments::LOG_QUEUE, &[], move || reader.load(Ordering::Relaxed));
    metrics.register(&instruments::LOG_AVAILABLE, &[], || true);
    metrics.register(&instruments::EXPORT_LAG_TIME, &[], || None::<Duration>);
    metrics.register(&instruments::BUNDLE_AGE, &[], || Duration::from_millis(1500));
    metrics.register(&instruments::CACHE_HITS, &[(attributes::CACHE_NAME, "scopes")], || 1u64);
    metrics.register(&instruments::CACHE_HITS, &[(attributes::CACHE_NAME, "recent")], || 2u64);
    let snapshot = metrics.snapshot();
    assert_eq!(number(&snapshot, "palisade.log.queue", &[]), Some(7.0));
    assert_eq!(number(&snapshot, "palisade.log.available", &[]), Some(1.0));
    assert_eq!(number(&snapshot, "palisade.bundle.age", &[]), Some(1.5));
    assert_eq!(number(&snapshot, "palisade.export.lag.time", &[]), None);
    for (name, value) in [("scopes", 1.0), ("recent", 2.0)] {
        let hits = number(&snapshot, "palisade.cache.hits", &[("palisade.cache.name", name)]);
        assert_eq!(hits, Some(value));
    }
    let hits = snapshot.iter().filter(|metric| metric.name == "palisade.cache.hits");
    assert_eq!(hits.count(), 1, "one metric, two points");
    value.store(3, Ordering::Relaxed);
    metrics.register(&instruments::LOG_AVAILABLE, &[], || false);
    let snapshot = metrics.snapshot();
    assert_eq!(number(&snapshot, "palisade.log.queue", &[]), Some(3.0), "a level may fall");
    assert_eq!(number(&snapshot, "palisade.log.available", &[]), Some(0.0), "it was replaced");
}

#[test]
fn nothing_lags_before_anything_is_shipped() {
    let metrics = metrics();
    metrics.register_shipping(&Arc::new(crate::ship::ShipState::new()));
    let snapshot = metrics.snapshot();
    for row in instruments::ALL.iter().filter(|row| row.name.starts_with("palisade.export.")) {
        assert_eq!(number(&snapshot, row.name, &[]), Some(0.0), "{}", row.name);
    }
}

#[test]
fn a_counter_that_begins_again_goes_on() {
    let metrics = metrics();
    let value = Arc::new(AtomicU64::new(0));
    let reader = Arc::clone(&value);
    metrics.register(&instruments::CACHE_MISSES, &[], move || reader.load(Ordering::Relaxed));
    let read = |count| {
        value.store(count, Ordering::Relaxed);
        number(&metrics.snapshot(), "palisade.cache.misses", &[]).unwrap()
    };
    assert_eq!([10, 15, 2, 2, 4, 0, 1].map(read), [10.0, 15.0, 17.0, 17.0, 19.0, 19.0, 20.0]);
}

#[test]
fn a_snapshot_is_sorted_and_every_metric_of_it_is_in_the_table() {
    let metrics = metrics();
    metrics.decided(&Seen::allow().observation());
    metrics.refused("unauthenticated");
    let snapshot = metrics.snapshot();
    let names: Vec<&str> = snapshot.iter().map(|metric| metric.name.as_str()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for metric in &snapshot {
        let instrument = instruments::ALL.iter().find(|row| row.name == metric.name).unwrap();
        assert_eq!(
            (instrument.unit, instrument.description),
            (&*metric.unit, &*metric.description)
        );
    }
}

#[test]
fn the_table_of_instruments_is_sorted_and_names_are_told_apart_by_prometheus() {
    assert!(instruments::ALL.is_sorted_by_key(|instrument| instrument.name));
    let names: BTreeSet<String> = instruments::ALL.iter().map(exposition::sample_name).collect();
    assert_eq!(names.len(), instruments::ALL.len());
    for instrument in instruments::ALL {
        assert!(instrument.description.ends_with('.'), "{}", instrument.name);
        assert!(instrument.name.starts_with("palisade."), "{}", instrument.name);
    }
}

#[test]
fn attributes_of_metrics_are_in_the_table_of_attributes() {
    let metrics = metrics();
    metrics.decided(&Seen::allow().observation());
    metrics.refused("unauthenticated");
    metrics.rolled_out(&rollout(RolloutAction::Refused, "rollback"));
    let mut names = BTreeSet::new();
    for metric in metrics.snapshot() {
        let points: Vec<Vec<KeyValue>> = match metric.data.unwrap() {
            metric::Data::Sum(sum) => sum.data_points.into_iter().map(|p| p.attributes).collect(),
            metric::Data::Gauge(_) => Vec::new(),
            metric::Data::Histogram(histogram) => {
                histogram.data_points.into_iter().map(|p| p.attributes).collect()
            }
            other => panic!("{other:?}"),
        };
        names.extend(points.iter().flat_map(|point| texts(point)).map(|(name, _)| name));
    }
    let mut table: BTreeSet<String> = attributes::ATTRIBUTES
        .iter()
        .filter(|row| row.signals.contains(&attributes::Signal::Metrics))
        .map(|row| row.name.to_owned())
        .collect();
    // The binary sets this one, on readings.
    assert!(table.remove(attributes::CACHE_NAME));
    assert_eq!(names, table);
}
