//! Sends spans in batches, and gives a batch up that nobody takes for too long.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use palisade_core::ErrorChain;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{AnsweredCall, Redact, SPANS_PER_CALL, SpanReceiver, spans_of};
use crate::attributes;
use crate::otlp::{Request, SendError, Sink};
use crate::project::{Instance, resource, scope};

/// Spans of one request at most.
// LIMIT: what OpenTelemetry's own batch processors send; some 300 KB.
const BATCH_SPANS_MAX: usize = 512;

/// How long the first span of a batch waits for others.
const BATCH_WAIT: Duration = Duration::from_secs(1);

/// The first pause before a batch is tried again, doubled each time, up to the greatest.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(16);

/// How long a batch is tried. The queue fills up meanwhile, and what comes then is dropped.
// LIMIT: a collector that restarts is back within it; older spans are of little use to anybody.
const TRY_FOR: Duration = Duration::from_secs(60);

/// How long sending what is left may take at shutdown.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// Sends the spans of answered calls to a collector.
pub struct SpanExporter<S> {
    receiver: SpanReceiver,
    sink: S,
    redact: Arc<Redact>,
    instance: Instance,
}

impl<S: Sink> SpanExporter<S> {
    /// An exporter of the calls that come through `receiver`, as spans of `instance`. `redact` is
    /// asked about the only text that callers choose: the agent's name.
    pub fn new(receiver: SpanReceiver, sink: S, instance: Instance, redact: Arc<Redact>) -> Self {
        Self { receiver, sink, redact, instance }
    }

    /// Sends until `shutdown`; then what is left, for five seconds at most. What the collector
    /// refuses or does not take within a minute is dropped and counted.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut calls = Vec::with_capacity(BATCH_CALLS_MAX);
        let too_late = async {
            shutdown.cancelled().await;
            sleep(SHUTDOWN_MAX).await;
        };
        tokio::select! {
            () = self.send_all(&mut calls, &shutdown) => {}
            () = too_late => {}
        }
        let mut lost = calls.len();
        self.receiver.queue.close();
        while self.receiver.queue.try_recv().is_ok() {
            lost = lost.saturating_add(1);
        }
        if lost > 0 {
            let spans = self.drop_calls(lost);
            tracing::warn!(spans, "spans are dropped: the collector did not take them in time");
        }
    }

    /// Sends everything; ends when `shutdown` came and nothing is left. What is in `calls` if it
    /// is stopped before has not been sent.
    async fn send_all(&mut self, calls: &mut Vec<AnsweredCall>, shutdown: &CancellationToken) {
        while self.collect(calls, shutdown).await {
            self.deliver(calls, shutdown).await;
            calls.clear();
        }
        self.receiver.queue.close();
        self.flush(calls).await;
    }

    /// Fills `calls` with the next batch. False at shutdown, with what has come until then.
    async fn collect(
        &mut self,
        calls: &mut Vec<AnsweredCall>,
        shutdown: &CancellationToken,
    ) -> bool {
        let queue = &mut self.receiver.queue;
        let fill = async {
            if queue.recv_many(calls, BATCH_CALLS_MAX).await == 0 {
                return false;
            }
            let more = async {
                while calls.len() < BATCH_CALLS_MAX
                    && queue.recv_many(calls, BATCH_CALLS_MAX - calls.len()).await > 0
                {
                }
            };
            // Full or not, the batch goes.
            timeout(BATCH_WAIT, more).await.unwrap_or_default();
            true
        };
        shutdown.run_until_cancelled(fill).await.unwrap_or(false)
    }

    /// Sends what is left, each batch once.
    async fn flush(&mut self, calls: &mut Vec<AnsweredCall>) {
        loop {
            let room = BATCH_CALLS_MAX.saturating_sub(calls.len());
            if room > 0 {
                self.receiver.queue.recv_many(calls, room).await;
            }
            if calls.is_empty() {
                return;
            }
            if let Err(error) = self.send(calls).await {
                self.give_up(calls, &error);
            }
            calls.clear();
        }
    }

    /// Sends a batch, again and again if need be.
    async fn deliver(&self, calls: &[AnsweredCall], shutdown: &CancellationToken) {
        let mut waited = Duration::ZERO;
        let mut pause = PAUSE_FIRST;
        loop {
            let error = match self.send(calls).await {
                Ok(()) => return,
                Err(error) => error,
            };
            let SendError::Retry { after, .. } = error else {
                return self.give_up(calls, &error);
            };
            // With jitter, lest all that lost the same collector come back at the same moment.
            let next = after.unwrap_or_else(|| pause.mul_f64(0.5 + fastrand::f64()));
            waited = waited.saturating_add(next);
            if waited > TRY_FOR {
                return self.give_up(calls, &error);
            }
            if shutdown.run_until_cancelled(sleep(next)).await.is_none() {
                // The last attempt is the next one.
                waited = TRY_FOR;
            }
            pause = PAUSE_MAX.min(pause.saturating_mul(2));
        }
    }

    async fn send(&self, calls: &[AnsweredCall]) -> Result<(), SendError> {
        let accepted = self.sink.send(self.request(calls)).await?;
        let sent = spans_of(calls.len());
        let rejected = accepted.rejected.min(sent);
        self.receiver.metrics.exported_spans(sent - rejected);
        self.receiver.metrics.dropped_spans(rejected);
        if !accepted.message.is_empty() || rejected > 0 {
            let message = accepted.message;
            tracing::warn!(rejected, message, "the collector has taken spans with a remark");
        }
        Ok(())
    }

    fn request(&self, calls: &[AnsweredCall]) -> Request {
        let redact = self.redact.as_ref();
        let spans: Vec<Span> = calls.iter().flat_map(|call| call.spans(redact)).collect();
        let schema_url = attributes::SCHEMA_URL.to_owned();
        Request::Traces(ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(resource(&self.instance)),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope(&self.instance)),
                    spans,
                    schema_url: schema_url.clone(),
                }],
                schema_url,
            }],
        })
    }

    fn give_up(&self, calls: &[AnsweredCall], error: &SendError) {
        let spans = self.drop_calls(calls.len());
        tracing::warn!(spans, error = %ErrorChain(error), "spans are dropped");
    }

    fn drop_calls(&self, calls: usize) -> u64 {
        let spans = spans_of(calls);
        self.receiver.metrics.dropped_spans(spans);
        spans
    }
}

impl<S> std::fmt::Debug for SpanExporter<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpanExporter").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

/// Calls of one request at most.
const BATCH_CALLS_MAX: usize = BATCH_SPANS_MAX / SPANS_PER_CALL;
