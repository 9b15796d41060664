//! Shipping and exporting to a collector that fails in every way it can.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use palisade_core::SystemClock;
use palisade_proto::v1::record::Entry;
use palisade_proto::v1::{GapEntry, Record};
use palisade_telemetry::otlp::{
    Accepted, Client, ClientIdentity, ClientTls, Endpoint, Protocol, Request, SendError,
    SendFailure,
};
use palisade_telemetry::project::{Format, Instance, Projection};
use palisade_telemetry::ship::{ShipOptions, ShipState, Source, SourceError, Stored, ship};
use palisade_tests::collector::{Collector, Fault, Speaks, server_tls};
use palisade_tests::tls::Authority;
use palisade_tests::within;
use prost::Message as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use url::Url;

const BOTH: [Speaks; 2] = [Speaks::Grpc, Speaks::Http];

fn endpoint(collector: &Collector, speaks: Speaks) -> Endpoint {
    Endpoint {
        url: Url::parse(&collector.url()).unwrap(),
        protocol: match speaks {
            Speaks::Grpc => Protocol::Grpc,
            Speaks::Http => Protocol::HttpProtobuf,
        },
        headers: vec![("x-tenant".parse().unwrap(), "blue".parse().unwrap())],
        tls: ClientTls::default(),
        timeout: Duration::from_secs(10),
    }
}

fn client(endpoint: &Endpoint) -> Client {
    Client::new(endpoint, Arc::new(SystemClock::new())).unwrap()
}

fn logs() -> Request {
    Request::Logs(ExportLogsServiceRequest::default())
}

/// A log in memory that grows. Copies share it.
#[derive(Clone)]
struct Growing(Arc<Inner>);

struct Inner {
    records: watch::Sender<Vec<Vec<u8>>>,
    cursor: watch::Sender<u64>,
    largest_read: Mutex<usize>,
}

impl Growing {
    fn new(records: u64) -> Self {
        let growing = Self(Arc::new(Inner {
            records: watch::Sender::new(Vec::new()),
            cursor: watch::Sender::new(0),
            largest_read: Mutex::new(0),
        }));
        growing.append(records);
        growing
    }

    fn append(&self, more: u64) {
        self.0.records.send_modify(|records| {
            let begin = u64::try_from(records.len()).unwrap();
            records.extend((begin..begin + more).map(|index| {
                let entry = Some(Entry::Gap(GapEntry::default()));
                Record { index, time_unix_ms: 1_790_000_000_000, entry }.encode_to_vec()
            }));
        });
    }

    fn len(&self) -> u64 {
        self.0.records.borrow().len().try_into().unwrap()
    }
}

impl Source for Growing {
    fn beyond(&mut self, from: u64) -> impl Future<Output = u64> + Send {
        let mut records = self.0.records.subscribe();
        async move {
            let from = usize::try_from(from).unwrap();
            let records = records.wait_for(|records| records.len() > from).await.unwrap();
            u64::try_from(records.len()).unwrap()
        }
    }

    fn read(&mut self, from: u64, max_bytes: usize) -> Result<Vec<Stored>, SourceError> {
        let records = self.0.records.borrow();
        let mut bytes = 0;
        let mut read = Vec::new();
        for (index, record) in (0..).zip(&*records).skip(from.try_into().unwrap()) {
            bytes += record.len();
            if bytes > max_bytes && !read.is_empty() {
                break;
            }
            read.push(Stored { index, bytes: record.clone() });
        }
        let mut largest = self.0.largest_read.lock().unwrap();
        *largest = bytes.max(*largest);
        Ok(read)
    }

    fn cursor(&self) -> u64 {
        *self.0.cursor.borrow()
    }

    fn advance(&mut self, next: u64) -> Result<(), SourceError> {
        self.0.cursor.send_replace(next);
        Ok(())
    }
}

/// Small batches and short waits.
fn options() -> ShipOptions {
    ShipOptions {
        batch_records_max: 8,
        backoff_first: Duration::from_millis(5),
        backoff_max: Duration::from_millis(40),
        ..ShipOptions::default()
    }
}

async fn start(source: Growing, client: Client, state: &Arc<ShipState>) {
    let instance = Instance { version: "1.2.3".to_owned(), id: "test".to_owned() };
    let projection = Projection::new(Format::Native, instance);
    let clock = Arc::new(SystemClock::new());
    let token = CancellationToken::new();
    ship(source, client, projection, options(), Arc::clone(state), clock, token).await;
}

/// Ships while `meanwhile` runs.
async fn shipping<T>(source: &Growing, client: Client, meanwhile: impl Future<Output = T>) -> T {
    let state = Arc::new(ShipState::new());
    tokio::select! {
        () = start(source.clone(), client, &state) => panic!("shipping ended"),
        result = meanwhile => result,
    }
}

