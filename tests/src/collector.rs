//! A collector that does what it is told: it takes, refuses, breaks off or waits, over gRPC or
//! HTTP, and remembers what it took.
//!
//! Over gRPC it serves the official services, on a tonic server. Over HTTP it speaks just enough
//! HTTP/1.1 to break in any place.

mod grpc;
mod web;
mod wire;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use self::wire::{Cut, Wire};
use crate::within;

/// What a collector speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP/1.1.
    Http,
}

/// What one request meets, whatever the signal. Without one it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The collector has too much to do: `RESOURCE_EXHAUSTED` with or without `RetryInfo`, 429 with
    /// or without `Retry-After` in whole seconds.
    Exhausted(Option<Duration>),
    /// The connection stays open and carries nothing any more, as if a cable were cut.
    Freeze,
    /// It is not answered until [`Collector::release`], and then taken.
    Hold,
    /// The HTTP status, with `Retry-After` as it stands. Over gRPC it is `UNKNOWN`.
    Http(u16, Option<String>),
    /// Taken, but this many items are thrown away.
    Partial(u64),
    /// The connection breaks before the request is taken.
    ResetBefore,
    /// The request is taken, and the connection breaks in the middle of the answer.
    ResetAmidAnswer,
    /// The gRPC status. Over HTTP it is 500.
    Status(Code),
    /// The collector is down: `UNAVAILABLE` or 503, with the wait it asks for.
    Unavailable(Option<Duration>),
}

/// What was taken, in order.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Log records, repeated if they were sent again.
    pub logs: Vec<LogRecord>,
    /// Metrics.
    pub metrics: Vec<Metric>,
    /// Spans.
    pub spans: Vec<Span>,
    /// Connections that were opened.
    pub connections: usize,
    /// Requests of all kinds that came, also those that were not taken.
    pub requests: usize,
    /// When they came.
    pub times: Vec<tokio::time::Instant>,
    /// The headers of the last request, in lower case.
    pub headers: Vec<(String, String)>,
    /// The paths that were asked for.
    pub paths: BTreeSet<String>,
}

/// A collector on a port of its own. Dropping it cuts everything.
#[derive(Debug)]
pub struct Collector {
    speaks: Speaks,
    tls: Option<Arc<ServerConfig>>,
    address: SocketAddr,
    /// Bound and never listened on: nobody else gets the port while the collector is down.
    _reserved: TcpSocket,
    shared: Arc<Shared>,
    running: JoinSet<()>,
    stop: CancellationToken,
}

/// What the server and the test share.
#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    received: watch::Sender<Received>,
    released: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Script {
    faults: VecDeque<Fault>,
    /// Log indices that spoil the batch they are in.
    spoiling: BTreeSet<u64>,
}

/// What becomes of a request.
#[derive(Debug)]
enum Fate {
    Break(Fault),
    Spoiled,
    Take,
}

impl Collector {
    /// A collector without TLS. Needs a tokio runtime around it.
    ///
    /// # Panics
    /// There is no port.
    pub fn start(speaks: Speaks) -> Self {
        Self::start_with(speaks, None)
    }

