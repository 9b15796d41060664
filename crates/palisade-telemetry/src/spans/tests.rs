//! Tests of what spans say, and of what becomes of them when the collector is in trouble.

use std::collections::BTreeSet;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use palisade_core::{Outcome, ReasonCode, Requirement};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::attributes;
use crate::fixtures::{
    ManualClock, NOON, Script, Seen, call_span, ended, instance, number, pass, texts,
};
use crate::otlp::{Accepted, Request, SendError, SendFailure};

fn redact(text: &str) -> Cow<'_, str> {
    text.replace("hunter2", "[redacted]").into()
}

fn spans(seen: &Seen) -> [Span; SPANS_PER_CALL] {
    let span = seen.span.expect("it is traced");
    AnsweredCall::of(span, NOON, &seen.observation()).spans(&redact)
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let mut texts = texts(&span.attributes).into_iter();
    texts.find(|(key, _)| key == name).map(|(_, value)| value)
}

#[test]
fn a_call_is_a_child_of_its_caller_and_has_two_parts() {
    let [call, decide, record] = spans(&Seen::allow().traced(call_span(1, 2, Some(3))));
    assert_eq!(call.name, "palisade.v1.AuthorizationService/Authorize");
    assert_eq!(call.kind(), SpanKind::Server);
    assert_eq!(
        (call.span_id.as_slice(), call.parent_span_id.as_slice()),
        (&[2; 8][..], &[3; 8][..])
    );
    assert_eq!(call.flags, 0x301, "sampled, and the parent is known to be remote");
    assert_eq!((&*decide.name, &*record.name), ("decide", "record"));
    for part in [&decide, &record] {
        assert_eq!(part.kind(), SpanKind::Internal);
        assert_eq!(part.parent_span_id, call.span_id);
        assert_eq!(part.flags, 0x101, "sampled, and the parent is known to be local");
    }
    let ids: BTreeSet<_> = [&call, &decide, &record].map(|span| span.span_id.clone()).into();
    assert_eq!(ids.len(), 3);
    assert!([&call, &decide, &record].iter().all(|span| span.trace_id == [1; 16]));
}

#[test]
fn a_call_without_a_caller_begins_its_trace() {
    let [call, ..] = spans(&Seen::allow().traced(call_span(1, 2, None)));
    assert_eq!(call.parent_span_id, Vec::<u8>::new());
    assert_eq!(call.flags, 0x101);
}

#[test]
fn the_parts_fill_the_time_of_the_call() {
    let [call, decide, record] = spans(&Seen::allow().traced(call_span(1, 2, None)));
    let times = |span: &Span| (span.start_time_unix_nano, span.end_time_unix_nano);
    assert_eq!(times(&call), (NOON - 2_030_000, NOON));
    assert_eq!(times(&decide), (NOON - 2_030_000, NOON - 2_000_000));
    assert_eq!(times(&record), (NOON - 2_000_000, NOON));
}

#[test]
fn a_span_says_what_was_decided() {
    let [call, ..] = spans(&Seen::allow().traced(call_span(1, 2, None)));
    let digest = Seen::allow().answer.revision.digest.to_string();
    let expected = [
        ("gen_ai.agent.id", "corp:triage-bot-[redacted]-agent"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "crm.read_ticket"),
        ("palisade.decision.dry_run", "false"),
        ("palisade.decision.id", "019b796d-d600-7707-8707-070707070707"),
        ("palisade.decision.outcome", "allow"),
        ("palisade.decision.reason", "permitted"),
        ("palisade.policy.ids", "reading,working-hours"),
        ("palisade.revision.bundle", "support"),
        ("palisade.revision.digest", digest.as_str()),
        ("palisade.revision.version", "42"),
        ("palisade.tool.effect", "read"),
        ("palisade.tool.tier", "1"),
        ("rpc.method", "palisade.v1.AuthorizationService/Authorize"),
        ("rpc.response.status_code", "OK"),
        ("rpc.system.name", "grpc"),
    ];
    let expected: Vec<(String, String)> =
        expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(texts(&call.attributes), expected);
}

#[test]
fn attributes_of_spans_are_in_the_table_of_attributes() {
    let step_up = Requirement::StepUp { acr: None, max_age: None };
    let mut used = BTreeSet::new();
    for seen in [
        Seen::challenge(vec![step_up.clone(), step_up]),
        Seen::new(Outcome::Deny, ReasonCode::LogUnavailable),
    ] {
        let spans = spans(&seen.traced(call_span(1, 2, None)));
        used.extend(spans.iter().flat_map(|span| texts(&span.attributes)).map(|(name, _)| name));
    }
    let table: BTreeSet<String> = attributes::ATTRIBUTES
        .iter()
        .filter(|row| row.signals.contains(&attributes::Signal::Traces))
        .map(|row| row.name.to_owned())
        .collect();
    assert_eq!(used, table);
}

