//! Wires configuration, bundle, log and clock to the pipeline and its sockets.
//!
//! [`Server::build`] takes clock, ids and log from outside, so that tests bring their own and
//! bind port 0; [`Server::run`] takes whatever future is to end it.

mod bundles;
mod descriptors;
mod listeners;
mod parts;

use std::num::NonZeroU32;
use std::sync::Arc;

use palisade_bundle::LoadBundleError;
use palisade_bundle::rollout::StartRolloutError;
use palisade_core::{BundleControl, ErrorChain, FactSources, Revision};
use palisade_grpc::{
    Access, Administration, CallerAccess, GrpcServer, Limits, Listener, LoadTlsError, ServeError,
    Surface, Tls, TlsFiles,
};
use palisade_http::{BindEventsError, EventServer, EventServerConfig};
use palisade_log::LogState;
use palisade_pdp::{Pdp, PdpParts, Snapshots};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{EventSettings, Listen, RecordedArguments, ServerConfig, TrustSettings};
use crate::trust::{LoadTrustError, Trust};
use bundles::Bundles;
pub use bundles::ReadRootError;
pub use descriptors::TooFewDescriptors;
pub use listeners::BindError;
use listeners::SocketFile;
pub use parts::{Parts, PartsError};

/// A server that is bound and has a bundle; it serves once it runs.
#[derive(Debug)]
pub struct Server {
    grpc: GrpcServer,
    shutdown: CancellationToken,
    decision: Bound,
    administration: Bound,
    connections: Connections,
    log_state: Option<watch::Receiver<LogState>>,
    bundles: Bundles,
    trust: Option<Trust>,
    events: Option<EventServer>,
}

/// Connections for decisions at once.
#[derive(Clone, Copy, Debug)]
struct Connections {
    /// As configured.
    asked_for: NonZeroU32,
    /// As far as there are descriptors for them.
    served: NonZeroU32,
}

/// A socket that is listened on.
#[derive(Debug)]
struct Bound {
    listener: Listener,
    address: Listen,
    /// Removed when the server is gone.
    file: Option<SocketFile>,
}

