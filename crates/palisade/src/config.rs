//! Configuration: one YAML file, then `PALISADE_…` variables, then flags; later wins.
//!
//! [`RawConfig`] holds texts with their origins, [`Config`] what the components get. Only
//! [`RawConfig::accept`] makes the latter, and it reports every problem at once. Nothing here
//! reads the process environment or opens a file other than the configuration file.

mod error;
mod file;
mod print;
mod raw;
mod rollout;
mod settings;
mod trust;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use palisade_grpc::{Limits, TlsFiles};
use palisade_log::{Durability, LogConfig, Retention};
use palisade_telemetry::otlp::Protocol;
use tracing_subscriber::EnvFilter;
use url::Url;

pub use error::{ConfigError, ConfigProblem};
pub use print::{markdown, yaml};
use raw::Reader;
pub use raw::{Environment, FlagValue, Origin, RawConfig};
pub use rollout::{RepositorySettings, RolloutSettings};
pub use trust::{EventSettings, TrustSettings};
use value::DurabilityMode;
pub use value::{BodyFormat, Listen, RecordedArguments, TelemetryFormat};

/// What the server and the commands are told. Every value was accepted; whether files and
/// addresses can be opened shows when they are.
#[derive(Debug)]
pub struct Config {
    /// What the server is told.
    pub server: ServerConfig,
    /// What leaves for an observability stack.
    pub export: ExportConfig,
    /// What the operator is told.
    pub telemetry: TelemetryConfig,
}

/// What the server is told.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerConfig {
    /// Where the bundle is, for commands that look into one and for a server without a repository.
    pub bundle: PathBuf,
    /// How revisions of it come into force.
    pub rollout: RolloutSettings,
    /// Where decisions are asked for.
    pub listen: Listen,
    /// Certificates, if decisions are asked for over TLS.
    pub tls: Option<TlsFiles>,
    /// Whom the server trusts; `None`: nobody proves anything.
    pub trust: Option<TrustSettings>,
    /// The Unix socket of the administration surface.
    pub admin_socket: PathBuf,
    /// How decisions are recorded.
    pub record: RecordConfig,
    /// Bytes that a bundle may remember of calls it has decided; 0: it remembers nothing.
    pub cache_bytes: usize,
    /// What bounds requests and the server.
    pub limits: Limits,
}

/// What is recorded, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// The log.
    pub log: LogConfig,
    /// What records hold of arguments.
    pub arguments: RecordedArguments,
    /// The file with the key of argument digests; without it every start makes its own.
    pub digest_key_file: Option<PathBuf>,
}

/// What leaves for an observability stack.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportConfig {
    /// Where the decision log is shipped to.
    pub logs: Option<Url>,
    /// Where spans are sent.
    pub traces: Option<Url>,
    /// Where metrics are sent.
    pub metrics: Option<Url>,
    /// How all of them are carried.
    pub protocol: Protocol,
    /// Lines of headers.
    pub headers_file: Option<PathBuf>,
    /// Authorities of the collectors' certificates.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key.
    pub client_identity: Option<(PathBuf, PathBuf)>,
    /// How long a collector may take.
    pub timeout: Duration,
    /// What the body of a shipped decision is.
    pub body: BodyFormat,
    /// Share of calls without a caller's trace that get one.
    pub trace_ratio: f64,
    /// How often metrics are sent.
    pub metrics_interval: Duration,
    /// Where metrics are read.
    pub metrics_address: Option<SocketAddr>,
}

/// What the operator is told.
#[derive(Debug)]
pub struct TelemetryConfig {
    /// How log lines look.
    pub format: TelemetryFormat,
    /// Which log lines are written.
    pub filter: EnvFilter,
}

