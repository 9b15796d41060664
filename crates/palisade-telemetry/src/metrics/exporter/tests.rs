//! Tests of when snapshots are sent.

use opentelemetry_proto::tonic::metrics::v1::Metric;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::*;
use crate::fixtures::{ManualClock, Script, ended, instance, number, pass};
use crate::otlp::{SendError, SendFailure};

struct Exporting {
    metrics: Arc<Metrics>,
    sink: Arc<Script>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Exporting {
    fn start(sink: Arc<Script>) -> Self {
        let metrics = Arc::new(Metrics::new(ManualClock::noon()));
        let interval = Duration::from_secs(10);
        let exporter =
            MetricsExporter::new(Arc::clone(&metrics), Arc::clone(&sink), instance(), interval);
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(exporter.run(shutdown.clone()));
        tasks.close();
        Self { metrics, sink, shutdown, tasks }
    }

    async fn end(&self) {
        self.shutdown.cancel();
        ended(self.tasks.wait()).await;
    }

    /// How many refusals each snapshot has.
    fn refusals(&self) -> Vec<f64> {
        let reason = [(attributes::REFUSAL_REASON, "x")];
        let refusals = |metrics: &Vec<Metric>| number(metrics, "palisade.refusals", &reason);
        self.snapshots().iter().map(|metrics| refusals(metrics).unwrap_or(0.0)).collect()
    }

    fn snapshots(&self) -> Vec<Vec<Metric>> {
        let metrics = |request: Request| match request {
            Request::Metrics(mut request) => {
                let mut resource_metrics = request.resource_metrics.remove(0);
                assert_eq!(resource_metrics.resource, Some(resource(&instance())));
                resource_metrics.scope_metrics.remove(0).metrics
            }
            other => panic!("{other:?}"),
        };
        self.sink.requests().into_iter().map(metrics).collect()
    }
}

fn unreachable() -> SendError {
    SendError::Retry { after: None, source: SendFailure::Timeout }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_sent_at_every_interval_and_a_last_one_at_shutdown() {
    let exporting = Exporting::start(Script::new([]));
    pass(Duration::from_secs(5)).await;
    exporting.metrics.refused("x");
    pass(Duration::from_secs(10)).await;
    exporting.metrics.refused("x");
    exporting.end().await;
    assert_eq!(exporting.refusals(), [0.0, 1.0, 2.0]);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_lost_is_made_good_by_the_next() {
    let exporting = Exporting::start(Script::new([Err(unreachable()), Err(unreachable())]));
    exporting.metrics.refused("x");
    pass(Duration::from_secs(25)).await;
    assert_eq!(exporting.refusals(), [1.0, 1.0, 1.0], "one at each interval, none between");
    exporting.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_hangs_does_not_hold_up_shutdown() {
    let sink = Script::new([]);
    sink.gate.forget_permits(usize::MAX);
    let exporting = Exporting::start(sink);
    pass(Duration::from_secs(1)).await;
    let began = Instant::now();
    exporting.end().await;
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(exporting.sink.requests().len(), 2);
}