#[test]
fn nothing_that_a_caller_wrote_is_in_a_span() {
    let mut seen = Seen::allow().traced(call_span(1, 2, None));
    seen.record.tool = "hunter2.tool".to_owned();
    seen.record.tier = None;
    seen.record.effect = None;
    let spans = spans(&seen);
    let text = format!("{spans:?}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(attribute(&spans[0], "gen_ai.tool.name").is_none());
    assert!(attribute(&spans[0], "gen_ai.agent.id").unwrap().contains("[redacted]"));
}

#[test]
fn a_deny_is_no_error_but_a_lost_record_is() {
    let status = |seen: Seen| {
        let spans = spans(&seen.traced(call_span(1, 2, None)));
        spans.map(|span| span.status.map_or(0, |status| status.code))
    };
    let (ok, unset, error) =
        (StatusCode::Ok as i32, StatusCode::Unset as i32, StatusCode::Error as i32);
    assert_eq!(status(Seen::new(Outcome::Deny, ReasonCode::NoPermit)), [ok, unset, unset]);
    let lost = Seen::new(Outcome::Deny, ReasonCode::LogUnavailable);
    assert_eq!(status(lost.clone()), [error, unset, error]);
    let [call, ..] = spans(&lost.traced(call_span(1, 2, None)));
    assert_eq!(attribute(&call, "error.type").as_deref(), Some("log_unavailable"));
}

#[test]
fn a_challenge_names_each_kind_once() {
    let step_up = |acr: &str| Requirement::StepUp { acr: Some(acr.to_owned()), max_age: None };
    let seen = Seen::challenge(vec![step_up("phr"), step_up("mfa")]);
    let [call, ..] = spans(&seen.traced(call_span(1, 2, None)));
    let kinds = attribute(&call, "palisade.decision.requirements");
    assert_eq!(kinds.as_deref(), Some("step_up"));
}

#[test]
fn ids_are_not_made_twice() {
    let make = || -> Vec<[u8; 16]> { (0..1000).map(|_| *random_trace_id().as_bytes()).collect() };
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(make)).collect();
    let mut ids = BTreeSet::new();
    for thread in threads {
        ids.extend(thread.join().unwrap());
    }
    assert_eq!(ids.len(), 4000);
    let halves: BTreeSet<&[u8]> = ids.iter().flat_map(|id| id.chunks(8)).collect();
    assert_eq!(halves.len(), 8000);
    let spans: BTreeSet<_> = (0..1000).map(|_| *random_span_id().as_bytes()).collect();
    assert_eq!(spans.len(), 1000);
}

