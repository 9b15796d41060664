//! What the tests of this crate share: answers to observe, a clock to set and a collector that
//! follows a script.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use palisade_core::{
    Actor, ActorChain, ArgumentsRecord, BundleName, CallSpan, Clock, Decision, DecisionId,
    DecisionRecord, DigestKey, Effect, Environment, EpochMillis, Obligations, Observation, Outcome,
    PolicyId, PostedRequirement, Reason, ReasonCode, RecordedLatency, RequestId, Requirement,
    ResourceName, Revision, RolloutAction, RolloutRecord, Sha256Digest, ShadowKind, ShadowRecord,
    SpanId, Tier, TraceContext, TraceId, Verdict,
};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::otlp::{Accepted, Request, SendError, Sink};
use crate::project::Instance;

/// 2026-01-01T12:00:00Z.
pub(crate) const NOON: u64 = 1_767_268_800_000_000_000;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(crate) fn noon() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(NOON)))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> EpochMillis {
        EpochMillis::new(i64::try_from(self.unix_nanos() / 1_000_000).unwrap())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.unix_nanos())
    }

    fn unix_nanos(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Lets time pass in a test whose time is paused, so that nobody really waits.
pub(crate) async fn pass(time: Duration) {
    assert!(timeout(time, std::future::pending::<()>()).await.is_err());
}

/// What the future ends with. A test that would hang fails instead.
pub(crate) async fn ended<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("it ends")
}

/// An answer and how it came about.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) record: DecisionRecord,
    pub(crate) answer: Decision,
    pub(crate) span: Option<CallSpan>,
    pub(crate) decide: Duration,
    pub(crate) record_for: Duration,
}

impl Seen {
    /// A call of a tool of tier 1: 30 µs to decide, 2 ms to record, no trace.
    pub(crate) fn new(outcome: Outcome, reason: ReasonCode) -> Self {
        let answer = decision(outcome, reason);
        let record = record(answer.clone());
        let (decide, record_for) = (Duration::from_micros(30), Duration::from_millis(2));
        Self { record, answer, span: None, decide, record_for }
    }

    pub(crate) fn allow() -> Self {
        Self::new(Outcome::Allow, ReasonCode::Permitted)
    }

    /// A challenge that asks for these.
    pub(crate) fn challenge(requirements: Vec<Requirement>) -> Self {
        let mut seen = Self::new(Outcome::Challenge, ReasonCode::RequirementsUnmet);
        let verdict = Arc::make_mut(&mut seen.answer.verdict);
        let posted = |requirement| PostedRequirement { requirement, policies: Vec::new() };
        verdict.requirements = requirements.into_iter().map(posted).collect();
        seen
    }

    pub(crate) fn traced(mut self, span: CallSpan) -> Self {
        self.span = Some(span);
        self.record.trace = Some(span.context);
        self
    }

    pub(crate) fn observation(&self) -> Observation<'_> {
        Observation {
            record: &self.record,
            answer: &self.answer,
            span: self.span,
            decide: self.decide,
            record_for: self.record_for,
        }
    }
}

/// A span that is kept; its ids are made of these bytes.
pub(crate) fn call_span(trace: u8, span: u8, parent: Option<u8>) -> CallSpan {
    let id = |byte| SpanId::new([byte; 8]).unwrap();
    let trace = TraceId::new([trace; 16]).unwrap();
    let context = TraceContext { trace, span: id(span), sampled: true };
    CallSpan { context, parent: parent.map(id) }
}

fn decision(outcome: Outcome, reason: ReasonCode) -> Decision {
    let verdict = Verdict {
        outcome,
        reason: Reason::new(reason, "Because `hunter2-in-a-sentence`."),
        determining: vec![PolicyId::new("reading"), PolicyId::new("working-hours")],
        requirements: Vec::new(),
        exceptions: Vec::new(),
    };
    let bundle = BundleName::new("support").unwrap();
    Decision {
        id: DecisionId::new(EpochMillis::new(1_767_268_800_000), [7; 10]),
        verdict: Arc::new(verdict),
        revision: Arc::new(Revision { bundle, version: 42, digest: Sha256Digest::of(b"bundle") }),
        dry_run: false,
        obligations: Obligations::default(),
        valid_for: Duration::ZERO,
        attestation_challenge: None,
    }
}

