//! Ships the decision log to a collector: every record at least once, in order, from a cursor that
//! is kept on disk.
//!
//! One batch is under way at a time, and the cursor moves only when the collector has acknowledged
//! it. Between tries nothing is held in memory: the log on disk is the queue, so a collector that
//! is down for a day costs disk and nothing else. Only a record that the collector refuses on its
//! own, while it takes others, is left behind: counted, announced, and named to the collector in an
//! event of its own.

mod aim;
mod backoff;
mod batch;
mod log_source;
mod source;
mod state;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tokio_util::sync::CancellationToken;

use palisade_core::{Clock, ErrorChain};

use self::aim::Aim;
use self::backoff::Backoff;
use self::batch::Batch;
use crate::otlp::{Accepted, Request, SendError, Sink};
use crate::project::Projection;

pub use self::log_source::LogSource;
pub use self::source::{Source, SourceError, Stored};
pub use self::state::{ShipState, Shipped};

/// How much is sent at once, and how fast tries follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShipOptions {
    /// Records of a batch. At least 1.
    pub batch_records_max: usize,
    /// Bytes of a batch, as stored and again as sent. A record larger than that goes alone.
    pub batch_bytes_max: usize,
    /// The wait after the first failure.
    pub backoff_first: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
}

impl Default for ShipOptions {
    fn default() -> Self {
        Self {
            // LIMIT: what a collector takes at once by default is 4 MiB.
            batch_records_max: 512,
            batch_bytes_max: 1024 * 1024,
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
        }
    }
}

/// The longest wait that a collector may ask for.
// LIMIT: after an hour one more try costs it nothing, whatever it said.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// Ships until `shutdown`, then returns at once; what was under way is sent again by the next run.
/// `state` is told what happens, for metrics.
pub async fn ship<S: Source, K: Sink>(
    source: S,
    sink: K,
    projection: Projection,
    options: ShipOptions,
    state: Arc<ShipState>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) {
    let shipper = Shipper {
        next: source.cursor(),
        source,
        sink,
        projection,
        options,
        aim: Aim::new(options.batch_records_max),
        backoff: Backoff::new(options.backoff_first, options.backoff_max),
        state,
        clock,
        source_failed: false,
    };
    shutdown.run_until_cancelled_owned(shipper.run()).await;
}

struct Shipper<S, K> {
    source: S,
    sink: K,
    projection: Projection,
    options: ShipOptions,
    /// The first record that was not acknowledged. Runs ahead of the source's cursor only while
    /// that cannot be kept.
    next: u64,
    aim: Aim,
    backoff: Backoff,
    state: Arc<ShipState>,
    clock: Arc<dyn Clock>,
    /// The source's failure is announced.
    source_failed: bool,
}

