//! Serves one connection on the thread it was dealt to: opens it, answers its calls, ends it.

use std::convert::Infallible;
use std::io;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, rt};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::ServiceExt as _;

use palisade_core::ErrorChain;

use crate::accept::{Accepted, Served, Socket};
use crate::access::Peer;
use crate::error::CallError;
use crate::intake::{Held, Intake, Messages, Position};
use crate::limits::Limits;
use crate::opening::Opening;
use crate::outlet::Outlet;
use crate::patience::Patience;
use crate::tls::{self, HandshakeError};
use crate::usage::{Budget, CALL_BYTES, STREAM_BYTES, Usage};
use crate::{deadline, status};

/// Bytes of one request's headers.
// LIMIT: a bearer token of 16 KiB, and room for trace context.
const HEADERS_BYTES_MAX: u32 = 16 * 1024 + 4 * 1024;

/// Bytes of one call that are taken before its handler reads them.
// LIMIT: small enough that flow control slows down a stream whose caller does not read its answers
// before h2 counts the many small frames it holds for it as an attack and cuts the connection.
const STREAM_WINDOW_BYTES: u32 = 32 * 1024;

/// Bytes of all calls of one connection that are taken before their handlers read them.
// LIMIT: handlers read at once, except those of streams whose callers do not read their answers: 15
// of these leave the other calls of their connection room. A thousand connections that are nothing
// else have 512 MiB.
const CONNECTION_WINDOW_BYTES: u32 = 16 * STREAM_WINDOW_BYTES;

/// Bytes of one call's answer that are kept for a caller that does not read.
// LIMIT: beyond it the handler is not asked for more; a decision has some hundred bytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// How long a connection may be silent before it is asked whether it still lives.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// How long it may take to say so.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the connections of one thread share.
pub(crate) struct Connections {
    pub(crate) served: Served,
    pub(crate) limits: Limits,
    /// Shared with the other threads.
    pub(crate) calls: Arc<Calls>,
    /// Shared with the other threads.
    pub(crate) budget: Arc<Budget>,
    /// Calls and connections, so that a drain can wait for them.
    pub(crate) tasks: TaskTracker,
    /// No further calls.
    pub(crate) shutdown: CancellationToken,
    /// No further patience.
    pub(crate) cut: CancellationToken,
}

/// Counts the calls at once.
// A semaphore would take a lock for each call that ends, on all threads the same one.
#[derive(Debug)]
pub(crate) struct Calls {
    open: AtomicUsize,
    max: usize,
}

/// A call that counts until dropped.
#[derive(Debug)]
struct Call<'a>(&'a Calls);

/// Spawns what hyper wants to run beside a connection where a drain waits for it.
#[derive(Clone)]
struct TrackedExecutor(TaskTracker);

type Stream = Either<Either<TcpStream, UnixStream>, Box<TlsStream<TcpStream>>>;

impl Calls {
    pub(crate) fn new(max: NonZeroU32) -> Self {
        Self { open: AtomicUsize::new(0), max: permits(max) }
    }

