//! What leaves for an observability stack: starts what ships the log, sends spans and metrics and
//! serves them, all on a thread of its own, so that nothing of it waits where decisions are made.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use palisade_core::{BundleControl, Clock, IdSource as _, Observer, RandomIds};
use palisade_log::{LogState, SegmentLog};
use palisade_pdp::Snapshots;
use palisade_redact::Scope;
use palisade_telemetry::Watch;
use palisade_telemetry::metrics::{Metrics, MetricsExporter};
use palisade_telemetry::otlp::{Client, ClientIdentity, ClientTls, Endpoint, NewClientError};
use palisade_telemetry::project::{Format, Instance, Projection};
use palisade_telemetry::scrape;
use palisade_telemetry::ship::{LogSource, ShipOptions, ShipState, ship};
use palisade_telemetry::spans::{self, SpanExporter, SpanReceiver};
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::config::{BodyFormat, ExportConfig};

mod readings;

/// How long shipping what is left of the log may take at the end.
const LAST_RECORDS_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of the file of headers.
// LIMIT: what HTTP servers take.
const HEADERS_BYTES_MAX: u64 = 16 * 1024;

/// What leaves cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartExportError {
    /// The metrics cannot be served.
    #[error("metrics cannot be served at {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// How far the log is shipped cannot be read.
    #[error("how far the log is shipped cannot be read")]
    Cursor(#[source] io::Error),
    /// A collector cannot be asked.
    #[error("`{key}` cannot be used")]
    Client {
        /// The setting.
        key: &'static str,
        /// Why.
        source: NewClientError,
    },
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of the headers is none.
    #[error("line {line} of `{}` is no header; write `name: value`", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// There is no thread.
    #[error("the thread of telemetry cannot be started")]
    Thread(#[source] io::Error),
}

/// What is exported, while the server runs.
#[derive(Debug)]
pub(crate) struct Export {
    metrics: Arc<Metrics>,
    observer: Arc<Watch>,
    shutdown: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What the thread does.
struct Work {
    logs: Option<(LogSource, Client, Projection, Arc<ShipState>)>,
    spans: Option<SpanExporter<Client>>,
    metrics: Option<MetricsExporter<Client>>,
    scrape: Option<(TcpListener, Arc<Metrics>, Instance)>,
    clock: Arc<dyn Clock>,
}

impl Export {
    /// Starts what is configured.
    ///
    /// # Errors
    /// A file, an address or a URL cannot be used. That a collector is out of reach is no error.
    pub(crate) fn start(
        config: &ExportConfig,
        directory: &Path,
        log: &Arc<SegmentLog>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartExportError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(StartExportError::Thread)?;
        // Clients belong to the runtime that they are made in.
        let entered = runtime.enter();
        let metrics = Arc::new(Metrics::new(Arc::clone(clock)));
        readings::register_log(&metrics, log);
        let instance = Instance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            id: RandomIds.decision_id(clock.now()).to_string(),
        };
        let client = |key, url: &Option<Url>| client(config, key, url.as_ref(), clock);
        let logs = match client("otlp.logs", &config.logs)? {
            Some(client) => {
                let state = Arc::new(ShipState::new());
                metrics.register_shipping(&state);
                let source = LogSource::open(directory, Arc::clone(log))
                    .map_err(StartExportError::Cursor)?;
                let format = match config.body {
                    BodyFormat::Ocsf => Format::Ocsf,
                    BodyFormat::Palisade => Format::Native,
                };
                let projection = Projection::new(format, instance.clone());
                Some((source, client, projection, state))
            }
            None => None,
        };
        let (observer, spans) = match client("otlp.traces", &config.traces)? {
            None => (Watch::new(Arc::clone(&metrics)), None),
            Some(client) => {
                let (sender, receiver) = spans::queue(&metrics);
                let watch = Watch::with_spans(Arc::clone(&metrics), sender, config.trace_ratio);
                (watch, Some(span_exporter(receiver, client, &instance)))
            }
        };
        let exporter = client("otlp.metrics", &config.metrics)?.map(|client| {
            let interval = config.metrics_interval;
            MetricsExporter::new(Arc::clone(&metrics), client, instance.clone(), interval)
        });
        let scrape = config.metrics_address.map(bind).transpose()?;
        let scrape = scrape.map(|listener| (listener, Arc::clone(&metrics), instance));
        let work = Work { logs, spans, metrics: exporter, scrape, clock: Arc::clone(clock) };
        let shutdown = CancellationToken::new();
        drop(entered);
        let thread = work.start(runtime, shutdown.clone())?;
        Ok(Self { metrics, observer: Arc::new(observer), shutdown, thread })
    }

    /// Who watches answers being given.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::<Watch>::clone(&self.observer)
    }

    /// Counts what the bundle in force remembers, and measures how its source is, too.
    pub(crate) fn watch_bundle(
        &self,
        snapshots: &Arc<Snapshots>,
        control: &Arc<dyn BundleControl>,
        clock: &Arc<dyn Clock>,
    ) {
        readings::register_bundle(&self.metrics, snapshots);
        readings::register_status(&self.metrics, control, clock);
    }
}

