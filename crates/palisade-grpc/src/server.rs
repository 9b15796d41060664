//! What a socket serves: the authorization service, health and reflection.

use std::io;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use palisade_core::limits::BATCH_MESSAGE_BYTES_MAX;
use palisade_pdp::Pdp;
use palisade_proto::v1::admin_service_server::AdminServiceServer;
use palisade_proto::v1::authorization_service_server::{
    AuthorizationService, AuthorizationServiceServer,
};

use crate::accept::{self, Drained, Listener, Served, Serving};
use crate::access::Access;
use crate::admin::{Admin, Administration};
use crate::connection::permits;
use crate::limits::{ADMIN_CONNECTIONS_MAX, ADMIN_REQUEST_TIMEOUT, Limits, WAITING_SHARE};
use crate::methods::Methods;
use crate::panic::PanicGuard;
use crate::patience::Waiting;
use crate::service::{Decider, Service, Surface};
use crate::usage::Budget;

/// A socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The committed file descriptors are unusable.
    #[error("the contract cannot be read")]
    Contract(#[source] prost::DecodeError),
    /// The committed file descriptors are unusable.
    #[error("gRPC reflection cannot be built")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The operating system gives no thread, or none with a runtime.
    #[error("a thread cannot be started")]
    StartThread(#[source] io::Error),
    /// A bug; the other threads were drained.
    #[error("the thread `{name}` panicked")]
    ThreadPanicked {
        /// The thread.
        name: String,
    },
}

/// Serves one pipeline on any number of sockets.
#[derive(Clone, Debug)]
pub struct GrpcServer {
    decider: Arc<Decider>,
    health: HealthReporter,
    limits: Limits,
    /// One for all sockets.
    budget: Arc<Budget>,
    shutdown: CancellationToken,
    /// `None`: the bundle never changes, as in a program that asks in its own process.
    administration: Option<Administration>,
    /// Who may call over the decision socket.
    access: Access,
}

impl GrpcServer {
    /// A server that drains when `shutdown` is cancelled. Its health is `NOT_SERVING` until
    /// [`GrpcServer::report_health`].
    pub async fn new(pdp: Pdp, limits: Limits, shutdown: CancellationToken) -> Self {
        let waiting = Waiting::new(permits(limits.calls_max) / WAITING_SHARE);
        let decider = Arc::new(Decider { pdp, panics: PanicGuard::default(), waiting });
        let budget = Arc::new(Budget::new(limits.held_bytes_max));
        let health = HealthReporter::new();
        let access = Access::Anybody;
        let server =
            Self { decider, health, limits, budget, shutdown, administration: None, access };
        server.set_health(ServingStatus::NotServing).await;
        server
    }

    /// The same with the administration service.
    #[must_use]
    pub fn with_administration(mut self, administration: Administration) -> Self {
        self.administration = Some(administration);
        self
    }

    /// The same for these callers over the decision socket, and for nobody else.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Who may call over a surface's socket.
    fn access(&self, surface: Surface) -> Access {
        match surface {
            // The operating system lets only the server's own user connect.
            Surface::Administration => Access::Anybody,
            Surface::Decision => self.access.clone(),
        }
    }

    /// Reports `SERVING` if the pipeline can allow calls, for the whole server and for the
    /// authorization service. To be called after a snapshot is published, and whenever the log
    /// fails or is back.
    pub async fn report_health(&self) {
        let ready = self.decider.pdp.is_ready() && !self.shutdown.is_cancelled();
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.set_health(status).await;
    }

    /// How many handlers have panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.decider.panics.count()
    }

    /// Serves a surface on a socket until shutdown, then drains: no further connections, no
    /// further calls, and those that are open are cut after [`Limits::drain_timeout`].
    ///
    /// Calls are answered on threads that begin and end with this; a connection stays on the one it
    /// is dealt to. Decisions have [`Limits::threads`] of them, administration has one.
    ///
    /// # Errors
    /// What is to be served cannot be built, or a thread did not end as it should.
    pub async fn serve(&self, listener: Listener, surface: Surface) -> Result<Drained, ServeError> {
        let (name, threads, connections_max) = match surface {
            // Explanations are few, and must not hold up decisions.
            Surface::Administration => ("palisade-admin", 1, ADMIN_CONNECTIONS_MAX),
            Surface::Decision => {
                ("palisade", self.limits.threads.get(), self.limits.connections_max)
            }
        };
        let of_thread = |_| {
            let methods = Methods::read().map_err(ServeError::Contract)?;
            Ok(Served {
                routes: self.routes(surface)?,
                methods: Arc::new(methods),
                decider: Arc::clone(&self.decider),
                access: self.access(surface),
            })
        };
        let request_timeout = match surface {
            Surface::Administration => self.limits.request_timeout.max(ADMIN_REQUEST_TIMEOUT),
            Surface::Decision => self.limits.request_timeout,
        };
        let serving = Serving {
            name,
            served: (0..threads).map(of_thread).collect::<Result<_, _>>()?,
            limits: Limits { connections_max, request_timeout, ..self.limits },
            budget: Arc::clone(&self.budget),
            shutdown: self.shutdown.clone(),
        };
        accept::serve(listener, serving).await
    }

    /// The service of a surface without a socket, for programs that ask in their own process.
    #[must_use]
    pub fn local(&self, surface: Surface) -> impl AuthorizationService + use<> {
        let decider = Arc::clone(&self.decider);
        Service::new(surface, Access::Anybody, decider, self.shutdown.clone())
    }

    fn routes(&self, surface: Surface) -> Result<Routes, ServeError> {
        let (access, decider) = (self.access(surface), Arc::clone(&self.decider));
        let service = Service::new(surface, access, decider, self.shutdown.clone());
        let admin = self.administration.clone().map(|administration| {
            let service = service.clone();
            AdminServiceServer::new(Admin { service, administration })
        });
        // One limit holds for all methods of a service, so it is that of batches; single requests
        // are measured when they are converted.
        let service = AuthorizationServiceServer::new(service)
            .max_decoding_message_size(BATCH_MESSAGE_BYTES_MAX);
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(palisade_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let mut routes = Routes::new(service);
        if let Some(admin) = admin {
            routes = routes.add_service(admin);
        }
        Ok(routes
            .add_service(HealthServer::new(HealthService::from_health_reporter(
                self.health.clone(),
            )))
            .add_service(reflection().build_v1().map_err(ServeError::Reflection)?)
            .add_service(reflection().build_v1alpha().map_err(ServeError::Reflection)?)
            .prepare())
    }

    async fn set_health(&self, status: ServingStatus) {
        let service = <AuthorizationServiceServer<Service> as NamedService>::NAME;
        self.health.set_service_status("", status).await;
        self.health.set_service_status(service, status).await;
    }
}

#[cfg(test)]
mod tests;
