//! What is counted and measured, and the snapshot of it that is exported and scraped.
//!
//! A small registry of our own: its instruments are known when it is compiled, answers are counted
//! without a lock or an allocation, and durations keep exemplars. Whoever exports, whether by OTLP
//! or as text, takes [`Metrics::snapshot`], so that all say the same.

mod codes;
mod exporter;
mod exposition;
mod histogram;
pub mod instruments;
mod key;
mod readings;
mod revisions;
mod shards;
mod shipping;

use std::array;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    metric, number_data_point,
};
use palisade_core::{CallStatus, Clock, Observation, RequirementKind, RolloutRecord, ShadowRecord};

use crate::{attributes, values};
use codes::Codes;
use histogram::{Exemplars, Totals};
use instruments::{Instrument, InstrumentKind};
use key::{DecisionKey, OUTCOMES, outcome_index};
use readings::{Attributes, Registered};
use revisions::Revisions;
use shards::{Shard, Shards, count};

pub use exporter::MetricsExporter;
pub use exposition::{Format, render};
pub use readings::Reading;

/// Everything that is counted and measured since the process began.
pub struct Metrics {
    clock: Arc<dyn Clock>,
    started_unix_nanos: u64,
    shards: Shards,
    decision_exemplars: [Exemplars; OUTCOMES.len()],
    record_exemplars: Exemplars,
    refusals: Codes,
    revisions: Revisions,
    spans_dropped: AtomicU64,
    spans_exported: AtomicU64,
    readings: Mutex<Vec<Registered>>,
}