/// A record with a secret wherever a caller can put text.
fn record(decision: Decision) -> DecisionRecord {
    let actor = |text: &str| text.parse::<Actor>().unwrap();
    let chain = [actor("user:corp:hunter2-user"), actor("agent:corp:triage-bot-hunter2-agent")];
    DecisionRecord {
        time: EpochMillis::new(1_767_268_800_000),
        decision,
        request_id: RequestId::new("hunter2-request"),
        environment: Environment {
            source_address: None,
            pep_request_id: Some("hunter2-pep".to_owned()),
        },
        pep: None,
        chain: ActorChain::new(chain.into()).ok(),
        identity: None,
        authentication: None,
        attestation: None,
        tool: "crm.read_ticket".to_owned(),
        tool_digest: None,
        tier: Some(Tier::ReadOnly),
        effect: Some(Effect::Read),
        resource: Some("Ticket::\"hunter2-resource\"".into()),
        named_resource: Some(ResourceName {
            entity_type: "Ticket".to_owned(),
            id: "hunter2-named".to_owned(),
        }),
        minimum_version: 0,
        arguments_digest: DigestKey::new([0; 32]).digest(b"{}"),
        arguments: Some(ArgumentsRecord {
            json: br#"{"password":"hunter2-argument"}"#.to_vec(),
            redact: Arc::new([]),
        }),
        trace: None,
        latency: RecordedLatency::default(),
    }
}

/// A roll-out of version 42 after version 41.
pub(crate) fn rollout(action: RolloutAction, code: &'static str) -> RolloutRecord {
    let to = decision(Outcome::Allow, ReasonCode::Permitted).revision;
    let from = Revision { version: 41, ..to.as_ref().clone() };
    RolloutRecord {
        time: EpochMillis::new(1_767_268_800_000),
        action,
        from: Some(Arc::new(from)),
        to: Some(to),
        code,
        detail: String::new(),
    }
}

/// A call that was answered one way and another one in the shadow, for the same reason.
pub(crate) fn shadow(kind: ShadowKind, answered: Outcome, instead: Outcome) -> ShadowRecord {
    let answered = decision(answered, ReasonCode::PolicyForbid);
    let DecisionRecord { time, chain, tool, .. } = record(answered.clone());
    ShadowRecord {
        time,
        decision: answered.id,
        chain: chain.unwrap(),
        tool,
        tool_is_known: true,
        verdict: answered.verdict,
        kind,
        revision: answered.revision,
        shadow_verdict: decision(instead, ReasonCode::PolicyForbid).verdict,
    }
}

/// The process of the tests.
pub(crate) fn instance() -> Instance {
    Instance { version: "0.1.0".to_owned(), id: "test".to_owned() }
}

/// A collector that answers as its script says, and takes everything once that is over.
#[derive(Debug)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Result<Accepted, SendError>>>,
    requests: Mutex<Vec<Request>>,
    /// A request waits until there is a permit.
    pub(crate) gate: Semaphore,
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Result<Accepted, SendError>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            requests: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }

    /// What has come so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Sink for Script {
    async fn send(&self, request: Request) -> Result<Accepted, SendError> {
        self.requests.lock().unwrap().push(request);
        self.gate.acquire().await.unwrap().forget();
        self.answers.lock().unwrap().pop_front().unwrap_or_else(|| Ok(Accepted::default()))
    }
}

/// The value of a counter or gauge with these attributes, written as text; `None` if it is not
/// among the metrics.
pub(crate) fn number(metrics: &[Metric], name: &str, attributes: &[(&str, &str)]) -> Option<f64> {
    let metric = metrics.iter().find(|metric| metric.name == name)?;
    let points = match metric.data.as_ref()? {
        metric::Data::Sum(sum) => &sum.data_points,
        metric::Data::Gauge(gauge) => &gauge.data_points,
        other => panic!("{name} is {other:?}"),
    };
    let wanted = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut wanted: Vec<_> = attributes.iter().map(wanted).collect();
    wanted.sort();
    let point = points.iter().find(|point| texts(&point.attributes) == wanted)?;
    match point.value? {
        number_data_point::Value::AsInt(value) => Some(value as f64),
        number_data_point::Value::AsDouble(value) => Some(value),
    }
}

/// Attributes as texts, sorted.
pub(crate) fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(value) => value.to_string(),
        Value::IntValue(value) => value.to_string(),
        Value::ArrayValue(array) => {
            let values = array.values.iter().map(|value| match &value.value {
                Some(Value::StringValue(text)) => text.as_str(),
                other => panic!("{other:?}"),
            });
            values.collect::<Vec<_>>().join(",")
        }
        other => panic!("{other:?}"),
    };
    let value = |attribute: &KeyValue| Some(text(attribute.value.as_ref()?.value.as_ref()?));
    let mut texts: Vec<(String, String)> = attributes
        .iter()
        .map(|attribute| (attribute.key.clone(), value(attribute).expect("a value")))
        .collect();
    texts.sort();
    texts
}
