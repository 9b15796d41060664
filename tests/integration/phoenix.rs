//! Our spans, as an OTLP receiver that is not ours has understood them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use palisade_core::{
    Actor, ActorChain, BundleName, Clock as _, Decision, DecisionId, DecisionRecord, DigestKey,
    Effect, Environment, Obligations, Observation, Observer as _, Outcome, PolicyId, Reason,
    ReasonCode, RecordedLatency, Revision, Sha256Digest, SystemClock, Tier, TraceContext, Verdict,
};
use palisade_telemetry::Watch;
use palisade_telemetry::metrics::Metrics;
use palisade_telemetry::otlp::{Client, ClientTls, Endpoint, Protocol};
use palisade_telemetry::project::Instance;
use palisade_telemetry::spans::{self, SpanExporter};
use palisade_tests::external::installed;
use palisade_tests::phoenix::Phoenix;
use palisade_tests::within;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Lets `metrics` see a call that was answered, with a trace.
pub(crate) fn answer(metrics: &Metrics) {
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = decision(Outcome::Allow);
    let record = record(&answer, TraceContext::parse(traceparent));
    let (decide, record_for) = (Duration::from_micros(40), Duration::from_millis(3));
    metrics.decided(&Observation {
        record: &record,
        answer: &answer,
        span: None,
        decide,
        record_for,
    });
}

/// Answers a call that came with this `traceparent`, and sends its spans. The span's id.
async fn send(url: &str, protocol: Protocol, traceparent: &str, outcome: Outcome) -> String {
    let metrics = Arc::new(Metrics::new(Arc::new(SystemClock::new())));
    let (sender, receiver) = spans::queue(&metrics);
    // Of calls without a caller's trace none would be kept.
    let watch = Watch::with_spans(Arc::clone(&metrics), sender, 0.0);
    let caller = TraceContext::parse(traceparent).expect("a traceparent");
    let span = watch.begin(Some(caller)).expect("it is sampled");
    let answer = decision(outcome);
    let record = record(&answer, Some(span.context));
    let (decide, record_for) = (Duration::from_micros(40), Duration::from_millis(3));
    watch.decided(&Observation {
        record: &record,
        answer: &answer,
        span: Some(span),
        decide,
        record_for,
    });

    let endpoint = Endpoint {
        url: url.parse().expect("a URL"),
        protocol,
        headers: Vec::new(),
        tls: ClientTls::default(),
        timeout: Duration::from_secs(10),
    };
    let client = Client::new(&endpoint, Arc::new(SystemClock::new())).expect("an endpoint");
    let instance = Instance { version: "0.1.0".to_owned(), id: "phoenix-test".to_owned() };
    let exporter = SpanExporter::new(receiver, client, instance, Arc::new(redact));
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    within("the exporter", exporter.run(shutdown)).await;
    let page = palisade_telemetry::metrics::render(
        palisade_telemetry::metrics::Format::Prometheus,
        &metrics.snapshot(),
        &[],
    );
    assert!(page.contains("palisade_spans_exported_total 3\n"), "{page}");
    span.context.span.to_string()
}

fn redact(text: &str) -> Cow<'_, str> {
    text.replace("hunter2", "[redacted]").into()
}

fn decision(outcome: Outcome) -> Decision {
    let code = match outcome {
        Outcome::Allow => ReasonCode::Permitted,
        Outcome::Challenge => ReasonCode::RequirementsUnmet,
        Outcome::Deny => ReasonCode::LogUnavailable,
    };
    let verdict = Verdict {
        outcome,
        reason: Reason::new(code, "Because."),
        determining: vec![PolicyId::new("reading"), PolicyId::new("working-hours")],
        requirements: Vec::new(),
        exceptions: Vec::new(),
    };
    let bundle = BundleName::new("support").expect("a name");
    Decision {
        id: DecisionId::new(SystemClock::new().now(), [7; 10]),
        verdict: Arc::new(verdict),
        revision: Arc::new(Revision { bundle, version: 42, digest: Sha256Digest::of(b"bundle") }),
        dry_run: false,
        obligations: Obligations::default(),
        valid_for: Duration::ZERO,
        attestation_challenge: None,
    }
}