impl Metrics {
    /// Nothing counted yet. The clock dates the start, snapshots and exemplars.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            started_unix_nanos: clock.unix_nanos(),
            clock,
            shards: Shards::new(),
            decision_exemplars: array::from_fn(|_| Exemplars::default()),
            record_exemplars: Exemplars::default(),
            refusals: Codes::default(),
            revisions: Revisions::default(),
            spans_dropped: AtomicU64::new(0),
            spans_exported: AtomicU64::new(0),
            readings: Mutex::default(),
        }
    }

    /// Counts an answer. Neither locks nor allocates; an answer that belongs to a trace which is
    /// kept also leaves an exemplar.
    pub fn decided(&self, observation: &Observation<'_>) {
        let Observation { record, answer, span, decide, record_for } = observation;
        let duration = decide.saturating_add(*record_for);
        let outcome = outcome_index(answer.verdict.outcome);
        self.shards.with_mine(|shard| {
            count(&shard.decisions, DecisionKey::of(answer, record).index());
            if let Some(cells) = shard.decision_duration.get(outcome) {
                cells.record(duration);
            }
            shard.record_duration.record(*record_for);
            let mut counted = [false; RequirementKind::ALL.len()];
            for posted in &answer.verdict.requirements {
                let kind = posted.requirement.kind() as usize;
                if let Some(counted) = counted.get_mut(kind).filter(|counted| !**counted) {
                    *counted = true;
                    count(&shard.requirements, kind);
                }
            }
            let exceptions = answer.verdict.exceptions.len();
            if exceptions > 0 {
                let uses = u64::try_from(exceptions).unwrap_or(u64::MAX);
                shard.exceptions.fetch_add(uses, Ordering::Relaxed);
            }
        });
        let context = span.map(|span| span.context).or(record.trace);
        if let Some(context) = context.filter(|context| context.sampled) {
            let now = self.clock.unix_nanos();
            if let Some(exemplars) = self.decision_exemplars.get(outcome) {
                exemplars.offer(duration, context, now);
            }
            self.record_exemplars.offer(*record_for, context, now);
        }
    }

    /// Counts a call that was answered with an error; `reason` is a stable code.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.count(reason);
    }

    /// Counts a report of what became of an allowed call.
    pub fn reported(&self, status: CallStatus) {
        self.shards.with_mine(|shard| count(&shard.outcomes, status as usize));
    }

    /// Counts what became of a revision of the bundle.
    pub fn rolled_out(&self, rollout: &RolloutRecord) {
        self.revisions.rolled_out(rollout.action, rollout.code);
    }

    /// Counts a call that was decided in the shadow as well, and whether that says the same.
    pub fn shadowed(&self, shadow: &ShadowRecord) {
        self.revisions.shadowed(shadow);
    }

    /// Counts a call that should have been decided in the shadow and was not.
    pub fn shadow_skipped(&self) {
        self.revisions.shadow_skipped();
    }

    /// Exports a value that somebody else keeps. `read` is called once per snapshot, with a lock
    /// held: it must neither wait nor come back here. What was registered before with the same
    /// instrument and attributes is replaced.
    pub fn register<R: Into<Reading>>(
        &self,
        instrument: &'static Instrument,
        attributes: &[(&'static str, &str)],
        read: impl Fn() -> R + Send + Sync + 'static,
    ) {
        let attributes: Attributes =
            attributes.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.retain(|registered| {
            registered.instrument.name != instrument.name || registered.attributes != attributes
        });
        readings.push(Registered::new(instrument, attributes, Box::new(move || read().into())));
    }

    /// Everything there is to say now, sorted by name: cumulative since the start. Of decisions,
    /// only combinations that came up.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Metric> {
        let now = self.clock.unix_nanos();
        let mut points = Points {
            started_unix_nanos: self.started_unix_nanos,
            now_unix_nanos: now,
            metrics: BTreeMap::new(),
        };
        self.collect_answers(&mut points);
        self.revisions.collect(&mut points);
        self.collect_readings(&mut points);
        points.metrics.into_values().collect()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Counts spans that were lost.
    pub(crate) fn dropped_spans(&self, spans: u64) {
        self.spans_dropped.fetch_add(spans, Ordering::Relaxed);
    }

    /// Counts spans that the collector took.
    pub(crate) fn exported_spans(&self, spans: u64) {
        self.spans_exported.fetch_add(spans, Ordering::Relaxed);
    }

    fn collect_answers(&self, points: &mut Points) {
        for key in DecisionKey::all() {
            let decisions = self.shards.sum(|shard| shard.decisions.get(key.index()));
            if decisions > 0 {
                points.count(&instruments::DECISIONS, decision_attributes(key), decisions);
            }
        }
        for (outcome, exemplars) in OUTCOMES.into_iter().zip(&self.decision_exemplars) {
            let cells = |shard: &Shard, totals: &mut Totals| {
                if let Some(cells) = shard.decision_duration.get(outcome_index(outcome)) {
                    totals.add(cells);
                }
            };
            let outcome = values::string(attributes::DECISION_OUTCOME, outcome.as_str());
            let totals = self.totals(cells);
            points.histogram(&instruments::DECISION_DURATION, vec![outcome], &totals, exemplars);
        }
        let totals = self.totals(|shard, totals| totals.add(&shard.record_duration));
        let exemplars = &self.record_exemplars;
        points.histogram(&instruments::RECORD_DURATION, Vec::new(), &totals, exemplars);
        for kind in RequirementKind::ALL {
            let challenges = self.shards.sum(|shard| shard.requirements.get(kind as usize));
            let kind = values::string(attributes::REQUIREMENT_KIND, kind.as_str());
            points.count(&instruments::REQUIREMENTS, vec![kind], challenges);
        }
        for status in CallStatus::ALL {
            let reports = self.shards.sum(|shard| shard.outcomes.get(status as usize));
            let status = values::string(attributes::CALL_STATUS, status.as_str());
            points.count(&instruments::OUTCOMES, vec![status], reports);
        }
        let exceptions = self.shards.sum(|shard| Some(&shard.exceptions));
        points.count(&instruments::EXCEPTIONS, Vec::new(), exceptions);
        for (reason, calls) in self.refusals.totals() {
            let reason = values::string(attributes::REFUSAL_REASON, reason);
            points.count(&instruments::REFUSALS, vec![reason], calls);
        }
        let dropped = self.spans_dropped.load(Ordering::Relaxed);
        points.count(&instruments::SPANS_DROPPED, Vec::new(), dropped);
        let exported = self.spans_exported.load(Ordering::Relaxed);
        points.count(&instruments::SPANS_EXPORTED, Vec::new(), exported);
    }

    fn totals(&self, add: impl Fn(&Shard, &mut Totals)) -> Totals {
        let mut totals = Totals::default();
        self.shards.iter().for_each(|shard| add(shard, &mut totals));
        totals
    }

    fn collect_readings(&self, points: &mut Points) {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        for registered in readings.iter_mut() {
            let value = match registered.read() {
                Reading::Absent => continue,
                Reading::Count(count) => number_data_point::Value::AsInt(values::saturating(count)),
                Reading::Level(level) => number_data_point::Value::AsDouble(level),
            };
            let attributes = registered.attributes.iter();
            let attributes =
                attributes.map(|(name, value)| values::string(name, value.as_str())).collect();
            points.number(registered.instrument, attributes, value);
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics")
            .field("started_unix_nanos", &self.started_unix_nanos)
            .finish_non_exhaustive()
    }
}

fn decision_attributes(key: DecisionKey) -> Vec<KeyValue> {
    let DecisionKey { outcome, reason, tier, dry_run } = key;
    let mut attributes = vec![
        values::string(attributes::DECISION_OUTCOME, outcome.as_str()),
        values::string(attributes::DECISION_REASON, reason.as_str()),
        values::bool(attributes::DECISION_DRY_RUN, dry_run),
    ];
    let tier = tier.map(|tier| values::int(attributes::TOOL_TIER, u64::from(tier.number())));
    attributes.extend(tier);
    attributes
}

/// Data points by metric.
struct Points {
    started_unix_nanos: u64,
    now_unix_nanos: u64,
    metrics: BTreeMap<&'static str, Metric>,
}

impl Points {
    fn count(&mut self, instrument: &'static Instrument, attributes: Vec<KeyValue>, count: u64) {
        let value = number_data_point::Value::AsInt(values::saturating(count));
        self.number(instrument, attributes, value);
    }

    fn number(
        &mut self,
        instrument: &'static Instrument,
        attributes: Vec<KeyValue>,
        value: number_data_point::Value,
    ) {
        let point = NumberDataPoint {
            attributes,
            start_time_unix_nano: self.started_unix_nanos,
            time_unix_nano: self.now_unix_nanos,
            value: Some(value),
            ..NumberDataPoint::default()
        };
        match &mut self.metric(instrument).data {
            Some(metric::Data::Sum(sum)) => sum.data_points.push(point),
            // A level has no beginning.
            Some(metric::Data::Gauge(gauge)) => {
                gauge.data_points.push(NumberDataPoint { start_time_unix_nano: 0, ..point });
            }
            // There is no number in a histogram.
            _ => debug_assert!(false, "{} is no number", instrument.name),
        }
    }

    fn histogram(
        &mut self,
        instrument: &'static Instrument,
        attributes: Vec<KeyValue>,
        totals: &Totals,
        exemplars: &Exemplars,
    ) {
        if totals.is_empty() {
            return;
        }
        let point = HistogramDataPoint {
            attributes,
            start_time_unix_nano: self.started_unix_nanos,
            time_unix_nano: self.now_unix_nanos,
            ..totals.data_point(exemplars)
        };
        if let Some(metric::Data::Histogram(histogram)) = &mut self.metric(instrument).data {
            histogram.data_points.push(point);
        }
    }

    fn metric(&mut self, instrument: &'static Instrument) -> &mut Metric {
        let Instrument { name, kind, unit, description } = *instrument;
        self.metrics.entry(name).or_insert_with(|| Metric {
            name: name.to_owned(),
            description: description.to_owned(),
            unit: unit.to_owned(),
            metadata: Vec::new(),
            data: Some(empty(kind)),
        })
    }
}

fn empty(kind: InstrumentKind) -> metric::Data {
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    match kind {
        InstrumentKind::Counter => metric::Data::Sum(Sum {
            data_points: Vec::new(),
            aggregation_temporality,
            is_monotonic: true,
        }),
        InstrumentKind::Gauge => metric::Data::Gauge(Gauge { data_points: Vec::new() }),
        InstrumentKind::Histogram => {
            metric::Data::Histogram(Histogram { data_points: Vec::new(), aggregation_temporality })
        }
    }
}

#[cfg(test)]
mod tests;
