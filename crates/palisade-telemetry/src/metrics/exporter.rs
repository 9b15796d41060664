//! Sends snapshots at an interval. Each says everything since the start, so one that is lost is
//! made good by the next.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use palisade_core::ErrorChain;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::Metrics;
use crate::attributes;
use crate::otlp::{Request, Sink};
use crate::project::{Instance, resource, scope};

/// How long the last snapshot may take at shutdown.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// Sends metrics to a collector.
pub struct MetricsExporter<S> {
    metrics: Arc<Metrics>,
    sink: S,
    instance: Instance,
    interval: Duration,
    /// Whether the last snapshot was taken, so that an outage is reported once.
    failing: bool,
}

impl<S: Sink> MetricsExporter<S> {
    /// An exporter that sends a snapshot of `instance` every `interval`, which is at least a second.
    pub fn new(metrics: Arc<Metrics>, sink: S, instance: Instance, interval: Duration) -> Self {
        let interval = interval.max(Duration::from_secs(1));
        Self { metrics, sink, instance, interval, failing: false }
    }

    /// Sends until `shutdown`; then once more, for five seconds at most.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            // A snapshot under way is given up at shutdown: the last one has it all.
            if shutdown.run_until_cancelled(self.send()).await.is_none() {
                break;
            }
        }
        if timeout(SHUTDOWN_MAX, self.send()).await.is_err() {
            tracing::warn!("the collector did not take the last metrics in time");
        }
    }

    async fn send(&mut self) {
        match self.sink.send(self.request()).await {
            Ok(accepted) => {
                if self.failing {
                    tracing::info!("the collector takes metrics again");
                }
                self.failing = false;
                if accepted.rejected > 0 {
                    let (points, message) = (accepted.rejected, accepted.message);
                    tracing::warn!(points, message, "the collector has rejected metrics");
                }
            }
            Err(error) => {
                if !self.failing {
                    tracing::warn!(error = %ErrorChain(&error), "the collector takes no metrics");
                }
                self.failing = true;
            }
        }
    }

    fn request(&self) -> Request {
        let schema_url = attributes::SCHEMA_URL.to_owned();
        Request::Metrics(ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(resource(&self.instance)),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(scope(&self.instance)),
                    metrics: self.metrics.snapshot(),
                    schema_url: schema_url.clone(),
                }],
                schema_url,
            }],
        })
    }
}

impl<S> std::fmt::Debug for MetricsExporter<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsExporter")
            .field("interval", &self.interval)
            .field("failing", &self.failing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