fn record(answer: &Decision, trace: Option<TraceContext>) -> DecisionRecord {
    let actor = |text: &str| text.parse::<Actor>().expect("an actor");
    let chain = vec![actor("user:corp:alice"), actor("agent:corp:triage-hunter2")];
    DecisionRecord {
        time: SystemClock::new().now(),
        decision: answer.clone(),
        request_id: None,
        environment: Environment::default(),
        pep: None,
        chain: ActorChain::new(chain).ok(),
        identity: None,
        authentication: None,
        attestation: None,
        tool: "crm.read_ticket".to_owned(),
        tool_digest: None,
        tier: Some(Tier::ReadOnly),
        effect: Some(Effect::Read),
        resource: Some("Ticket::\"hunter2\"".into()),
        named_resource: None,
        minimum_version: 0,
        arguments_digest: DigestKey::new([0; 32]).digest(b"{}"),
        arguments: None,
        trace,
        latency: RecordedLatency::default(),
    }
}

/// The attributes of a span as Phoenix gives them back: names and values.
fn attributes(span: &Value) -> BTreeMap<String, Value> {
    let attributes = span["attributes"].as_array().expect("attributes").iter();
    let name = |attribute: &Value| attribute["key"].as_str().expect("a name").to_owned();
    attributes.map(|attribute| (name(attribute), value(&attribute["value"]))).collect()
}

/// The one kind of value that is not null; a list as its values.
fn value(any: &Value) -> Value {
    let kinds = any.as_object().expect("a value");
    let kind = kinds.values().find(|kind| !kind.is_null()).expect("one kind");
    match kind.get("values").and_then(Value::as_array) {
        Some(values) => values.iter().map(value).collect(),
        None => kind.clone(),
    }
}

fn named<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let span = spans.iter().find(|span| span["name"] == name);
    span.unwrap_or_else(|| panic!("no {name} among {spans:#?}"))
}

#[tokio::test]
async fn spans_sent_over_grpc_and_over_http_are_read_back_from_phoenix() {
    let Some(program) = installed("phoenix/bin/phoenix") else { return };
    let phoenix = Phoenix::start(&program).await;
    for (trace, url, protocol) in [
        ("0af7651916cd43dd8448eb211c80319c", phoenix.grpc_url(), Protocol::Grpc),
        ("4bf92f3577b34da6a3ce929d0e0e4736", phoenix.http_url(), Protocol::HttpProtobuf),
    ] {
        let traceparent = format!("00-{trace}-b7ad6b7169203331-01");
        let own = send(&url, protocol, &traceparent, Outcome::Allow).await;
        let spans = phoenix.spans(trace, 3).await;
        assert_eq!(spans.len(), 3, "{spans:#?}");
        assert!(!json!(spans).to_string().contains("hunter2"), "{spans:#?}");

        let call = named(&spans, "palisade.v1.AuthorizationService/Authorize");
        assert_eq!(call["trace_id"], trace);
        assert_eq!(call["span_id"], own);
        assert_eq!(call["parent_span_id"], "b7ad6b7169203331");
        assert_eq!(call["status"]["code"], 1, "{call:#}");
        let said = attributes(call);
        let expected = [
            ("gen_ai.agent.id", json!("corp:triage-[redacted]")),
            ("gen_ai.operation.name", json!("execute_tool")),
            ("gen_ai.tool.name", json!("crm.read_ticket")),
            ("palisade.decision.dry_run", json!(false)),
            ("palisade.decision.outcome", json!("allow")),
            ("palisade.decision.reason", json!("permitted")),
            ("palisade.policy.ids", json!(["reading", "working-hours"])),
            ("palisade.revision.bundle", json!("support")),
            ("palisade.revision.version", json!(42)),
            ("palisade.tool.effect", json!("read")),
            ("palisade.tool.tier", json!(1)),
            ("rpc.system.name", json!("grpc")),
        ];
        for (name, value) in expected {
            assert_eq!(said.get(name), Some(&value), "{name} in {said:#?}");
        }
        assert!(said.contains_key("palisade.decision.id"), "{said:#?}");

        let nanos = |span: &Value, name: &str| span[name].as_u64().expect("nanoseconds");
        let length = |span| nanos(span, "end_time_unix_nano") - nanos(span, "start_time_unix_nano");
        for (name, micros) in [("decide", 40), ("record", 3000)] {
            let part = named(&spans, name);
            assert_eq!(part["parent_span_id"], own);
            // It keeps microseconds.
            assert!(length(part).abs_diff(micros * 1000) <= 2000, "{part:#}");
        }
        assert!(length(call).abs_diff(3_040_000) <= 2000, "{call:#}");
    }
}
