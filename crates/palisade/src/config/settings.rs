//! The table of settings: file keys, variables, `config --print` and the README's configuration
//! table are derived from it, and a new setting is one entry here and one field of `Config`.

mod bundle;
mod trust;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use palisade_grpc::THREADS_MAX;
use palisade_log::{OnFailure, Unshipped};
use palisade_telemetry::otlp::Protocol;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::value::{
    self, BodyFormat, DurabilityMode, Listen, RecordedArguments, TelemetryFormat, ValueError,
};

pub(crate) use bundle::*;
pub(crate) use trust::*;

/// One setting with the type of its values.
#[derive(Debug)]
pub(crate) struct Setting<T> {
    /// What is known of it beside its type.
    pub(crate) meta: Meta,
    /// Accepts a text.
    pub(crate) parse: fn(&str) -> Result<T, ValueError>,
}

/// What is known of a setting whatever its type.
#[derive(Debug)]
pub(crate) struct Meta {
    /// `section.name`.
    pub(crate) key: &'static str,
    /// Form and limits of its values, for people.
    pub(crate) accepts: &'static str,
    /// What holds when nobody says anything.
    pub(crate) default: Fallback,
    /// What it is for, in one line.
    pub(crate) doc: &'static str,
}

/// What holds when nobody sets a setting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fallback {
    /// This value.
    Fixed(&'static str),
    /// This file in the directory of the user's run-time state, gone after a reboot.
    RuntimeFile(&'static str),
    /// This file in the directory of the user's lasting state.
    StateFile(&'static str),
    /// Nothing; the text says what happens then.
    Unset(&'static str),
}

impl Meta {
    /// The variable that sets it: `listen.address` → `PALISADE_LISTEN_ADDRESS`.
    pub(crate) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Section and name of the key.
    pub(crate) fn section_and_name(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }
}

/// What every variable of ours begins with.
pub(crate) const VARIABLE_PREFIX: &str = "PALISADE_";

/// The variable that names the configuration file; no setting.
pub(crate) const CONFIG_FILE_VARIABLE: &str = "PALISADE_CONFIG";

pub(crate) static LISTEN_ADDRESS: Setting<Listen> = Setting {
    meta: Meta {
        key: "listen.address",
        accepts: "`address:port`, or `unix:/path`",
        default: Fallback::Fixed("127.0.0.1:7711"),
        doc: "Where gateways ask for decisions. Port 0 takes a free one. Beyond loopback it takes \
              `trust.file` and TLS.",
    },
    parse: value::listen_address,
};

pub(crate) static LISTEN_TLS_CERTIFICATE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "listen.tls_certificate",
        accepts: "PEM file",
        default: Fallback::Unset("no TLS"),
        doc: "Certificate of the decision socket, with its chain. Followed while the server runs, as \
              the two below.",
    },
    parse: value::path,
};

pub(crate) static LISTEN_TLS_KEY: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "listen.tls_key",
        accepts: "PEM file",
        default: Fallback::Unset("no TLS"),
        doc: "Key of the certificate.",
    },
    parse: value::path,
};

pub(crate) static LISTEN_TLS_CLIENT_CA: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "listen.tls_client_ca",
        accepts: "PEM file",
        default: Fallback::Unset("no client certificates"),
        doc: "Authorities of client certificates; with them, only callers that have one connect, \
              or, with `trust.file`, show a token instead.",
    },
    parse: value::path,
};

pub(crate) static ADMIN_SOCKET: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "admin.socket",
        accepts: "absolute path, at most 90 bytes",
        default: Fallback::RuntimeFile("admin.sock"),
        doc: "Unix socket of the administration surface (`Explain`); only its owner may connect.",
    },
    parse: value::socket_path,
};

pub(crate) static LOG_DIRECTORY: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "log.directory",
        accepts: "directory",
        default: Fallback::StateFile("log"),
        doc: "Where decisions are recorded; made if it does not exist.",
    },
    parse: value::path,
};