impl RawConfig {
    /// Accepts the configuration.
    ///
    /// # Errors
    /// Every problem of every source: unknown names and unacceptable values alike.
    pub fn accept(&self) -> Result<Config, ConfigError> {
        let mut reader = self.reader();
        let bundle = reader.read(&settings::BUNDLE_PATH);
        let rollout = rollout::read(&mut reader);
        let listen = reader.read(&settings::LISTEN_ADDRESS);
        let tls = tls_files(&mut reader, listen.as_ref());
        let trust = trust::read(&mut reader);
        trust::check_listen(&mut reader, listen.as_ref(), tls.is_some());
        let admin_socket = reader.read(&settings::ADMIN_SOCKET);
        let record = record(&mut reader);
        let export = export(&mut reader);
        let cache_bytes = reader.read(&settings::CACHE_BYTES);
        let threads = reader.read_optional(&settings::LIMITS_THREADS);
        let request_timeout = reader.read(&settings::LIMITS_REQUEST_TIMEOUT);
        let concurrency = reader.read(&settings::LIMITS_CONCURRENCY);
        let connections = reader.read(&settings::LIMITS_CONNECTIONS);
        let idle_timeout = reader.read(&settings::LIMITS_IDLE_TIMEOUT);
        let held_bytes = reader.read(&settings::LIMITS_HELD_BYTES);
        let drain_timeout = reader.read(&settings::LIMITS_DRAIN_TIMEOUT);
        let format = reader.read(&settings::TELEMETRY_FORMAT);
        let filter = reader.read(&settings::TELEMETRY_FILTER);
        reader.finish()?;
        // Without a problem no value is missing; a lost one is an error, never a default.
        let config = || -> Option<Config> {
            let defaults = Limits::default();
            let server = ServerConfig {
                bundle: bundle?,
                rollout: rollout?,
                listen: listen?,
                tls,
                trust,
                admin_socket: admin_socket?,
                record: record?,
                cache_bytes: cache_bytes?,
                limits: Limits {
                    threads: threads.unwrap_or(defaults.threads),
                    request_timeout: request_timeout?,
                    drain_timeout: drain_timeout?,
                    connections_max: connections?,
                    idle_timeout: idle_timeout?,
                    calls_max: concurrency?,
                    held_bytes_max: held_bytes?,
                    ..defaults
                },
            };
            let telemetry = TelemetryConfig { format: format?, filter: filter? };
            Some(Config { server, export: export?, telemetry })
        };
        config().ok_or_else(ConfigError::incomplete)
    }
}

/// What leaves for an observability stack; `None` after a problem.
fn export(reader: &mut Reader<'_>) -> Option<ExportConfig> {
    let logs = reader.read_optional(&settings::OTLP_LOGS);
    let traces = reader.read_optional(&settings::OTLP_TRACES);
    let metrics = reader.read_optional(&settings::OTLP_METRICS);
    let protocol = reader.read(&settings::OTLP_PROTOCOL);
    let headers_file = reader.read_optional(&settings::OTLP_HEADERS_FILE);
    let ca_file = reader.read_optional(&settings::OTLP_CA_FILE);
    let certificate = reader.read_optional(&settings::OTLP_CLIENT_CERTIFICATE);
    let key = reader.read_optional(&settings::OTLP_CLIENT_KEY);
    let timeout = reader.read(&settings::OTLP_TIMEOUT);
    let body = reader.read(&settings::OTLP_BODY);
    let trace_ratio = reader.read(&settings::OTLP_TRACE_RATIO);
    let metrics_interval = reader.read(&settings::OTLP_METRICS_INTERVAL);
    let metrics_address = reader.read_optional(&settings::TELEMETRY_METRICS_ADDRESS);
    let identity = [&settings::OTLP_CLIENT_CERTIFICATE, &settings::OTLP_CLIENT_KEY];
    if !identity.into_iter().all(|setting| reader.is_set(setting)) {
        for setting in identity {
            let message =
                "a certificate takes both `otlp.client_certificate` and `otlp.client_key`";
            reader.refuse_if_set(setting, message);
        }
    }
    Some(ExportConfig {
        logs,
        traces,
        metrics,
        protocol: protocol?,
        headers_file,
        ca_file,
        client_identity: certificate.zip(key),
        timeout: timeout?,
        body: body?,
        trace_ratio: trace_ratio?,
        metrics_interval: metrics_interval?,
        metrics_address,
    })
}

