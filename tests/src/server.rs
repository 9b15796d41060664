//! A running server: the one that the binary runs, with the ports in the test's hands.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use palisade::config::{
    Listen, RecordConfig, RecordedArguments, RolloutSettings, ServerConfig, TrustSettings,
};
use palisade::{BuildServerError, Parts, Server};
use palisade_client::{AdminClient, Client};
use palisade_core::{BundleControl, BundleStatus, DigestKey, ErrorChain, Unobserved};
use palisade_grpc::{Limits, TlsFiles};
use palisade_log::{Durability, LogConfig, OnFailure, Retention, Unshipped};
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use crate::bundle::fixture;
use crate::ports::{ManualClock, MemoryLog, SequentialIds, TestPorts};
use crate::within;

/// A running server. Dropping it cuts everything and waits for its threads.
pub struct TestServer {
    address: SocketAddr,
    events_address: Option<SocketAddr>,
    admin_socket: PathBuf,
    ports: TestPorts,
    stop: CancellationToken,
    running: JoinSet<()>,
    bundle: Arc<dyn BundleControl>,
    bundle_changes: watch::Receiver<u64>,
    /// Holds the socket.
    _directory: TempDir,
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl TestServer {
    /// A server with the fixture `desk` and the server's own limits.
    pub async fn start() -> Self {
        Self::start_with_limits(Limits::default()).await
    }

    /// A server with other limits.
    pub async fn start_with_limits(limits: Limits) -> Self {
        let directory = RolloutSettings::DIRECTORY;
        Self::start_with(&fixture("desk"), limits, (None, None), directory).await
    }

    /// A server that follows bundles in another way.
    pub async fn start_with_rollout(
        bundle: &Path,
        limits: Limits,
        rollout: RolloutSettings,
    ) -> Self {
        Self::start_with(bundle, limits, (None, None), rollout).await
    }

    /// A server that speaks TLS; [`TestServer::channel`] does not.
    pub async fn start_with_tls(files: TlsFiles, limits: Limits) -> Self {
        let directory = RolloutSettings::DIRECTORY;
        Self::start_with(&fixture("desk"), limits, (Some(files), None), directory).await
    }

    /// A server with another bundle.
    pub async fn start_with_bundle(bundle: &Path) -> Self {
        let directory = RolloutSettings::DIRECTORY;
        Self::start_with(bundle, Limits::default(), (None, None), directory).await
    }

    /// A server that asks who calls; over TLS if there are files for it.
    pub async fn start_with_trust(
        bundle: &Path,
        tls: Option<TlsFiles>,
        trust: TrustSettings,
    ) -> Self {
        let directory = RolloutSettings::DIRECTORY;
        Self::start_with(bundle, Limits::default(), (tls, Some(trust)), directory).await
    }

    /// Where it receives security events.
    pub fn events_address(&self) -> Option<SocketAddr> {
        self.events_address
    }

    async fn start_with(
        bundle: &Path,
        limits: Limits,
        (tls, trust): (Option<TlsFiles>, Option<TrustSettings>),
        rollout: RolloutSettings,
    ) -> Self {
        let ports = TestPorts::default();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config =
            ServerConfig { limits, tls, rollout, ..server_config(bundle, trust, directory.path()) };
        let server = Server::build(&config, parts(&ports))
            .await
            .unwrap_or_else(|error| panic!("the server does not start: {error:#?}"));
        let Listen::Tcp(address) = *server.address() else { panic!("it listens on TCP") };
        let events_address = server.events_address();
        let (bundle, bundle_changes) = (server.bundle_control(), server.bundle_changes());
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let mut running = JoinSet::new();
        running.spawn(async move { server.run(stopped).await.expect("the server runs") });
        let admin_socket = config.admin_socket;
        Self {
            address,
            events_address,
            admin_socket,
            ports,
            stop,
            running,
            bundle,
            bundle_changes,
            _directory: directory,
        }
    }

    /// Why a server does not start: the whole chain of errors.
    ///
    /// # Panics
    /// It does start.
    pub async fn refusal(bundle: &Path, trust: Option<TrustSettings>) -> String {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = server_config(bundle, trust, directory.path());
        match Server::build(&config, parts(&TestPorts::default())).await {
            Ok(_started) => panic!("the server starts"),
            // A bundle's problems are told by whoever prints them.
            Err(error @ BuildServerError::Bundle(_)) => format!("{error:?}"),
            Err(error) => ErrorChain(&error).to_string(),
        }
    }

    /// The state of the bundle once it is as wanted.
    pub async fn bundle_becomes(&self, is_so: impl Fn(&BundleStatus) -> bool) -> BundleStatus {
        let mut changes = self.bundle_changes.clone();
        let becoming = async {
            loop {
                changes.borrow_and_update();
                let status = self.bundle.status();
                if is_so(&status) {
                    return status;
                }
                changes.changed().await.expect("the server lives");
            }
        };
        within("the bundle", becoming).await
    }

    /// A client of the administration.
    ///
    /// # Panics
    /// It does not connect.
    pub async fn admin(&self) -> AdminClient {
        let endpoint = format!("unix:{}", self.admin_socket.display()).parse().expect("an address");
        AdminClient::connect(&endpoint).await.expect("a connection")
    }

    /// Where decisions are served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What tells the time.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.ports.clock
    }