/// A running exporter and what feeds it.
struct Exporting {
    metrics: Arc<Metrics>,
    sender: SpanSender,
    sink: Arc<Script>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Exporting {
    fn start(answers: Vec<Result<Accepted, SendError>>) -> Self {
        let metrics = Arc::new(Metrics::new(ManualClock::noon()));
        let (sender, receiver) = queue(&metrics);
        let sink = Script::new(answers);
        let shutdown = CancellationToken::new();
        let exporter = SpanExporter::new(receiver, Arc::clone(&sink), instance(), Arc::new(redact));
        let task = TaskTracker::new().spawn(exporter.run(shutdown.clone()));
        Self { metrics, sender, sink, shutdown, task }
    }

    fn answer(&self, calls: usize) {
        let seen = Seen::allow().traced(call_span(1, 2, None));
        for _ in 0..calls {
            self.sender.send(seen.span.unwrap(), NOON, &seen.observation());
        }
    }

    /// Spans that were dropped and that were exported.
    fn counts(&self) -> (u64, u64) {
        let snapshot = self.metrics.snapshot();
        let count = |name| number(&snapshot, name, &[]).unwrap();
        let whole = |name| format!("{:.0}", count(name)).parse().unwrap();
        (whole("palisade.spans.dropped"), whole("palisade.spans.exported"))
    }

    /// The number of spans of each request so far.
    fn sent(&self) -> Vec<usize> {
        let spans = |request: &Request| match request {
            Request::Traces(request) => request.resource_spans[0].scope_spans[0].spans.len(),
            other => panic!("{other:?}"),
        };
        self.sink.requests().iter().map(spans).collect()
    }

    /// Ends it, and says what was sent and counted.
    async fn end(mut self) -> (Vec<usize>, (u64, u64)) {
        self.shutdown.cancel();
        ended(&mut self.task).await.unwrap();
        (self.sent(), self.counts())
    }
}

fn retry(after: Option<Duration>) -> Result<Accepted, SendError> {
    Err(SendError::Retry { after, source: SendFailure::Timeout })
}

fn refused() -> Result<Accepted, SendError> {
    let source = SendFailure::Http { status: 400, message: String::new() };
    Err(SendError::Permanent { source })
}

#[tokio::test(start_paused = true)]
async fn what_has_come_within_a_second_goes_together() {
    let exporting = Exporting::start(Vec::new());
    exporting.answer(1);
    pass(Duration::from_millis(500)).await;
    exporting.answer(1);
    pass(Duration::from_millis(600)).await;
    assert_eq!(exporting.sent(), [6]);
    assert_eq!(exporting.end().await, (vec![6], (0, 6)));
}

#[tokio::test(start_paused = true)]
async fn a_request_has_at_most_512_spans() {
    let exporting = Exporting::start(Vec::new());
    exporting.answer(400);
    let (sent, counts) = exporting.end().await;
    assert_eq!(sent, [510, 510, 180]);
    assert_eq!(counts, (0, 1200));
}

#[tokio::test(start_paused = true)]
async fn what_can_be_tried_again_is_tried_again_after_a_pause() {
    let wait = Duration::from_secs(20);
    let exporting = Exporting::start(vec![retry(None), retry(Some(wait))]);
    exporting.answer(1);
    let began = Instant::now();
    let until = |requests: usize| {
        let sink = Arc::clone(&exporting.sink);
        async move {
            while sink.requests().len() < requests {
                pass(Duration::from_millis(10)).await;
            }
            began.elapsed()
        }
    };
    let first = until(1).await;
    let second = until(2).await - first;
    assert!(second >= Duration::from_millis(500) && second < Duration::from_secs(2), "{second:?}");
    let third = until(3).await - second - first;
    assert!(third >= wait && third < wait + Duration::from_secs(1), "{third:?}");
    assert_eq!(exporting.end().await, (vec![3, 3, 3], (0, 3)));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_dropped_at_once() {
    let exporting = Exporting::start(vec![refused()]);
    exporting.answer(2);
    pass(Duration::from_secs(2)).await;
    exporting.answer(1);
    assert_eq!(exporting.end().await, (vec![6, 3], (6, 3)));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_given_up_after_a_minute_and_the_next_is_tried() {
    let exporting = Exporting::start((0..1000).map(|_| retry(None)).collect());
    exporting.answer(1);
    pass(Duration::from_secs(70)).await;
    let attempts = exporting.sent().len();
    assert!((4..=12).contains(&attempts), "{attempts}");
    assert_eq!(exporting.counts(), (3, 0));
    exporting.answer(1);
    pass(Duration::from_secs(2)).await;
    assert!(exporting.sent().len() > attempts);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_says_never_again_is_not_waited_for() {
    let exporting = Exporting::start(vec![retry(Some(Duration::from_secs(3600)))]);
    exporting.answer(1);
    pass(Duration::from_secs(2)).await;
    assert_eq!(exporting.counts(), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_collector_rejects_of_a_request_is_counted_and_not_sent_again() {
    let partly = Accepted { rejected: 2, message: "too old".to_owned() };
    let exporting = Exporting::start(vec![Ok(partly)]);
    exporting.answer(1);
    assert_eq!(exporting.end().await, (vec![3], (2, 1)));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_dropped_and_nobody_waits() {
    let exporting = Exporting::start(Vec::new());
    // Nothing else runs before this is done.
    exporting.answer(QUEUE_CALLS_MAX);
    assert_eq!(exporting.counts().0, 0);
    exporting.answer(1);
    assert_eq!(exporting.counts().0, 3);
    let (sent, counts) = exporting.end().await;
    let all = spans_of(QUEUE_CALLS_MAX);
    assert_eq!(sent.iter().sum::<usize>(), usize::try_from(all).unwrap());
    assert_eq!(counts, (3, all));
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_a_collector_that_hangs_is_left_and_the_loss_is_counted() {
    let mut exporting = Exporting::start(Vec::new());
    exporting.sink.gate.forget_permits(usize::MAX);
    exporting.answer(200);
    pass(Duration::from_secs(2)).await;
    let began = Instant::now();
    exporting.shutdown.cancel();
    ended(&mut exporting.task).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(exporting.counts(), (600, 0));
    exporting.answer(1);
    assert_eq!(exporting.counts(), (603, 0), "nobody takes it any more");
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_a_pause_ends_and_the_batch_is_tried_once_more() {
    let exporting = Exporting::start(vec![retry(Some(Duration::from_secs(50)))]);
    exporting.answer(1);
    pass(Duration::from_secs(2)).await;
    let began = Instant::now();
    assert_eq!(exporting.end().await, (vec![3, 3], (0, 3)));
    assert_eq!(began.elapsed().as_secs(), 0);
}