/// Waits until everything is shipped.
async fn all(source: &Growing) {
    let end = source.len();
    let mut cursor = source.0.cursor.subscribe();
    within("all to be shipped", cursor.wait_for(|cursor| *cursor >= end)).await.unwrap();
}

fn in_order(received: &[u64], end: u64) {
    assert!(received.iter().copied().eq(0..end), "{received:?}");
}

#[tokio::test]
async fn nothing_is_lost_whatever_the_collector_answers() {
    for speaks in BOTH {
        let collector = Collector::start(speaks);
        let source = Growing::new(60);
        let short = Some(Duration::from_millis(20));
        let mut faults = vec![
            Fault::Exhausted(short),
            Fault::Exhausted(None),
            Fault::ResetBefore,
            Fault::ResetAmidAnswer,
            Fault::Unavailable(None),
            Fault::Unavailable(short),
            Fault::Http(500, None),
            Fault::Http(502, None),
            Fault::Http(503, Some("nonsense".to_owned())),
            Fault::Http(401, None),
            Fault::Http(302, None),
            Fault::Status(Code::Unauthenticated),
            Fault::Status(Code::Unimplemented),
            Fault::Status(Code::Internal),
            Fault::Status(Code::OutOfRange),
        ];
        faults.extend(faults.clone().into_iter().rev());
        // `Retry-After` has whole seconds: without one the test need not wait.
        faults.retain(|fault| speaks == Speaks::Grpc || *fault != Fault::Exhausted(short));
        collector.script(faults);
        shipping(&source, client(&endpoint(&collector, speaks)), all(&source)).await;
        assert_eq!(collector.faults_left(), 0, "{speaks:?}");
        in_order(&collector.received().indices(), 60);
    }
}

#[tokio::test]
async fn an_outage_costs_nothing_but_time() {
    for speaks in BOTH {
        let mut collector = Collector::start(speaks);
        let source = Growing::new(20);
        let client = client(&endpoint(&collector, speaks));
        shipping(&source, client, async {
            all(&source).await;
            collector.go_down().await;
            for _ in 0..20 {
                source.append(50);
                tokio::task::yield_now().await;
            }
            collector.resume();
            all(&source).await;
        })
        .await;
        in_order(&collector.received().indices(), 1020);
        assert!(*source.0.largest_read.lock().unwrap() <= 1024 * 1024);
    }
}