/// A server cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildServerError {
    /// It cannot listen where it is told to.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Its bundle does not load.
    #[error("the bundle does not load")]
    Bundle(#[source] LoadBundleError),
    /// The operating system gives no thread.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// Whom to trust is not known.
    #[error(transparent)]
    Root(#[from] ReadRootError),
    /// Its bundles cannot be followed.
    #[error("the bundles cannot be followed")]
    Rollout(#[source] StartRolloutError),
    /// It could not serve a single connection.
    #[error("the limit of open files is too low (`ulimit -n`)")]
    Descriptors(#[from] TooFewDescriptors),
    /// Security events cannot be received.
    #[error("security events cannot be received")]
    Events(#[from] BindEventsError),
    /// Security events are to be received, and nobody may send any.
    #[error("`events.address` is set, but the trust file names no transmitters")]
    NoTransmitters,
    /// Its certificates cannot be used.
    #[error("the files for TLS cannot be used")]
    Tls(#[from] LoadTlsError),
    /// Whom to trust is not known.
    #[error("the trust file cannot be used")]
    Trust(#[from] LoadTrustError),
}

/// A server ended other than it should.
#[derive(Debug, thiserror::Error)]
#[error("a socket cannot be served")]
pub struct RunServerError(#[source] ServeError);

impl Server {
    /// Loads the bundle, its tests included, and binds the sockets. Nothing is answered yet.
    ///
    /// # Errors
    /// The bundle does not load, or a socket cannot be bound.
    pub async fn build(config: &ServerConfig, parts: Parts) -> Result<Self, BuildServerError> {
        let ServerConfig { listen, tls, admin_socket, record, limits, .. } = config;
        let connections = Connections {
            asked_for: limits.connections_max,
            served: descriptors::connections(limits, descriptors::allowed())?,
        };
        let limits = Limits { connections_max: connections.served, ..*limits };
        let trust = match &config.trust {
            Some(TrustSettings { file, state, events: _ }) => {
                Some(Trust::load(file, Some(state), &parts.clock)?)
            }
            None => None,
        };
        let bundles = Bundles::start(config, &parts, facts(trust.as_ref()))?;
        let decision = bind(listen, tls.as_ref()).await?;
        let administration = bind_unix(admin_socket, listeners::OWNER_ONLY)?;
        let Parts { clock, ids, log, log_state, digest_key, observer } = parts;
        let records_arguments = record.arguments == RecordedArguments::Redacted;
        let pdp = Pdp::new(PdpParts {
            snapshots: Arc::clone(&bundles.snapshots),
            shadow: Arc::clone(&bundles.shadow.shadow),
            log,
            clock: Arc::clone(&clock),
            ids,
            digest_key,
            records_arguments,
            observer,
            identity: trust.as_ref().map(|trust| Arc::clone(&trust.identity)),
            attestation: trust.as_ref().and_then(|trust| trust.attestation.clone()),
        });
        let events = event_server(config, trust.as_ref()).await?;
        let shutdown = CancellationToken::new();
        let access = match &trust {
            Some(trust) => Access::Callers(CallerAccess {
                callers: Arc::clone(&trust.callers),
                clock: Arc::clone(&clock),
            }),
            None => Access::Anybody,
        };
        let control = Administration { bundle: bundles.rollout.control(), clock };
        let grpc = GrpcServer::new(pdp, limits, shutdown.clone()).await;
        let grpc = grpc.with_administration(control).with_access(access);
        grpc.report_health().await;
        Ok(Self {
            grpc,
            shutdown,
            decision,
            administration,
            connections,
            log_state,
            bundles,
            trust,
            events,
        })
    }

    /// Where decisions are asked for; the port is the real one.
    #[must_use]
    pub const fn address(&self) -> &Listen {
        &self.decision.address
    }

    /// Where security events are received, if they are; the port is the real one.
    #[must_use]
    pub fn events_address(&self) -> Option<std::net::SocketAddr> {
        Some(self.events.as_ref()?.address())
    }

    /// Where the bundle in force is taken from.
    pub(crate) const fn snapshots(&self) -> &Arc<Snapshots> {
        &self.bundles.snapshots
    }

    /// What operators see and change of the bundle.
    #[must_use]
    pub fn bundle_control(&self) -> Arc<dyn BundleControl> {
        self.bundles.rollout.control()
    }

    /// Changes whenever the state of the bundle does.
    #[must_use]
    pub fn bundle_changes(&self) -> watch::Receiver<u64> {
        self.bundles.rollout.changes()
    }

    /// The bundle in force; `None`: there is none yet.
    #[must_use]
    pub fn revision(&self) -> Option<Arc<Revision>> {
        Some(Arc::clone(self.bundles.snapshots.current()?.shared_revision()))
    }

    /// Logs what an operator has to know at every start.
    pub fn announce(&self) {
        match &self.trust {
            Some(trust) => trust.announce(),
            None => tracing::warn!(
                "development mode: without `trust.file` nobody has to prove anything, and whoever \
                 can connect may claim to be anybody; so only processes of this machine can"
            ),
        }
        let Connections { asked_for, served } = self.connections;
        if served < asked_for {
            tracing::warn!(
                connections = served,
                asked_for,
                "the limit of open files allows fewer connections than `limits.connections`"
            );
        }
        tracing::info!(
            address = %self.decision.address,
            tls = matches!(self.decision.listener, Listener::Tls(..)),
            admin_socket = %self.administration.address,
            revision = self.revision().map_or_else(|| "none yet".to_owned(), |r| r.to_string()),
            connections = served,
            "listening"
        );
    }

    /// Answers until `stop` is ready, then drains.
    ///
    /// # Errors
    /// A socket cannot be served.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), RunServerError> {
        let Self {
            grpc,
            shutdown,
            decision,
            administration,
            connections: _,
            log_state,
            bundles,
            trust,
            events,
        } = self;
        let serve = |bound: Bound, surface| {
            let grpc = grpc.clone();
            async move {
                let Bound { listener, address, file } = bound;
                let drained = grpc.serve(listener, surface).await.map_err(RunServerError)?;
                tracing::info!(%address, cut = drained.connections_cut, "drained");
                drop(file);
                Ok(())
            }
        };
        let stopping = async {
            tokio::select! {
                () = stop => {}
                () = follow_log(&grpc, log_state) => {}
                () = follow_bundles(&grpc, bundles.rollout.changes()) => {}
            }
            shutdown.cancel();
            grpc.report_health().await;
            Ok(())
        };
        let receiving = async {
            if let Some(events) = events {
                tracing::info!(address = %events.address(), "receiving security events");
                events.run(shutdown.clone()).await;
            }
            Ok(())
        };
        let ended = tokio::try_join!(
            serve(decision, Surface::Decision),
            serve(administration, Surface::Administration),
            receiving,
            stopping,
        );
        // Keys are followed for as long as calls are answered.
        drop(trust);
        // After the last answer: it may wait for a download to be given up.
        drop(bundles);
        ended.map(|((), (), (), ())| ()).inspect_err(|error| {
            tracing::error!(error = %ErrorChain(error), "the server ends");
        })
    }
}

/// What the trust file makes known to policies.
fn facts(trust: Option<&Trust>) -> FactSources {
    FactSources {
        auth: trust.is_some(),
        attestation: trust.is_some_and(|trust| trust.attestation.is_some()),
        ..FactSources::default()
    }
}

/// Binds where security events are received, if they are.
async fn event_server(
    config: &ServerConfig,
    trust: Option<&Trust>,
) -> Result<Option<EventServer>, BuildServerError> {
    let settings = config.trust.as_ref().and_then(|trust| trust.events.clone());
    let Some(EventSettings { address, tls }) = settings else { return Ok(None) };
    let sink = trust.and_then(|trust| trust.events.clone());
    let sink = sink.ok_or(BuildServerError::NoTransmitters)?;
    let config = EventServerConfig { address, bearer_digest: None, tls };
    Ok(Some(EventServer::bind(config, sink).await?))
}

/// Reports health whenever the log fails or is back. Does not end.
async fn follow_log(grpc: &GrpcServer, state: Option<watch::Receiver<LogState>>) {
    if let Some(mut state) = state {
        let mut available = state.borrow_and_update().available;
        while state.wait_for(|state| state.available != available).await.is_ok() {
            available = !available;
            grpc.report_health().await;
        }
    }
    std::future::pending::<()>().await;
}

/// Reports health whenever a revision comes into force, or ceases to decide. Does not end.
async fn follow_bundles(grpc: &GrpcServer, mut changes: watch::Receiver<u64>) {
    while changes.changed().await.is_ok() {
        grpc.report_health().await;
    }
    std::future::pending::<()>().await;
}

async fn bind(listen: &Listen, tls: Option<&TlsFiles>) -> Result<Bound, BuildServerError> {
    match listen {
        Listen::Tcp(address) => {
            let tls = tls.cloned().map(Tls::load).transpose()?;
            let (listener, address) = listeners::bind_tcp(*address).await?;
            let listener = match tls {
                Some(tls) => Listener::Tls(listener, tls),
                None => Listener::Tcp(listener),
            };
            Ok(Bound { listener, address: Listen::Tcp(address), file: None })
        }
        // The configuration has no files for TLS with a Unix socket.
        Listen::Unix(path) => Ok(bind_unix(path, listeners::OWNER_AND_GROUP)?),
    }
}

fn bind_unix(path: &std::path::Path, mode: u32) -> Result<Bound, BindError> {
    let (listener, file) = listeners::bind_unix(path, mode)?;
    Ok(Bound {
        listener: Listener::Unix(listener),
        address: Listen::Unix(path.to_owned()),
        file: Some(file),
    })
}

#[cfg(test)]
mod tests;