pub(crate) static LOG_DURABILITY: Setting<DurabilityMode> = Setting {
    meta: Meta {
        key: "log.durability",
        accepts: "`commit` or `interval`",
        default: Fallback::Fixed("commit"),
        doc: "`commit`: an answer waits until its record is on disk. `interval`: it does not, and a \
              crash loses the records of the last `log.interval`.",
    },
    parse: value::durability_mode,
};

pub(crate) static LOG_INTERVAL: Setting<Duration> = Setting {
    meta: Meta {
        key: "log.interval",
        accepts: "duration, 1ms to 10s",
        default: Fallback::Unset("100ms"),
        doc: "With `log.durability: interval`: how often records are written.",
    },
    parse: |text| value::duration(text, Duration::from_millis(1)..=Duration::from_secs(10)),
};

pub(crate) static LOG_ON_FAILURE: Setting<OnFailure> = Setting {
    meta: Meta {
        key: "log.on_failure",
        accepts: "`deny` or `answer`",
        default: Fallback::Fixed("deny"),
        doc: "What becomes of calls that cannot be recorded: DENY `log_unavailable`, or the answer \
              as if they were, counted in a gap record when the log is back.",
    },
    parse: value::on_failure,
};

pub(crate) static LOG_ARGUMENTS: Setting<RecordedArguments> = Setting {
    meta: Meta {
        key: "log.arguments",
        accepts: "`digest` or `redacted`",
        default: Fallback::Fixed("digest"),
        doc: "What records hold of arguments: a keyed digest, or their values as well, without what \
              `redact_arguments` of the catalog names and without secrets and personal data.",
    },
    parse: value::recorded_arguments,
};

pub(crate) static LOG_SEGMENT_SIZE: Setting<usize> = Setting {
    meta: Meta {
        key: "log.segment_size",
        accepts: "size, 64KiB to 1GiB",
        default: Fallback::Fixed("64MiB"),
        doc: "Bytes of one file of the log; taken from the disk when it is begun.",
    },
    parse: |text| value::size(text, MIB / 16..=1024 * MIB),
};

pub(crate) static LOG_RETENTION_AGE: Setting<Duration> = Setting {
    meta: Meta {
        key: "log.retention_age",
        accepts: "duration, 1s to 876000h",
        default: Fallback::Unset("records are kept whatever their age"),
        doc: "Records older than this are deleted, whole files at a time.",
    },
    parse: |text| {
        value::duration(text, Duration::from_secs(1)..=Duration::from_secs(876_000 * 3600))
    },
};

pub(crate) static LOG_RETENTION_SIZE: Setting<usize> = Setting {
    meta: Meta {
        key: "log.retention_size",
        accepts: "size, 128KiB to 1048576GiB",
        default: Fallback::Unset("records are kept whatever space they take"),
        doc: "When the log takes more than this, its oldest files are deleted.",
    },
    parse: |text| value::size(text, MIB / 8..=1024 * 1024 * 1024 * MIB),
};

pub(crate) static LOG_RETENTION_UNSHIPPED: Setting<Unshipped> = Setting {
    meta: Meta {
        key: "log.retention_unshipped",
        accepts: "`keep` or `delete`",
        default: Fallback::Fixed("keep"),
        doc: "What becomes of records that are due for deletion and not shipped over OTLP yet.",
    },
    parse: value::unshipped,
};

pub(crate) static LOG_CHECKPOINT_INTERVAL: Setting<Duration> = Setting {
    meta: Meta {
        key: "log.checkpoint_interval",
        accepts: "duration, 1s to 24h",
        default: Fallback::Fixed("1m"),
        doc: "How often the tree over all records is signed while there are new ones.",
    },
    parse: |text| value::duration(text, Duration::from_secs(1)..=Duration::from_secs(24 * 3600)),
};

pub(crate) static LOG_CHECKPOINT_KEY_FILE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "log.checkpoint_key_file",
        accepts: "file with a signed-note key",
        default: Fallback::StateFile("checkpoint.key"),
        doc: "Key that signs checkpoints; made if the file does not exist. Keep it elsewhere than \
              the log, and its public part, which is logged at every start, out of reach of both.",
    },
    parse: value::path,
};

