//! Configuration: one YAML file, then `PALISADE_…` variables, then flags; later wins.
//!
//! [`RawConfig`] holds texts with their origins, [`Config`] what the components get. Only
//! [`RawConfig::accept`] makes the latter, and it reports every problem at once. Nothing here
//! reads the process environment or opens a file other than the configuration file.

mod error;
mod file;
mod print;
mod raw;
mod settings;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use palisade_grpc::{Limits, TlsFiles};
use tracing_subscriber::EnvFilter;

pub use error::{ConfigError, ConfigProblem};
pub use print::{markdown, yaml};
use raw::Reader;
pub use raw::{Environment, FlagValue, Origin, RawConfig};
pub use value::{Listen, TelemetryFormat};

/// What the server and the commands are told. Every value was accepted; whether files and
/// addresses can be opened shows when they are.
#[derive(Debug)]
pub struct Config {
    /// What the server is told.
    pub server: ServerConfig,
    /// What the operator is told.
    pub telemetry: TelemetryConfig,
}

/// What the server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where the bundle is.
    pub bundle: PathBuf,
    /// Where decisions are asked for.
    pub listen: Listen,
    /// Certificates, if decisions are asked for over TLS.
    pub tls: Option<TlsFiles>,
    /// The Unix socket of the administration surface.
    pub admin_socket: PathBuf,
    /// Where decisions are recorded.
    pub log: LogConfig,
    /// Bytes that a bundle may remember of calls it has decided; 0: it remembers nothing.
    pub cache_bytes: usize,
    /// What bounds requests and the server.
    pub limits: Limits,
}

/// Where decisions are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The JSON-lines file; created if missing, appended to otherwise.
    pub path: PathBuf,
    /// Whether an answer waits until its record is on disk.
    pub sync: bool,
    /// The file with the key of argument digests; without it every start makes its own.
    pub digest_key_file: Option<PathBuf>,
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
        let listen = reader.read(&settings::LISTEN_ADDRESS);
        let tls = tls_files(&mut reader, listen.as_ref());
        let admin_socket = reader.read(&settings::ADMIN_SOCKET);
        let log_path = reader.read(&settings::LOG_PATH);
        let log_sync = reader.read(&settings::LOG_SYNC);
        let digest_key_file = reader.read_optional(&settings::LOG_DIGEST_KEY_FILE);
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
                listen: listen?,
                tls,
                admin_socket: admin_socket?,
                log: LogConfig { path: log_path?, sync: log_sync?, digest_key_file },
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
            Some(Config { server, telemetry })
        };
        config().ok_or_else(ConfigError::incomplete)
    }
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
    Some(TlsFiles { certificate, key, client_ca, reload_interval: TLS_RELOAD_INTERVAL })
}

#[cfg(test)]
mod tests;
