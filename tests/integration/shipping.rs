//! The whole way of a record: decided, on disk, shipped to a collector that fails, while the
//! server is killed again and again. `LOG_TEST_KILLS` says how often.

use std::collections::BTreeSet;
use std::path::Path;

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use palisade_log::{Against, LogReader, verify};
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;
use palisade_proto::v1::record::Entry;
use palisade_tests::collector::{Collector, Fault, Speaks, attribute, log_index};
use palisade_tests::process::ServerProcess;
use palisade_tests::request::chain;
use palisade_tests::within;
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// How often the server is killed if nobody says otherwise.
const KILLS_DEFAULT: usize = 10;

fn request() -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        chain: chain(&["user:corp:alice", "agent:corp:helpdesk-bot"]),
        tool: "crm.read_ticket".to_owned(),
        arguments: br#"{"ticket_id":"T-1"}"#.to_vec(),
        ..Default::default()
    }
}

/// Asks this often over one connection, or until the server is gone; how many were answered.
async fn ask(mut client: AuthorizationServiceClient<Channel>, times: usize) -> usize {
    for asked in 0..times {
        if client.authorize(request()).await.is_err() {
            return asked;
        }
    }
    times
}

/// How many records the log has.
fn records(home: &Path) -> u64 {
    let mut reader = LogReader::new(&ServerProcess::log_directory(home), 0);
    while reader.next().expect("it is read").is_some() {}
    reader.position()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_every_record_in_order_however_often_the_server_is_killed() {
    let kills = std::env::var("LOG_TEST_KILLS")
        .map_or(KILLS_DEFAULT, |kills| kills.parse().expect("`LOG_TEST_KILLS` is a number"));
    for speaks in [Speaks::Grpc, Speaks::Http] {
        let home = tempfile::tempdir().expect("a directory");
        let collector = Collector::start(speaks);
        let logs = format!("otlp.logs={}", collector.url());
        let protocol = match speaks {
            Speaks::Grpc => "otlp.protocol=grpc",
            Speaks::Http => "otlp.protocol=http",
        };
        let settings = [logs.as_str(), protocol, "log.segment_size=64KiB"];
        let mut random = fastrand::Rng::with_seed(7);
        let mut answered = 0;
        for _ in 0..kills {
            let server = ServerProcess::start(home.path(), &settings).await;
            let mut callers = JoinSet::new();
            for _ in 0..3 {
                callers.spawn(ask(server.client().await, usize::MAX));
            }
            let enough = random.usize(1..200);
            let own = ask(server.client().await, enough).await;
            assert_eq!(own, enough);
            server.kill();
            answered += own + callers.join_all().await.into_iter().sum::<usize>();
        }
        let server = ServerProcess::start(home.path(), &settings).await;
        server.terminate().await;
        let all = records(home.path());
        let received = collector
            .wait_until("every record", |received| {
                received.indices().last().is_some_and(|last| last + 1 == all)
            })
            .await;
        // Each came, and none for the first time after a later one.
        assert_eq!(received.indices(), (0..all).collect::<Vec<_>>());
        assert!(all > u64::try_from(answered).expect("few"), "{answered} answers, {all} records");
        let report = verify(&ServerProcess::log_directory(home.path()), &Against::default());
        let report = report.expect("it is read");
        assert!(report.is_sound(), "{report:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_costs_disk_and_neither_records_nor_memory() {
    let home = tempfile::tempdir().expect("a directory");
    let mut collector = Collector::start(Speaks::Grpc);
    let logs = format!("otlp.logs={}", collector.url());
    let settings = [logs.as_str(), "log.segment_size=1MiB", "log.durability=interval"];
    let server = ServerProcess::start(home.path(), &settings).await;
    collector.go_down().await;
    let mut client = server.client().await;
    let mut ask_batches = async |batches: usize| {
        for _ in 0..batches {
            // Long ids make long records.
            let environment = v1::Environment {
                pep_request_id: "gateway ".repeat(16),
                ..v1::Environment::default()
            };
            let long = v1::AuthorizeRequest {
                request_id: "call-".repeat(25),
                environment: Some(environment),
                ..request()
            };
            let batch = v1::AuthorizeBatchRequest { requests: vec![long; 256] };
            within("answers", client.authorize_batch(batch)).await.expect("answers");
        }
    };
    // Buffers and caches are as large as they will be.
    ask_batches(240).await;
    let before = server.memory();
    ask_batches(240).await;
    // Some 40 MB of records, of which none may be held; buffers and the allocator have their ways.
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 20 * 1024 * 1024, "{grown} bytes more");
    // One more, after which some come twice.
    collector.script([Fault::ResetAmidAnswer]);
    collector.resume();
    let last = 480 * 256;
    let is_last = |record: &LogRecord| log_index(record).is_some_and(|index| index >= last);
    let received = collector
        .wait_until("every record", |received| received.logs.last().is_some_and(is_last))
        .await;
    let indices = received.indices();
    assert!(indices.is_sorted());
    assert_eq!(indices.len(), indices.iter().collect::<BTreeSet<_>>().len());
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_and_outcomes_are_shipped_like_decisions() {
    let home = tempfile::tempdir().expect("a directory");
    let collector = Collector::start(Speaks::Grpc);
    let logs = format!("otlp.logs={}", collector.url());
    let server = ServerProcess::start(home.path(), &[&logs]).await;
    let mut client = server.client().await;
    let decision = client.authorize(request()).await.expect("an answer").into_inner();
    let report = v1::ReportOutcomeRequest {
        decision_id: decision.decision_id.clone(),
        status: v1::CallStatus::Failure.into(),
        error: "timeout".to_owned(),
        result_bytes: 7,
        ..Default::default()
    };
    client.report_outcome(report).await.expect("it is recorded");
    server.terminate().await;
    let received = collector.wait_until("the last record", |it| it.indices().len() == 5).await;
    let names: Vec<_> = received.logs.iter().map(|record| record.event_name.as_str()).collect();
    assert_eq!(
        names,
        [
            "palisade.opened",
            "palisade.rollout",
            "palisade.decision",
            "palisade.outcome",
            "palisade.checkpoint",
        ]
    );
    for record in &received.logs[2..4] {
        let id = attribute(&record.attributes, "palisade.decision.id").expect("an id");
        assert!(format!("{id:?}").contains(&decision.decision_id), "{id:?}");
    }
    // What was shipped last holds the log down to its first byte.
    let mut reader = LogReader::new(&ServerProcess::log_directory(home.path()), 4);
    let last = reader.next().expect("it is read").expect("it is there").decode();
    let Some(Entry::Checkpoint(checkpoint)) = last.expect("a record").entry else {
        panic!("the log was closed")
    };
    let shipped = format!("{:?}", received.logs[4]);
    let root = checkpoint.note.lines().nth(2).expect("a root");
    assert!(shipped.contains(root), "{shipped}");
}