pub(crate) static LOG_DIGEST_KEY_FILE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "log.digest_key_file",
        accepts: "file with 64 hexadecimal digits",
        default: Fallback::Unset("a random key at each start"),
        doc: "Key of the argument digests in records; keep it to compare digests across restarts.",
    },
    parse: value::path,
};

pub(crate) static OTLP_LOGS: Setting<Url> = Setting {
    meta: Meta {
        key: "otlp.logs",
        accepts: "URL, `http` or `https`",
        default: Fallback::Unset("the log is not shipped"),
        doc: "Collector that the decision log is shipped to, e.g. `http://localhost:4317`; \
              every record at least once and in order, whenever the collector is there.",
    },
    parse: value::url,
};

pub(crate) static OTLP_TRACES: Setting<Url> = Setting {
    meta: Meta {
        key: "otlp.traces",
        accepts: "URL, `http` or `https`",
        default: Fallback::Unset("no spans"),
        doc: "Collector of spans.",
    },
    parse: value::url,
};

pub(crate) static OTLP_METRICS: Setting<Url> = Setting {
    meta: Meta {
        key: "otlp.metrics",
        accepts: "URL, `http` or `https`",
        default: Fallback::Unset("metrics are not sent"),
        doc: "Collector of metrics.",
    },
    parse: value::url,
};

pub(crate) static OTLP_PROTOCOL: Setting<Protocol> = Setting {
    meta: Meta {
        key: "otlp.protocol",
        accepts: "`grpc` or `http`",
        default: Fallback::Fixed("grpc"),
        doc: "OTLP over gRPC (by convention port 4317), or as protobuf over HTTP (4318).",
    },
    parse: value::protocol,
};

pub(crate) static OTLP_HEADERS_FILE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "otlp.headers_file",
        accepts: "file with `name: value` lines",
        default: Fallback::Unset("no headers"),
        doc: "Headers of every request to a collector, such as its token. Kept in a file because they are secret.",
    },
    parse: value::path,
};

pub(crate) static OTLP_CA_FILE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "otlp.ca_file",
        accepts: "PEM file",
        default: Fallback::Unset("Mozilla's list"),
        doc: "Authorities of the collectors' certificates.",
    },
    parse: value::path,
};

pub(crate) static OTLP_CLIENT_CERTIFICATE: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "otlp.client_certificate",
        accepts: "PEM file",
        default: Fallback::Unset("none"),
        doc: "Certificate that is shown to collectors, with its chain.",
    },
    parse: value::path,
};

pub(crate) static OTLP_CLIENT_KEY: Setting<PathBuf> = Setting {
    meta: Meta {
        key: "otlp.client_key",
        accepts: "PEM file",
        default: Fallback::Unset("none"),
        doc: "Key of that certificate.",
    },
    parse: value::path,
};

pub(crate) static OTLP_TIMEOUT: Setting<Duration> = Setting {
    meta: Meta {
        key: "otlp.timeout",
        accepts: "duration, 100ms to 5m",
        default: Fallback::Fixed("10s"),
        doc: "How long a collector may take to answer; then the request is sent again.",
    },
    parse: |text| value::duration(text, Duration::from_millis(100)..=Duration::from_secs(300)),
};

pub(crate) static OTLP_BODY: Setting<BodyFormat> = Setting {
    meta: Meta {
        key: "otlp.body",
        accepts: "`palisade` or `ocsf`",
        default: Fallback::Fixed("palisade"),
        doc: "What the body of a shipped decision is: a sentence for people, or an OCSF API Activity \
              event. The attributes are the same.",
    },
    parse: value::body_format,
};

pub(crate) static OTLP_TRACE_RATIO: Setting<f64> = Setting {
    meta: Meta {
        key: "otlp.trace_ratio",
        accepts: "number, 0 to 1",
        default: Fallback::Fixed("1"),
        doc: "Share of the calls without a trace of their caller that get one. Calls with one follow \
              their caller.",
    },
    parse: value::ratio,
};

pub(crate) static OTLP_METRICS_INTERVAL: Setting<Duration> = Setting {
    meta: Meta {
        key: "otlp.metrics_interval",
        accepts: "duration, 1s to 1h",
        default: Fallback::Fixed("10s"),
        doc: "How often metrics are sent.",
    },
    parse: |text| value::duration(text, Duration::from_secs(1)..=Duration::from_secs(3600)),
};

