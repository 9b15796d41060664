//! Accepts connections and deals them out to threads, until told to stop; then drains.
//!
//! `tonic::transport::Server` is not used: it detaches the tasks of its connections, so that a
//! drain could neither be bounded nor waited for, and it answers a passed deadline `CANCELLED`.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use palisade_core::ErrorChain;

use crate::access::Access;
use crate::connection::{self, Calls, Connections};
use crate::limits::Limits;
use crate::methods::Methods;
use crate::server::ServeError;
use crate::service::Decider;
use crate::tls::Tls;
use crate::usage::Budget;
use crate::workers::{Job, Panicked, Workers};

/// Pause after a failed accept, so that running out of file descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is said to a caller for whom there is no room (RFC 9113): no settings, then a `GOAWAY`
/// with the code `ENHANCE_YOUR_CALM`, which gRPC clients take for `RESOURCE_EXHAUSTED`.
// It fits into the buffer of every new socket, so that writing it does not wait.
const NO_ROOM: &[u8] = b"\0\0\0\x04\0\0\0\0\0\
    \0\0\x1c\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0btoo many connections";

/// Where requests come from.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// TLS over TCP.
    Tls(TcpListener, Tls),
    /// A Unix socket. Its file is left in place at the end.
    Unix(UnixListener),
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because their calls did not end in time.
    pub connections_cut: usize,
}

/// A connection that has sent nothing yet. It belongs to no runtime, so that it can be handed to
/// another thread.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Tls(TcpStream, TlsAcceptor),
    Unix(UnixStream),
}

/// A connection with its place among those that may be open at once.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) place: OwnedSemaphorePermit,
}

/// What answers on a listener.
pub(crate) struct Serving {
    /// What its threads are called.
    pub(crate) name: &'static str,
    /// Once for each thread: threads that share them would wait for each other's reference counts.
    pub(crate) served: Vec<Served>,
    pub(crate) limits: Limits,
    pub(crate) budget: Arc<Budget>,
    pub(crate) shutdown: CancellationToken,
}

/// What one thread answers with.
pub(crate) struct Served {
    pub(crate) routes: Routes,
    pub(crate) methods: Arc<Methods>,
    /// Tells who is refused.
    pub(crate) decider: Arc<Decider>,
    /// Says who may call.
    pub(crate) access: Access,
}

impl Socket {
    /// Closes a connection for which there is no room. Says why, unless its TLS would have to be
    /// agreed on for that.
    fn refuse(self) {
        let written = match self {
            Self::Tcp(mut stream) => stream.write_all(NO_ROOM),
            Self::Tls(..) => Ok(()),
            Self::Unix(mut stream) => stream.write_all(NO_ROOM),
        };
        if let Err(error) = written {
            tracing::debug!(error = %ErrorChain(&error), "a refused caller is gone");
        }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => Ok(Socket::Tcp(accept_tcp(listener).await?)),
            Self::Tls(listener, tls) => {
                Ok(Socket::Tls(accept_tcp(listener).await?, tls.acceptor()))
            }
            Self::Unix(listener) => Ok(Socket::Unix(listener.accept().await?.0.into_std()?)),
        }
    }

    /// Follows what has to be followed while listening; never ends.
    async fn follow(&self) {
        match self {
            Self::Tcp(_) | Self::Unix(_) => std::future::pending().await,
            Self::Tls(_, tls) => tls.follow_files().await,
        }
    }
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    // Answers are small and waited for.
    stream.set_nodelay(true)?;
    stream.into_std()
}

/// Serves until shutdown, then drains. If a thread panics, the whole server is shut down.
pub(crate) async fn serve(listener: Listener, serving: Serving) -> Result<Drained, ServeError> {
    let Serving { name, served, limits, budget, shutdown } = serving;
    // Its own, so that whatever ends this ends its connections.
    let closing = shutdown.child_token();
    let cut = CancellationToken::new();
    let calls = Arc::new(Calls::new(limits.calls_max));
    let job = |served| {
        let tasks = TaskTracker::new();
        let connections = Arc::new(Connections {
            served,
            limits,
            calls: Arc::clone(&calls),
            budget: Arc::clone(&budget),
            tasks: tasks.clone(),
            shutdown: closing.clone(),
            cut: cut.clone(),
        });
        let serve = move |accepted| connection::serve(Arc::clone(&connections), accepted);
        Job { serve, tasks }
    };
    let jobs = served.into_iter().map(job).collect();
    let started = Workers::start(name, jobs, closing.clone(), cut.clone()).await;
    let workers = started.map_err(ServeError::StartThread)?;
    let places_max = connection::permits(limits.connections_max);
    let places = Arc::new(Semaphore::new(places_max));
    tokio::select! {
        // In this order: after a shutdown threads may end.
        biased;
        () = shutdown.cancelled() => {}
        () = workers.one_ended() => {
            tracing::error!("a thread ended on its own; the server is shut down");
            shutdown.cancel();
        }
        () = deal_all(&listener, &places, limits.place_timeout, &workers) => {}
        () = listener.follow() => {}
    }
    // Closed first, so that whoever connects from now on is refused at once and goes elsewhere.
    drop(listener);
    let mut connections_cut = 0;
    if timeout(limits.drain_timeout, workers.all_ended()).await.is_err() {
        connections_cut = places_max.saturating_sub(places.available_permits());
        cut.cancel();
    }
    match workers.join().await {
        Ok(()) => Ok(Drained { connections_cut }),
        Err(Panicked { name }) => Err(ServeError::ThreadPanicked { name }),
    }
}

/// Accepts connections and deals them out; never ends.
async fn deal_all(
    listener: &Listener,
    places: &Arc<Semaphore>,
    place_timeout: Duration,
    workers: &Workers<Accepted>,
) {
    loop {
        // Before accepting: a connection is taken only when there is room for it.
        let mut place = pin!(Arc::clone(places).acquire_owned());
        let free = match timeout(place_timeout, place.as_mut()).await {
            Ok(place) => place,
            Err(_) => tokio::select! {
                biased;
                place = place => place,
                never = refuse_all(listener) => match never {},
            },
        };
        // They are never closed.
        let Ok(place) = free else { return };
        let socket = accept(listener).await;
        workers.deal(Accepted { socket, place }).await;
    }
}

/// Refuses whoever connects; never ends.
async fn refuse_all(listener: &Listener) -> Infallible {
    tracing::warn!("all connections are in use; further ones are refused");
    loop {
        accept(listener).await.refuse();
    }
}

/// Accepts a connection, however often that fails.
async fn accept(listener: &Listener) -> Socket {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok(socket) => return socket,
            Err(error) if is_callers(&error) => {}
            Err(error) => {
                // Once: this may take long, and whoever waits would fill the log.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(error = %ErrorChain(&error), "connections are not accepted");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether an accept failed for that connection only, because its caller is gone already.
fn is_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected)
}