    /// A collector with TLS, see [`server_tls`]. Needs a tokio runtime around it.
    ///
    /// # Panics
    /// There is no port.
    pub fn start_with(speaks: Speaks, tls: Option<Arc<ServerConfig>>) -> Self {
        let reserved = socket(SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut collector = Self {
            speaks,
            tls,
            address: reserved.local_addr().expect("an address"),
            _reserved: reserved,
            shared: Arc::new(Shared {
                script: Mutex::default(),
                received: watch::Sender::new(Received::default()),
                released: watch::Sender::new(0),
            }),
            running: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        collector.resume();
        collector
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// What the next requests meet, one after the other, after what was said before.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.shared.script).faults.extend(faults);
    }

    /// Faults that were not met yet.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        lock(&self.shared.script).faults.len()
    }

    /// From now on batches that hold one of these indices are refused: `INVALID_ARGUMENT`, 400.
    pub fn spoil(&self, indices: impl IntoIterator<Item = u64>) {
        lock(&self.shared.script).spoiling = indices.into_iter().collect();
    }

    /// Lets everything go that is held.
    pub fn release(&self) {
        self.shared.released.send_modify(|times| *times += 1);
    }

    /// Refuses connections and cuts those that are open.
    ///
    /// # Panics
    /// It does not end.
    pub async fn go_down(&mut self) {
        self.stop.cancel();
        within("the collector to go down", async {
            while self.running.join_next().await.is_some() {}
        })
        .await;
    }

    /// Accepts connections again.
    ///
    /// # Panics
    /// The port cannot be listened on.
    pub fn resume(&mut self) {
        let listener = socket(self.address).listen(128).expect("a listener");
        self.stop = CancellationToken::new();
        let tls = self.tls.clone().map(TlsAcceptor::from);
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
        match self.speaks {
            Speaks::Grpc => {
                self.running.spawn(grpc::serve(listener, tls, shared, stop));
            }
            Speaks::Http => {
                self.running.spawn(web::serve(listener, tls, shared, stop));
            }
        }
    }

    /// What was taken until now.
    #[must_use]
    pub fn received(&self) -> Received {
        self.shared.received.borrow().clone()
    }

    /// Waits until what was taken is as wanted.
    ///
    /// # Panics
    /// It takes longer than half a minute.
    pub async fn wait_until(&self, what: &str, wanted: impl FnMut(&Received) -> bool) -> Received {
        let mut received = self.shared.received.subscribe();
        within(what, received.wait_for(wanted)).await.expect("the collector lives").clone()
    }
}

impl Received {
    /// The log indices that were taken, in the order in which each came first.
    #[must_use]
    pub fn indices(&self) -> Vec<u64> {
        let mut seen = BTreeSet::new();
        let indices = self.logs.iter().filter_map(log_index);
        indices.filter(|index| seen.insert(*index)).collect()
    }
}

impl Shared {
    /// A request has come.
    fn came(&self, path: &str, headers: Vec<(String, String)>) {
        self.received.send_modify(|received| {
            received.requests += 1;
            received.times.push(tokio::time::Instant::now());
            received.headers = headers;
            received.paths.insert(path.to_owned());
        });
    }

    /// What becomes of a request with these log records.
    fn fate(&self, logs: &[LogRecord]) -> Fate {
        let mut script = lock(&self.script);
        if let Some(fault) = script.faults.pop_front() {
            return Fate::Break(fault);
        }
        if logs.iter().filter_map(log_index).any(|index| script.spoiling.contains(&index)) {
            return Fate::Spoiled;
        }
        Fate::Take
    }

    async fn released(&self) {
        let mut released = self.released.subscribe();
        // Ends with the collector, and so does whoever waits.
        let _changed = released.changed().await;
    }

    fn take(&self, logs: Vec<LogRecord>, metrics: Vec<Metric>, spans: Vec<Span>) {
        self.received.send_modify(|received| {
            received.logs.extend(logs);
            received.metrics.extend(metrics);
            received.spans.extend(spans);
        });
    }
}

/// The position of the record that a log record shows.
#[must_use]
pub fn log_index(record: &LogRecord) -> Option<u64> {
    match attribute(&record.attributes, "palisade.log.index")? {
        Value::IntValue(index) => u64::try_from(*index).ok(),
        _ => None,
    }
}

/// The value of an attribute.
#[must_use]
pub fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Value> {
    let attribute = attributes.iter().find(|attribute| attribute.key == name)?;
    attribute.value.as_ref()?.value.as_ref()
}

/// TLS with a certificate and its key in PEM, both protocols offered. With an authority, clients
/// must have a certificate of it.
///
/// # Panics
/// It is no PEM, or no pair.
#[must_use]
pub fn server_tls(certificate: &[u8], key: &[u8], client_ca: Option<&[u8]>) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("a version");
    let builder = match client_ca {
        Some(pem) => {
            let mut roots = tokio_rustls::rustls::RootCertStore::empty();
            let authority = CertificateDer::from_pem_slice(pem).expect("a certificate");
            roots.add(authority).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
        None => builder.with_no_client_auth(),
    };
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
    let mut config = builder.with_single_cert(chain.expect("PEM"), key).expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// A socket of the collector's port, which several may have.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.set_reuseport(true).expect("an option");
    socket.bind(address).expect("a port");
    socket
}

/// The next connection; `None` at the end. A TLS handshake that fails is no connection.
async fn accept(
    listener: &TcpListener,
    tls: Option<&TlsAcceptor>,
    shared: &Shared,
    stop: &CancellationToken,
) -> Option<Wire> {
    loop {
        let (stream, _) = stop.run_until_cancelled(listener.accept()).await?.ok()?;
        stream.set_nodelay(true).expect("an option");
        shared.received.send_modify(|received| received.connections += 1);
        let cut = Cut::new(stop.child_token());
        let Some(tls) = tls else { return Some(Wire::new(stream, cut)) };
        if let Ok(stream) = stop.run_until_cancelled(tls.accept(stream)).await? {
            return Some(Wire::new(stream, cut));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
