//! Listens for transmitters, until told to stop; then ends what has begun.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use palisade_core::{ErrorChain, EventSink, Sha256Digest};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bearer::BearerDigest;
use crate::connection;
use crate::endpoint::Endpoint;
use crate::error::BindEventsError;
use crate::limits::{ACCEPT_PAUSE, CONNECTIONS_MAX};
use crate::tls::{Tls, TlsFiles};

/// Where and from whom events are received.
#[derive(Clone)]
pub struct EventServerConfig {
    /// What to listen on. Without TLS a loopback address.
    pub address: SocketAddr,
    /// The SHA-256 digest of a secret that transmitters have to show as a bearer token (RFC 6750).
    /// `None`: the signature of an event is its only proof.
    pub bearer_digest: Option<Sha256Digest>,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
}

/// Without the digest: secrets that are short could be guessed from it.
impl fmt::Debug for EventServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, bearer_digest, tls } = self;
        f.debug_struct("EventServerConfig")
            .field("address", address)
            .field("bearer_digest", &bearer_digest.map(BearerDigest))
            .field("tls", tls)
            .finish()
    }
}

/// The endpoint for pushed security event tokens (RFC 8935), listening.
pub struct EventServer {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    endpoint: Endpoint,
    tasks: TaskTracker,
}

impl EventServer {
    /// Begins to listen. Connections are accepted once it runs.
    ///
    /// # Errors
    /// The address is not free, not ours, or needs TLS; or the files for TLS cannot be used.
    pub async fn bind(
        config: EventServerConfig,
        sink: Arc<dyn EventSink>,
    ) -> Result<Self, BindEventsError> {
        let EventServerConfig { address, bearer_digest, tls } = config;
        // FAIL-CLOSED: events, and the secret that is shown with them, are not for others to read
        // (RFC 8935, section 5).
        if tls.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(BindEventsError::PlainTextBeyondLoopback { address });
        }
        let tls = tls.map(Tls::load).transpose()?;
        let failed = |source| BindEventsError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let tasks = TaskTracker::new();
        let endpoint = Endpoint::new(sink, bearer_digest.map(BearerDigest), tasks.clone());
        Ok(Self { listener, address: bound, tls, endpoint, tasks })
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`. Then nobody is accepted any more; requests that have begun are
    /// answered or cut in some time, and every event that is being stored is waited for, however
    /// long the sink takes.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { listener, address: _, tls, endpoint, tasks } = self;
        let endpoint = Arc::new(endpoint);
        // Also if nobody waits for this any more.
        let closing = shutdown.child_token();
        let _end_of_run = closing.clone().drop_guard();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = follow(tls.as_ref()) => {}
            () = accept_all(&listener, tls.as_ref(), &endpoint, &tasks, &closing) => {}
        }
        drop(listener);
        tasks.close();
        tasks.wait().await;
    }
}

impl fmt::Debug for EventServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventServer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Follows the files for TLS; never ends.
async fn follow(tls: Option<&Tls>) {
    match tls {
        Some(tls) => tls.follow_files().await,
        None => std::future::pending().await,
    }
}

/// Accepts connections; never ends.
async fn accept_all(
    listener: &TcpListener,
    tls: Option<&Tls>,
    endpoint: &Arc<Endpoint>,
    tasks: &TaskTracker,
    closing: &CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // It is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let stream = accept(listener).await;
        let acceptor = tls.map(Tls::acceptor);
        let (endpoint, closing) = (Arc::clone(endpoint), closing.clone());
        tasks.spawn(async move {
            connection::serve(endpoint, stream, acceptor, closing).await;
            drop(place);
        });
    }
}

/// Accepts a connection, however often that fails.
async fn accept(listener: &TcpListener) -> TcpStream {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => return stream,
            Err(error) => {
                // Once: this may take long, and whoever waits would fill the log.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(error = %ErrorChain(&error), "transmitters are not accepted");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