#[tokio::test]
async fn connections_refused_from_the_start_are_tried_again() {
    for speaks in BOTH {
        let mut collector = Collector::start(speaks);
        collector.go_down().await;
        let source = Growing::new(5);
        let client = client(&endpoint(&collector, speaks));
        let error = within("an answer", client.send(logs())).await.unwrap_err();
        let is_connection =
            matches!(error, SendError::Retry { source: SendFailure::Connection { .. }, .. });
        assert!(is_connection, "{speaks:?} {error:?}");
        shipping(&source, client, async {
            collector.resume();
            all(&source).await;
        })
        .await;
        in_order(&collector.received().indices(), 5);
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_is_given_up_on_and_tried_again() {
    for speaks in BOTH {
        let collector = Collector::start(speaks);
        collector.script([Fault::Hold, Fault::Hold]);
        let source = Growing::new(20);
        let mut endpoint = endpoint(&collector, speaks);
        endpoint.timeout = Duration::from_millis(100);
        shipping(&source, client(&endpoint), all(&source)).await;
        in_order(&collector.received().indices(), 20);
        assert!(collector.received().requests >= 4);
        collector.release();
    }
}

#[tokio::test]
async fn a_dead_connection_is_left() {
    for speaks in BOTH {
        let collector = Collector::start(speaks);
        collector.script([Fault::Freeze]);
        let source = Growing::new(20);
        let mut endpoint = endpoint(&collector, speaks);
        endpoint.timeout = Duration::from_millis(100);
        shipping(&source, client(&endpoint), all(&source)).await;
        in_order(&collector.received().indices(), 20);
        assert_eq!(collector.received().connections, 2);
    }
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    for speaks in BOTH {
        let collector = Collector::start(speaks);
        collector.script([Fault::Hold]);
        let client = client(&endpoint(&collector, speaks));
        let (sent, ()) = tokio::join!(within("an answer", client.send(logs())), async {
            collector.wait_until("a request", |received| received.requests == 1).await;
            collector.release();
        });
        assert_eq!(sent.unwrap(), Accepted::default());
    }
}

#[tokio::test]
async fn a_wait_that_the_collector_asks_for_is_kept() {
    let asked = Duration::from_millis(300);
    let collector = Collector::start(Speaks::Grpc);
    collector.script([Fault::Exhausted(Some(asked))]);
    let source = Growing::new(1);
    shipping(&source, client(&endpoint(&collector, Speaks::Grpc)), all(&source)).await;
    let times = collector.received().times;
    assert!(times[1] - times[0] >= asked, "{times:?}");

    let collector = Collector::start(Speaks::Http);
    collector.script([Fault::Unavailable(Some(Duration::from_secs(1)))]);
    let source = Growing::new(1);
    shipping(&source, client(&endpoint(&collector, Speaks::Http)), all(&source)).await;
    let times = collector.received().times;
    assert!(times[1] - times[0] >= Duration::from_secs(1), "{times:?}");
}

#[tokio::test]
async fn records_that_the_collector_refuses_do_not_hold_up_the_others() {
    for speaks in BOTH {
        let collector = Collector::start(speaks);
        collector.spoil([3, 4, 39]);
        let source = Growing::new(40);
        let state = Arc::new(ShipState::new());
        tokio::select! {
            () = start(source.clone(), client(&endpoint(&collector, speaks)), &state) => {}
            () = all(&source) => {}
        }
        let expected: Vec<u64> = (0..40).filter(|index| ![3, 4, 39].contains(index)).collect();
        let received = collector.received();
        assert_eq!(received.indices(), expected);
        let named = received.logs.iter().filter(|log| log.event_name == "palisade.refused");
        assert_eq!(named.count(), 3);
        let state = state.now();
        assert_eq!((state.skipped, state.shipped, state.cursor), (3, 37, 40));
    }
}

#[tokio::test]
async fn what_the_collector_throws_away_is_not_sent_again() {
    for speaks in BOTH {
        let collector = Collector::start(speaks);
        collector.script([Fault::Partial(2)]);
        let source = Growing::new(5);
        let state = Arc::new(ShipState::new());
        tokio::select! {
            () = start(source.clone(), client(&endpoint(&collector, speaks)), &state) => {}
            () = all(&source) => {}
        }
        assert_eq!((state.now().rejected, state.now().shipped), (2, 3));
        assert_eq!(collector.received().requests, 1);
    }
}

#[tokio::test]
async fn all_three_signals_arrive_with_their_headers() {
    for speaks in BOTH {
        let collector = Collector::start(speaks);
        let client = client(&endpoint(&collector, speaks));
        let metric = Metric { name: "palisade_decisions_total".to_owned(), ..Metric::default() };
        let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
        let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
        let metrics = ExportMetricsServiceRequest { resource_metrics: vec![resource] };
        let span = Span { name: "palisade.authorize".to_owned(), ..Span::default() };
        let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        let traces = ExportTraceServiceRequest { resource_spans: vec![resource] };
        collector.script([Fault::Partial(1), Fault::Partial(1)]);
        for (request, rejected) in
            [(Request::Metrics(metrics), 1), (Request::Traces(traces), 1), (logs(), 0)]
        {
            let accepted = within("an answer", client.send(request)).await.unwrap();
            assert_eq!(accepted.rejected, rejected);
        }
        let received = collector.received();
        assert_eq!(received.metrics[0].name, "palisade_decisions_total");
        assert_eq!(received.spans[0].name, "palisade.authorize");
        assert_eq!(received.paths.len(), 3);
        let header = |name: &str| {
            let found = received.headers.iter().find(|(header, _)| header == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        assert_eq!(header("x-tenant"), "blue");
        assert!(header("user-agent").starts_with("palisade/"), "{:?}", received.headers);
    }
}

#[tokio::test]
async fn tls_proves_both_sides() {
    for speaks in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let read = |path: std::path::PathBuf| std::fs::read(path).unwrap();
        let authority = Authority::new();
        let ca = read(authority.write(directory.path()));
        let server = authority.issue().write(directory.path());
        let tls = server_tls(&read(server.certificate), &read(server.key), Some(&ca));
        let collector = Collector::start_with(speaks, Some(tls));
        let ours = authority.issue().write(directory.path());
        let identity = ClientIdentity { certificate: read(ours.certificate), key: read(ours.key) };

        let mut endpoint = endpoint(&collector, speaks);
        endpoint.tls =
            ClientTls { authorities: Some(ca.clone()), identity: Some(identity.clone()) };
        within("an answer", client(&endpoint).send(logs())).await.unwrap();

        let stranger = read(Authority::new().write(directory.path()));
        for tls in [
            ClientTls { authorities: Some(ca.clone()), identity: None },
            ClientTls { authorities: Some(stranger), identity: Some(identity.clone()) },
            ClientTls { authorities: None, identity: Some(identity) },
        ] {
            endpoint.tls = tls;
            let error = within("an answer", client(&endpoint).send(logs())).await.unwrap_err();
            assert!(matches!(error, SendError::Retry { .. }), "{error:?}");
        }
        assert_eq!(collector.received().requests, 1);
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    for speaks in BOTH {
        let collector = Collector::start(speaks);
        let client = client(&endpoint(&collector, speaks));
        for _ in 0..100 {
            within("an answer", client.send(logs())).await.unwrap();
        }
        assert_eq!(collector.received().connections, 1, "{speaks:?}");
    }
}