    /// Where decisions are recorded.
    #[must_use]
    pub fn log(&self) -> &MemoryLog {
        &self.ports.log
    }

    /// A connection to the decision surface.
    pub async fn channel(&self) -> Channel {
        connect(format!("http://{}", self.address)).await
    }

    /// A connection to the administration surface.
    pub async fn admin_channel(&self) -> Channel {
        connect(format!("unix:{}", self.admin_socket.display())).await
    }

    /// The generated client of the decision surface.
    pub async fn raw_client(&self) -> AuthorizationServiceClient<Channel> {
        AuthorizationServiceClient::new(self.channel().await)
    }

    /// The generated client of the administration surface.
    pub async fn raw_admin_client(&self) -> AuthorizationServiceClient<Channel> {
        AuthorizationServiceClient::new(self.admin_channel().await)
    }

    /// Our client of the decision surface.
    ///
    /// # Panics
    /// It does not connect.
    pub async fn client(&self) -> Client {
        let endpoint = format!("http://{}", self.address).parse().expect("an address");
        Client::connect(&endpoint).await.expect("a connection")
    }

    /// Tells it to shut down, as SIGTERM would.
    pub fn begin_shutdown(&self) {
        self.stop.cancel();
    }

    /// Waits until it has drained and ended.
    ///
    /// # Panics
    /// It does not end, or with an error.
    pub async fn ended(mut self) {
        let ended = within("the server to end", self.running.join_next()).await;
        ended.expect("it was running").expect("no panic");
    }
}

/// The configuration of a server on any port.
fn server_config(bundle: &Path, trust: Option<TrustSettings>, directory: &Path) -> ServerConfig {
    ServerConfig {
        bundle: bundle.to_owned(),
        rollout: RolloutSettings::DIRECTORY,
        listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
        tls: None,
        trust,
        admin_socket: directory.join("admin.sock"),
        // Not opened: the log is given.
        record: record_config(directory),
        cache_bytes: 1024 * 1024,
        limits: Limits::default(),
    }
}

fn parts(ports: &TestPorts) -> Parts {
    Parts {
        clock: Arc::<ManualClock>::clone(&ports.clock),
        ids: Arc::<SequentialIds>::clone(&ports.ids),
        log: Arc::<MemoryLog>::clone(&ports.log),
        log_state: None,
        digest_key: DigestKey::new([7; 32]),
        observer: Arc::new(Unobserved),
    }
}

/// A log that keeps everything, with small files.
#[must_use]
pub(crate) fn record_config(directory: &Path) -> RecordConfig {
    RecordConfig {
        log: LogConfig {
            directory: directory.join("log"),
            durability: Durability::Commit,
            on_failure: OnFailure::Deny,
            segment_bytes: 256 * 1024,
            retention: Retention { age: None, bytes: None, unshipped: Unshipped::Keep },
            is_shipped: false,
            checkpoint_interval: Duration::from_secs(3600),
            checkpoint_key: directory.join("checkpoint.key"),
        },
        arguments: RecordedArguments::Digest,
        digest_key_file: None,
    }
}

async fn connect(endpoint: String) -> Channel {
    let endpoint = Endpoint::from_shared(endpoint).expect("an address");
    within("a connection", endpoint.connect()).await.expect("a connection")
}