impl Export {
    /// Ends it: the log, which is closed by now, is shipped for a few seconds more if the collector
    /// is there; the rest is shipped after the next start.
    pub(crate) fn end(mut self) {
        self.shutdown.cancel();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of telemetry panicked");
        }
    }
}

impl Work {
    /// Starts the thread, if there is anything to do.
    fn start(
        self,
        runtime: Runtime,
        shutdown: CancellationToken,
    ) -> Result<Option<JoinHandle<()>>, StartExportError> {
        let Self { logs, spans, metrics, scrape, clock: _ } = &self;
        if logs.is_none() && spans.is_none() && metrics.is_none() && scrape.is_none() {
            return Ok(None);
        }
        let builder = thread::Builder::new().name("telemetry".to_owned());
        let thread = builder.spawn(move || runtime.block_on(self.run(shutdown)));
        Ok(Some(thread.map_err(StartExportError::Thread)?))
    }

    /// Does all of it until shutdown.
    async fn run(self, shutdown: CancellationToken) {
        let Self { logs, spans, metrics, scrape, clock } = self;
        let tasks = TaskTracker::new();
        if let Some((source, client, projection, state)) = logs {
            let log_state = source.log_state();
            let stop = CancellationToken::new();
            let last = last_records(shutdown.clone(), Arc::clone(&state), log_state, stop.clone());
            tasks.spawn(last);
            let options = ShipOptions::default();
            tasks.spawn(ship(source, client, projection, options, state, clock, stop));
        }
        if let Some(spans) = spans {
            tasks.spawn(spans.run(shutdown.clone()));
        }
        if let Some(metrics) = metrics {
            tasks.spawn(metrics.run(shutdown.clone()));
        }
        if let Some((listener, metrics, instance)) = scrape {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => {
                    tasks.spawn(scrape::serve(listener, metrics, instance, shutdown.clone()));
                }
                Err(error) => tracing::error!(%error, "metrics cannot be served"),
            }
        }
        tasks.close();
        tasks.wait().await;
    }
}

/// Cancels `stop` once everything is shipped after shutdown, or it cannot be in time.
async fn last_records(
    shutdown: CancellationToken,
    state: Arc<ShipState>,
    log: watch::Receiver<LogState>,
    stop: CancellationToken,
) {
    shutdown.cancelled().await;
    let is_behind = || {
        let shipped = state.now();
        shipped.reachable && shipped.cursor < log.borrow().records
    };
    let shipped = async {
        let mut looks = tokio::time::interval(LAST_RECORDS_LOOKED_AT);
        while is_behind() {
            looks.tick().await;
        }
    };
    if tokio::time::timeout(LAST_RECORDS_WITHIN, shipped).await.is_err() {
        tracing::info!("the rest of the decision log is shipped after the next start");
    }
    stop.cancel();
}

/// How often it is looked at whether the last records are shipped.
const LAST_RECORDS_LOOKED_AT: Duration = Duration::from_millis(20);

fn span_exporter(
    receiver: SpanReceiver,
    client: Client,
    instance: &Instance,
) -> SpanExporter<Client> {
    SpanExporter::new(receiver, client, instance.clone(), Arc::new(mask))
}

/// Agents are who spans are about, so an address that names one stays.
fn mask(name: &str) -> Cow<'_, str> {
    palisade_redact::text(name, Scope::Secrets).text
}

/// The client of a collector, if it is configured.
fn client(
    config: &ExportConfig,
    key: &'static str,
    url: Option<&Url>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Client>, StartExportError> {
    let Some(url) = url else { return Ok(None) };
    let read = |path: &PathBuf| {
        fs::read(path).map_err(|source| StartExportError::File { path: path.clone(), source })
    };
    let identity = |(certificate, key): &(PathBuf, PathBuf)| {
        Ok(ClientIdentity { certificate: read(certificate)?, key: read(key)? })
    };
    let endpoint = Endpoint {
        url: url.clone(),
        protocol: config.protocol,
        headers: config.headers_file.as_deref().map_or(Ok(Vec::new()), headers)?,
        tls: ClientTls {
            authorities: config.ca_file.as_ref().map(read).transpose()?,
            identity: config.client_identity.as_ref().map(identity).transpose()?,
        },
        timeout: config.timeout,
    };
    match Client::new(&endpoint, Arc::clone(clock)) {
        Ok(client) => Ok(Some(client)),
        Err(source) => Err(StartExportError::Client { key, source }),
    }
}

/// Headers from a file, one to a line; empty lines are skipped.
fn headers(path: &Path) -> Result<Vec<(HeaderName, HeaderValue)>, StartExportError> {
    let text = read_short(path)
        .map_err(|source| StartExportError::File { path: path.to_owned(), source })?;
    let mut headers = Vec::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let header = text.split_once(':').and_then(|(name, value)| {
            Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
        });
        // The line is left out of the message: it may be most of a secret.
        let header =
            header.ok_or_else(|| StartExportError::Header { path: path.to_owned(), line })?;
        headers.push(header);
    }
    Ok(headers)
}

fn read_short(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    fs::File::open(path)?.take(HEADERS_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartExportError> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|source| StartExportError::Bind { address, source })
}

#[cfg(test)]
mod tests;
