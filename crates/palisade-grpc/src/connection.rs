//! Accepts connections and answers their requests, until told to stop.
//!
//! `tonic::transport::Server` is not used: it detaches the tasks of its connections, so that a
//! drain could neither be bounded nor waited for, and it answers a passed deadline `CANCELLED`.

use std::convert::Infallible;
use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, rt};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::service::Routes;
use tower::ServiceExt as _;

use palisade_core::ErrorChain;
use palisade_core::limits::DRAIN_TIMEOUT_DEFAULT;

use crate::error::CallError;
use crate::{deadline, status};

/// Bytes of one request's headers.
// LIMIT: a bearer token of 16 KiB, and room for trace context.
const HEADERS_BYTES_MAX: u32 = 16 * 1024 + 4 * 1024;

/// Bytes of one call that are taken before its handler reads them.
// LIMIT: small enough that flow control slows down a stream whose caller does not read its answers
// before h2 counts the many small frames it holds for it as an attack and cuts the connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;

/// How long a connection may be silent before it is asked whether it still lives.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// How long it may take to say so.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after a failed accept, so that running out of file descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long tasks of cut connections may take to notice.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// Where requests come from.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket. Its file is left in place at the end.
    Unix(UnixListener),
}

/// What bounds a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a call may take; a caller may ask for less with `grpc-timeout`. Streams may stay
    /// open for longer.
    pub request_timeout: Duration,
    /// How long open calls may take to end after a shutdown began; then they are cut.
    pub drain_timeout: Duration,
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections_max: NonZeroU32,
    /// Calls at once on one connection; further ones wait at the caller.
    pub calls_per_connection_max: NonZeroU32,
    /// Calls at once on all connections; further ones are answered `RESOURCE_EXHAUSTED`. Health
    /// checks and open streams do not count.
    pub calls_max: NonZeroU32,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because their calls did not end in time.
    pub connections_cut: usize,
}

/// What the connections of one listener share.
struct Shared {
    routes: Routes,
    limits: Limits,
    /// One permit for each call at once.
    calls: Semaphore,
    /// Calls and connections, so that a drain can wait for them.
    tasks: TaskTracker,
    /// No further calls.
    shutdown: CancellationToken,
    /// No further patience.
    cut: CancellationToken,
}

/// Spawns what hyper wants to run beside a connection where a drain waits for it.
#[derive(Clone)]
struct TrackedExecutor(TaskTracker);

impl Default for Limits {
    fn default() -> Self {
        const fn at_most(limit: u32) -> NonZeroU32 {
            NonZeroU32::MIN.saturating_add(limit.saturating_sub(1))
        }
        Self {
            request_timeout: Duration::from_secs(5),
            drain_timeout: DRAIN_TIMEOUT_DEFAULT,
            connections_max: at_most(1024),
            calls_per_connection_max: at_most(256),
            calls_max: at_most(4096),
        }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Either<TcpStream, UnixStream>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Answers are small and waited for.
                stream.set_nodelay(true)?;
                Ok(Either::Left(stream))
            }
            Self::Unix(listener) => Ok(Either::Right(listener.accept().await?.0)),
        }
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

/// Serves until `shutdown`, then drains.
pub(crate) async fn serve(
    listener: Listener,
    routes: Routes,
    limits: Limits,
    shutdown: CancellationToken,
) -> Drained {
    let shared = Arc::new(Shared {
        routes,
        limits,
        calls: Semaphore::new(permits(limits.calls_max)),
        tasks: TaskTracker::new(),
        shutdown,
        cut: CancellationToken::new(),
    });
    let connections = Arc::new(Semaphore::new(permits(limits.connections_max)));
    while let Some((stream, permit)) = next(&listener, &connections, &shared.shutdown).await {
        let connection = serve_connection(Arc::clone(&shared), stream, permit);
        shared.tasks.spawn(connection);
    }
    // Closed first, so that whoever connects from now on is refused at once and goes elsewhere.
    drop(listener);
    shared.tasks.close();
    if timeout(limits.drain_timeout, shared.tasks.wait()).await.is_ok() {
        return Drained { connections_cut: 0 };
    }
    let open = permits(limits.connections_max).saturating_sub(connections.available_permits());
    shared.cut.cancel();
    if timeout(CUT_GRACE, shared.tasks.wait()).await.is_err() {
        tracing::warn!("calls are still running after their connections were cut");
    }
    Drained { connections_cut: open }
}

/// The next connection; `None`: shut down.
async fn next(
    listener: &Listener,
    connections: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(Either<TcpStream, UnixStream>, OwnedSemaphorePermit)> {
    let accept = async {
        // Before accepting: a connection is taken only when there is room for it.
        let permit = Arc::clone(connections).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok(stream) => return Some((stream, permit)),
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "a connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    shutdown.run_until_cancelled(accept).await.flatten()
}

async fn serve_connection(
    shared: Arc<Shared>,
    stream: Either<TcpStream, UnixStream>,
    _permit: OwnedSemaphorePermit,
) {
    let mut http = http2::Builder::new(TrackedExecutor(shared.tasks.clone()));
    http.timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .max_concurrent_streams(shared.limits.calls_per_connection_max.get())
        .max_header_list_size(HEADERS_BYTES_MAX);
    let service = service_fn(|request| respond(Arc::clone(&shared), request));
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = match shared.shutdown.run_until_cancelled(connection.as_mut()).await {
        Some(ended) => Some(ended),
        None => {
            connection.as_mut().graceful_shutdown();
            shared.cut.run_until_cancelled(connection).await
        }
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(error = %ErrorChain(&error), "a connection broke");
    }
}

/// Answers one call.
async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let is_health_check = request.uri().path().starts_with("/grpc.health.v1.Health/");
    let permit = if is_health_check { None } else { Some(shared.calls.try_acquire()) };
    if matches!(permit, Some(Err(_))) {
        // Before the request is read, so that an overload costs no memory.
        return Ok(status::response(&CallError::Overloaded));
    }
    let time_left = deadline::of(request.headers(), shared.limits.request_timeout);
    // A stream's response begins at once, so that this does not end it.
    let answer = shared.routes.clone().oneshot(request.map(Body::new));
    match timeout(time_left, answer).await {
        Ok(Ok(response)) => Ok(status::respell(response)),
        Ok(Err(never)) => match never {},
        Err(_) => Ok(status::response(&CallError::Deadline)),
    }
}

fn permits(limit: NonZeroU32) -> usize {
    usize::try_from(limit.get()).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}