    /// `None`: there are too many.
    fn begin(&self) -> Option<Call<'_>> {
        let one_more = |open: usize| (open < self.max).then_some(open.saturating_add(1));
        let begun = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        begun.is_ok().then(|| Call(self))
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<F> rt::Executor<F> for TrackedExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// Serves a connection until its end or the server's.
pub(crate) async fn serve(connections: Arc<Connections>, accepted: Accepted) {
    let Accepted { socket, place: _until_closed } = accepted;
    let deadline = Instant::now() + connections.limits.opening_timeout;
    match connections.shutdown.run_until_cancelled(open(socket, deadline)).await {
        // The server ends, and there was no call.
        None => {}
        Some(Ok(stream)) => {
            let certificates = certificates(&stream);
            let peer = connections.served.access.peer(certificates.as_deref());
            answer_calls(connections, Opening::new(stream, deadline), peer).await;
        }
        Some(Err(error)) => {
            tracing::debug!(error = %ErrorChain(&error), "a connection was not opened");
        }
    }
}

/// Makes a stream of a connection: it becomes this thread's, and TLS is agreed on.
async fn open(socket: Socket, deadline: Instant) -> Result<Stream, HandshakeError> {
    let register = |stream| TcpStream::from_std(stream).map_err(HandshakeError::Transport);
    match socket {
        Socket::Tcp(stream) => Ok(Either::Left(Either::Left(register(stream)?))),
        Socket::Tls(stream, acceptor) => {
            let handshake = tls::handshake(acceptor, register(stream)?);
            let stream = timeout_at(deadline, handshake).await.map_err(|elapsed| {
                HandshakeError::Transport(io::Error::new(io::ErrorKind::TimedOut, elapsed))
            })??;
            Ok(Either::Right(Box::new(stream)))
        }
        Socket::Unix(stream) => {
            let stream = UnixStream::from_std(stream).map_err(HandshakeError::Transport)?;
            Ok(Either::Left(Either::Right(stream)))
        }
    }
}

/// The certificates that the other end has proven to be its own, leaf first, in DER.
fn certificates(stream: &Stream) -> Option<Vec<Vec<u8>>> {
    let Either::Right(tls) = stream else { return None };
    let chain = tls.get_ref().1.peer_certificates()?;
    Some(chain.iter().map(|certificate| certificate.as_ref().to_vec()).collect())
}

async fn answer_calls(connections: Arc<Connections>, stream: Opening<Stream>, peer: Peer) {
    let mut http = http2::Builder::new(TrackedExecutor(connections.tasks.clone()));
    http.timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(connections.limits.calls_per_connection_max.get())
        .max_header_list_size(HEADERS_BYTES_MAX)
        .max_send_buf_size(SEND_BUFFER_BYTES);
    let usage = Arc::new(Usage::new(Arc::clone(&connections.budget)));
    let service = service_fn(|request| {
        respond(Arc::clone(&connections), Arc::clone(&usage), peer.clone(), request)
    });
    let connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let Limits { idle_timeout, answer_timeout, .. } = connections.limits;
    let Connections { shutdown, cut, .. } = &*connections;
    let answering = async {
        let mut connection = connection;
        tokio::select! {
            ended = connection.as_mut() => return Some(ended),
            () = shutdown.cancelled() => {}
            () = usage.idle(idle_timeout) => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = connection => Some(ended),
            () = cut.cancelled() => None,
            // The caller does not take part in this. Calls that began in between are answered.
            () = usage.idle(KEEP_ALIVE_TIMEOUT) => None,
        }
    };
    tokio::select! {
        ended = answering => if let Some(Err(error)) = ended {
            tracing::debug!(error = %ErrorChain(&error), "a connection broke");
        },
        () = usage.stalled(answer_timeout) => {
            tracing::debug!("a connection was cut because its caller takes no answers");
        }
    }
}

/// Answers one call.
async fn respond(
    connections: Arc<Connections>,
    usage: Arc<Usage>,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let Connections { served: Served { routes, methods, decider, access }, limits, calls, .. } =
        &*connections;
    let refuse = |error: &CallError| {
        decider.pdp.observer().refused(status::reason(error));
        status::response(error)
    };
    let path = request.uri().path();
    let method = methods.at(path);
    let call_bytes = CALL_BYTES + if method.is_stream { STREAM_BYTES } else { 0 };
    let Some(held_by_call) = usage.charge(call_bytes + header_bytes(request.headers())) else {
        return Ok(refuse(&CallError::BytesExhausted));
    };
    let call = if path.starts_with("/grpc.health.v1.Health/") { None } else { Some(calls.begin()) };
    if matches!(call, Some(None)) {
        // Before the request is read, so that an overload costs no memory.
        return Ok(refuse(&CallError::Overloaded));
    }
    let asker = match access.asker(path, request.headers(), &peer) {
        Ok(asker) => asker,
        // Before any message is read, so that strangers cost next to nothing.
        Err(error) => return Ok(refuse(&error)),
    };
    let time_left = deadline::of(request.headers(), limits.request_timeout);
    // Until the answer is ready, or for as long as the handler of a stream wants.
    let held = Arc::new(Held::default());
    let messages = Messages {
        methods: Arc::clone(methods),
        method,
        usage: Arc::clone(&usage),
        held: Arc::clone(&held),
        position: Position::START,
    };
    let mut request =
        request.map(|body| Body::new(Intake::new(body, messages, limits.request_timeout)));
    let patience = if method.is_stream { limits.request_timeout } else { time_left };
    request.extensions_mut().insert(Patience::of(patience, method.is_stream));
    request.extensions_mut().insert(asker);
    if method.is_stream {
        request.extensions_mut().insert(Arc::clone(&held));
    }
    // A stream's response begins at once, so that this does not end it.
    let answered = timeout(time_left, routes.clone().oneshot(request)).await;
    let response = match answered {
        Ok(Ok(response)) => status::respell(response),
        Ok(Err(never)) => match never {},
        Err(_) => refuse(&CallError::Deadline),
    };
    Ok(response.map(|body| Body::new(Outlet::new(body, usage, Arc::new(held_by_call)))))
}

/// What headers hold, as HTTP/2 counts it.
fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

pub(crate) fn permits(limit: NonZeroU32) -> usize {
    usize::try_from(limit.get()).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}