pub(crate) static CACHE_BYTES: Setting<usize> = Setting {
    meta: Meta {
        key: "cache.bytes",
        accepts: "size, 0MiB to 64GiB",
        default: Fallback::Fixed("64MiB"),
        doc: "What a bundle may remember of calls it has decided, in bytes; 0MiB: nothing.",
    },
    parse: |text| value::size(text, 0..=64 * 1024 * MIB),
};

pub(crate) static LIMITS_THREADS: Setting<NonZeroU32> = Setting {
    meta: Meta {
        key: "limits.threads",
        accepts: "number, 1 to 1024",
        default: Fallback::Unset("one for each processor"),
        doc: "Threads that answer decisions; each connection stays on one of them.",
    },
    parse: |text| value::count(text, THREADS_MAX),
};

pub(crate) static LIMITS_REQUEST_TIMEOUT: Setting<Duration> = Setting {
    meta: Meta {
        key: "limits.request_timeout",
        accepts: "duration, 10ms to 60s",
        default: Fallback::Fixed("5s"),
        doc: "How long one request may take; then it is answered DEADLINE_EXCEEDED.",
    },
    parse: |text| value::duration(text, Duration::from_millis(10)..=Duration::from_secs(60)),
};

pub(crate) static LIMITS_CONCURRENCY: Setting<NonZeroU32> = Setting {
    meta: Meta {
        key: "limits.concurrency",
        accepts: "number, 1 to 65536",
        default: Fallback::Fixed("4096"),
        doc: "Requests being answered at once; more are answered RESOURCE_EXHAUSTED.",
    },
    parse: |text| value::count(text, 65_536),
};

pub(crate) static LIMITS_CONNECTIONS: Setting<NonZeroU32> = Setting {
    meta: Meta {
        key: "limits.connections",
        accepts: "number, 1 to 65536",
        default: Fallback::Fixed("1024"),
        doc: "Connections being served at once, fewer if the process may not open as many files. \
              While all are in use for longer than a second, further ones are refused.",
    },
    parse: |text| value::count(text, 65_536),
};

pub(crate) static LIMITS_IDLE_TIMEOUT: Setting<Duration> = Setting {
    meta: Meta {
        key: "limits.idle_timeout",
        accepts: "duration, 1s to 24h",
        default: Fallback::Fixed("5m"),
        doc: "How long a connection may have no call before it is closed; it is at the latest after \
              twice that.",
    },
    parse: |text| value::duration(text, Duration::from_secs(1)..=Duration::from_secs(24 * 3600)),
};

pub(crate) static LIMITS_HELD_BYTES: Setting<usize> = Setting {
    meta: Meta {
        key: "limits.held_bytes",
        accepts: "size, 16MiB to 64GiB",
        default: Fallback::Fixed("64MiB"),
        doc: "Requests being received or answered and answers not taken yet, in bytes, beyond \
              256 KiB of each connection; what goes beyond is answered RESOURCE_EXHAUSTED.",
    },
    // At least one batch.
    parse: |text| value::size(text, 16 * MIB..=64 * 1024 * MIB),
};

const MIB: u64 = 1024 * 1024;

pub(crate) static LIMITS_DRAIN_TIMEOUT: Setting<Duration> = Setting {
    meta: Meta {
        key: "limits.drain_timeout",
        accepts: "duration, 0s to 5m",
        default: Fallback::Fixed("10s"),
        doc: "How long open calls may take to end after SIGTERM or SIGINT.",
    },
    parse: |text| value::duration(text, Duration::ZERO..=Duration::from_secs(300)),
};

pub(crate) static TELEMETRY_FORMAT: Setting<TelemetryFormat> = Setting {
    meta: Meta {
        key: "telemetry.format",
        accepts: "`text` or `json`",
        default: Fallback::Fixed("text"),
        doc: "How log lines look; they go to standard error.",
    },
    parse: value::telemetry_format,
};

