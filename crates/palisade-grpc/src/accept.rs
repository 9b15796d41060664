//! Accepts connections and deals them out to threads, until told to stop; then drains.
//!
//! `tonic::transport::Server` is not used: it detaches the tasks of its connections, so that a
//! drain could neither be bounded nor waited for, and it answers a passed deadline `CANCELLED`.

use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
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

use crate::connection::{self, Calls, Connections};
use crate::limits::Limits;
use crate::server::ServeError;
use crate::tls::Tls;
use crate::workers::{Job, Panicked, Workers};

/// Pause after a failed accept, so that running out of file descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    /// The services, once for each thread: threads that share them would wait for each other's
    /// reference counts.
    pub(crate) routes: Vec<Routes>,
    pub(crate) limits: Limits,
    pub(crate) shutdown: CancellationToken,
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
    let Serving { name, routes, limits, shutdown } = serving;
    // Its own, so that whatever ends this ends its connections.
    let closing = shutdown.child_token();
    let cut = CancellationToken::new();
    let calls = Arc::new(Calls::new(limits.calls_max));
    let job = |routes| {
        let tasks = TaskTracker::new();
        let connections = Arc::new(Connections {
            routes,
            limits,
            calls: Arc::clone(&calls),
            tasks: tasks.clone(),
            shutdown: closing.clone(),
            cut: cut.clone(),
        });
        let serve = move |accepted| connection::serve(Arc::clone(&connections), accepted);
        Job { serve, tasks }
    };
    let jobs = routes.into_iter().map(job).collect();
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
        () = deal_all(&listener, &places, &workers) => {}
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

/// Accepts connections for as long as there is room for them; never ends.
async fn deal_all(listener: &Listener, places: &Arc<Semaphore>, workers: &Workers<Accepted>) {
    // Before accepting: a connection is taken only when there is room for it.
    while let Ok(place) = Arc::clone(places).acquire_owned().await {
        let socket = loop {
            match listener.accept().await {
                Ok(socket) => break socket,
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "a connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        workers.deal(Accepted { socket, place }).await;
    }
}