/// How often records are written if an answer does not wait for them.
const LOG_INTERVAL_DEFAULT: Duration = Duration::from_millis(100);

/// How decisions are recorded; `None` after a problem.
fn record(reader: &mut Reader<'_>) -> Option<RecordConfig> {
    let directory = reader.read(&settings::LOG_DIRECTORY);
    let durability = reader.read(&settings::LOG_DURABILITY);
    let interval = reader.read_optional(&settings::LOG_INTERVAL);
    let on_failure = reader.read(&settings::LOG_ON_FAILURE);
    let arguments = reader.read(&settings::LOG_ARGUMENTS);
    let segment_size = reader.read(&settings::LOG_SEGMENT_SIZE);
    let age = reader.read_optional(&settings::LOG_RETENTION_AGE);
    let size = reader.read_optional(&settings::LOG_RETENTION_SIZE);
    let unshipped = reader.read(&settings::LOG_RETENTION_UNSHIPPED);
    let checkpoint_interval = reader.read(&settings::LOG_CHECKPOINT_INTERVAL);
    let checkpoint_key = reader.read(&settings::LOG_CHECKPOINT_KEY_FILE);
    let digest_key_file = reader.read_optional(&settings::LOG_DIGEST_KEY_FILE);
    if durability == Some(DurabilityMode::Commit) {
        let message = "it means something only with `log.durability: interval`";
        reader.refuse_if_set(&settings::LOG_INTERVAL, message);
    }
    let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let log = LogConfig {
        directory: directory?,
        durability: match durability? {
            DurabilityMode::Commit => Durability::Commit,
            DurabilityMode::Interval => {
                Durability::Interval(interval.unwrap_or(LOG_INTERVAL_DEFAULT))
            }
        },
        on_failure: on_failure?,
        segment_bytes: bytes(segment_size?),
        retention: Retention { age, bytes: size.map(bytes), unshipped: unshipped? },
        is_shipped: reader.is_set(&settings::OTLP_LOGS),
        checkpoint_interval: checkpoint_interval?,
        checkpoint_key: checkpoint_key?,
    };
    Some(RecordConfig { log, arguments: arguments?, digest_key_file })
}

/// How often the files for TLS are looked at.
// LIMIT: reading a few kilobytes costs nothing; whoever changes certificates waits no longer.
const TLS_RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// The files for TLS: certificate and key, or nothing at all.
fn tls_files(reader: &mut Reader<'_>, listen: Option<&Listen>) -> Option<TlsFiles> {
    let certificate = reader.read_optional(&settings::LISTEN_TLS_CERTIFICATE);
    let key = reader.read_optional(&settings::LISTEN_TLS_KEY);
    let client_ca = reader.read_optional(&settings::LISTEN_TLS_CLIENT_CA);
    let complete = [&settings::LISTEN_TLS_CERTIFICATE, &settings::LISTEN_TLS_KEY]
        .into_iter()
        .all(|setting| reader.is_set(setting));
    // FAIL-CLOSED: half of it would be no TLS, or no client certificates, where some are meant.
    let all = [
        &settings::LISTEN_TLS_CERTIFICATE,
        &settings::LISTEN_TLS_KEY,
        &settings::LISTEN_TLS_CLIENT_CA,
    ];
    for setting in all {
        if matches!(listen, Some(Listen::Unix(_))) {
            reader.refuse_if_set(setting, "a Unix socket has no TLS");
        } else if !complete {
            let message = "TLS takes both `listen.tls_certificate` and `listen.tls_key`";
            reader.refuse_if_set(setting, message);
        }
    }
    let (certificate, key) = (certificate?, key?);
    Some(TlsFiles {
        certificate,
        key,
        client_ca,
        client_certificate_optional: reader.is_set(&settings::TRUST_FILE),
        reload_interval: TLS_RELOAD_INTERVAL,
    })
}

#[cfg(test)]
mod tests;