pub(crate) static TELEMETRY_FILTER: Setting<EnvFilter> = Setting {
    meta: Meta {
        key: "telemetry.filter",
        accepts: "level, or `target=level` pairs",
        default: Fallback::Fixed("info"),
        doc: "Which log lines are written, e.g. `warn,palisade=debug`.",
    },
    parse: value::filter,
};

pub(crate) static TELEMETRY_METRICS_ADDRESS: Setting<SocketAddr> = Setting {
    meta: Meta {
        key: "telemetry.metrics_address",
        accepts: "`address:port`",
        default: Fallback::Unset("not served"),
        doc: "Where Prometheus reads metrics, at `/metrics` over HTTP. Whoever can connect may read \
              them; they name no actor and no argument.",
    },
    parse: value::socket_address,
};

/// Every setting, in the order of documentation.
pub(crate) static SETTINGS: [&Meta; 57] = [
    &BUNDLE_PATH.meta,
    &BUNDLE_REPOSITORY.meta,
    &BUNDLE_ROOT.meta,
    &BUNDLE_NAME.meta,
    &BUNDLE_CHANNEL.meta,
    &BUNDLE_STATE.meta,
    &BUNDLE_POLL_INTERVAL.meta,
    &BUNDLE_MAX_STALENESS.meta,
    &BUNDLE_KEEP.meta,
    &SHADOW_CHANNEL.meta,
    &SHADOW_PATH.meta,
    &SHADOW_SAMPLE.meta,
    &LISTEN_ADDRESS.meta,
    &LISTEN_TLS_CERTIFICATE.meta,
    &LISTEN_TLS_KEY.meta,
    &LISTEN_TLS_CLIENT_CA.meta,
    &ADMIN_SOCKET.meta,
    &TRUST_FILE.meta,
    &TRUST_STATE.meta,
    &EVENTS_ADDRESS.meta,
    &EVENTS_TLS_CERTIFICATE.meta,
    &EVENTS_TLS_KEY.meta,
    &LOG_DIRECTORY.meta,
    &LOG_DURABILITY.meta,
    &LOG_INTERVAL.meta,
    &LOG_ON_FAILURE.meta,
    &LOG_ARGUMENTS.meta,
    &LOG_SEGMENT_SIZE.meta,
    &LOG_RETENTION_AGE.meta,
    &LOG_RETENTION_SIZE.meta,
    &LOG_RETENTION_UNSHIPPED.meta,
    &LOG_CHECKPOINT_INTERVAL.meta,
    &LOG_CHECKPOINT_KEY_FILE.meta,
    &LOG_DIGEST_KEY_FILE.meta,
    &OTLP_LOGS.meta,
    &OTLP_TRACES.meta,
    &OTLP_METRICS.meta,
    &OTLP_PROTOCOL.meta,
    &OTLP_HEADERS_FILE.meta,
    &OTLP_CA_FILE.meta,
    &OTLP_CLIENT_CERTIFICATE.meta,
    &OTLP_CLIENT_KEY.meta,
    &OTLP_TIMEOUT.meta,
    &OTLP_BODY.meta,
    &OTLP_TRACE_RATIO.meta,
    &OTLP_METRICS_INTERVAL.meta,
    &CACHE_BYTES.meta,
    &LIMITS_THREADS.meta,
    &LIMITS_REQUEST_TIMEOUT.meta,
    &LIMITS_CONCURRENCY.meta,
    &LIMITS_CONNECTIONS.meta,
    &LIMITS_IDLE_TIMEOUT.meta,
    &LIMITS_HELD_BYTES.meta,
    &LIMITS_DRAIN_TIMEOUT.meta,
    &TELEMETRY_FORMAT.meta,
    &TELEMETRY_FILTER.meta,
    &TELEMETRY_METRICS_ADDRESS.meta,
];

/// The setting with this key.
pub(crate) fn by_key(key: &str) -> Option<&'static Meta> {
    SETTINGS.into_iter().find(|meta| meta.key == key)
}

/// The setting with this variable.
pub(crate) fn by_variable(variable: &str) -> Option<&'static Meta> {
    SETTINGS.into_iter().find(|meta| meta.variable() == variable)
}