impl<S: Source, K: Sink> Shipper<S, K> {
    async fn run(mut self) {
        self.state.cursor.store(self.next, Relaxed);
        loop {
            let end = self.source.beyond(self.next).await;
            self.state.durable.store(end, Relaxed);
            let wait = match self.read() {
                Ok(Some(batch)) => self.send(batch).await,
                // The source said there is something and has nothing: a fault of its own.
                Ok(None) => Some(self.backoff.next()),
                Err(error) => self.source_failure(&error),
            };
            if let Some(wait) = wait {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Reads and projects the next batch; `None` if there is nothing.
    fn read(&mut self) -> Result<Option<Batch>, SourceError> {
        let stored = self.source.read(self.next, self.options.batch_bytes_max)?;
        self.source_failed = false;
        let limit = self.aim.records(self.next);
        let observed = self.clock.now();
        let bytes_max = self.options.batch_bytes_max;
        let batch = Batch::project(stored, self.next, limit, bytes_max, |record| {
            self.projection.record(record.index, &record.bytes, observed)
        });
        self.state
            .oldest_unshipped_unix_ms
            .store(batch.as_ref().map_or(0, Batch::first_unix_ms), Relaxed);
        Ok(batch)
    }

    /// Sends a batch and says how long to wait before the next try.
    async fn send(&mut self, batch: Batch) -> Option<Duration> {
        let Batch { first, log_records, first_stored } = batch;
        let count = log_records.len();
        let end = first.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        match self.export(log_records).await {
            Ok(accepted) => {
                self.acknowledged(first, end, &accepted);
                None
            }
            Err(error) if error.refuses_content() && count == 1 => {
                self.suspect(&first_stored, &error).await
            }
            Err(error) if error.refuses_content() => {
                // Bounded: each time half as many, until it is one or one is taken.
                self.aim.refused(first, count);
                self.state.splits.fetch_add(1, Relaxed);
                None
            }
            Err(error) => {
                if error.may_be_size() {
                    self.aim.shrink(count);
                }
                Some(self.failed(&error))
            }
        }
    }

    async fn export(&self, log_records: Vec<LogRecord>) -> Result<Accepted, SendError> {
        self.state.requests.fetch_add(1, Relaxed);
        self.sink.send(Request::Logs(self.projection.request(log_records))).await
    }

    fn acknowledged(&mut self, first: u64, end: u64, accepted: &Accepted) {
        let sent = end.saturating_sub(first);
        // A collector that rejects more than it was sent is not believed.
        let rejected = accepted.rejected.min(sent);
        if rejected > 0 {
            tracing::warn!(
                first,
                records = sent,
                rejected,
                message = accepted.message,
                "the collector threw records of the decision log away"
            );
        } else if !accepted.message.is_empty() {
            tracing::debug!(
                message = accepted.message,
                "the collector took records with a warning"
            );
        }
        self.state.rejected.fetch_add(rejected, Relaxed);
        self.state.shipped.fetch_add(sent - rejected, Relaxed);
        self.reachable();
        self.backoff.reset();
        self.aim.accepted(end);
        self.advance(end);
    }

    /// A record alone was refused. It is at fault if the collector takes an event that names it and
    /// then refuses it again. Otherwise the collector takes nothing from us, or takes it now.
    async fn suspect(&mut self, record: &Stored, refusal: &SendError) -> Option<Duration> {
        let Stored { index, bytes } = record;
        if let Err(error) = self.export(vec![self.refused_record(record)]).await {
            let refuses_all = error.refuses_content();
            if refuses_all {
                self.backoff.saturate();
            }
            return Some(self.failed(if refuses_all { refusal } else { &error }));
        }
        let end = index.saturating_add(1);
        let again = self.projection.record(*index, bytes, self.clock.now());
        match self.export(vec![again]).await {
            Ok(accepted) => {
                self.acknowledged(*index, end, &accepted);
                None
            }
            Err(error) if error.refuses_content() => {
                tracing::error!(
                    index,
                    error = %ErrorChain(&error),
                    "the collector refuses a record of the decision log; it is skipped"
                );
                self.state.skipped.fetch_add(1, Relaxed);
                self.reachable();
                self.aim.accepted(end);
                self.advance(end);
                // Not reset: a collector that refuses record after record gets few of them.
                Some(self.backoff.next())
            }
            Err(error) => Some(self.failed(&error)),
        }
    }

    fn refused_record(&self, record: &Stored) -> LogRecord {
        self.projection.refused(record.index, &record.bytes, self.clock.now())
    }

    /// Counts a failed try, announces the first of a row, and says how long to wait.
    fn failed(&mut self, error: &SendError) -> Duration {
        self.state.failures.fetch_add(1, Relaxed);
        self.state.last_failure_unix_ms.store(self.clock.now().as_millis(), Relaxed);
        let asked = match error {
            SendError::Retry { after, .. } => after.unwrap_or_default().min(RETRY_AFTER_MAX),
            SendError::Permanent { .. } => Duration::ZERO,
        };
        if error.refuses_sender() {
            self.backoff.saturate();
        }
        if self.state.reachable.swap(false, Relaxed) {
            tracing::warn!(
                error = %ErrorChain(error),
                next = self.next,
                "the collector does not take the decision log; it is kept and tried again"
            );
        }
        self.backoff.next().max(asked)
    }

    fn reachable(&self) {
        self.state.last_success_unix_ms.store(self.clock.now().as_millis(), Relaxed);
        if !self.state.reachable.swap(true, Relaxed) {
            tracing::info!(next = self.next, "the collector takes the decision log again");
        }
    }

    /// Moves on, also if that cannot be kept: the collector has the records, and after a crash it
    /// gets them twice.
    fn advance(&mut self, next: u64) {
        self.next = next;
        self.state.cursor.store(next, Relaxed);
        if next >= self.state.durable.load(Relaxed) {
            self.state.oldest_unshipped_unix_ms.store(0, Relaxed);
        }
        match self.source.advance(next) {
            Ok(()) => self.state.cursor_failed.store(false, Relaxed),
            Err(error) => {
                if !self.state.cursor_failed.swap(true, Relaxed) {
                    tracing::error!(
                        error = %ErrorChain(&error),
                        "how far the decision log is shipped cannot be kept"
                    );
                }
            }
        }
    }

    fn source_failure(&mut self, error: &SourceError) -> Option<Duration> {
        match error {
            SourceError::Gone { first } if *first > self.next => {
                let lost = first - self.next;
                tracing::error!(
                    next = self.next,
                    first,
                    records = lost,
                    "records of the decision log were deleted before they could be shipped"
                );
                self.state.gone.fetch_add(lost, Relaxed);
                self.aim.accepted(*first);
                self.advance(*first);
                None
            }
            SourceError::Gone { .. } | SourceError::Io(_) => {
                if !self.source_failed {
                    self.source_failed = true;
                    tracing::error!(
                        error = %ErrorChain(error),
                        next = self.next,
                        "the decision log cannot be read for shipping"
                    );
                }
                self.state.source_failures.fetch_add(1, Relaxed);
                Some(self.backoff.next())
            }
        }
    }
}

#[cfg(test)]
mod tests;
