//! Reads one value from its text. Every function here is pure.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use palisade_bundle::repository::Channel;
use palisade_core::{BundleName, format_duration, parse_duration};
use palisade_log::{OnFailure, Unshipped};
use palisade_telemetry::otlp::Protocol;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use url::Url;

/// Where decisions are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A loopback address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// When a record counts as kept, without the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DurabilityMode {
    /// When it is on disk.
    Commit,
    /// At once.
    Interval,
}

/// What records hold of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedArguments {
    /// A keyed digest.
    Digest,
    /// The values as well, redacted.
    Redacted,
}

/// What the body of a shipped decision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// An OCSF event.
    Ocsf,
    /// A sentence.
    Palisade,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelemetryFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// Why a text is no value of its setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ValueError {
    #[error("`{text}` is no `address:port` and no `unix:/path`")]
    Address { text: String },
    #[error("`{text}` is not one of {choices}")]
    Choice { text: String, choices: &'static str },
    #[error("it contains a control character or is not UTF-8")]
    ControlCharacter,
    #[error(
        "`{text}` is no duration; write a whole number and `ms`, `s`, `m` or `h`, e.g. `250ms`"
    )]
    Duration { text: String },
    #[error("it is empty")]
    Empty,
    #[error("`{text}` is no log filter")]
    Filter {
        text: String,
        #[source]
        source: ParseError,
    },
    #[error("`{text}` is no whole number")]
    Number { text: String },
    #[error("`{text}` is not within {min} to {max}")]
    OutOfRange { text: String, min: String, max: String },
    #[error("`{text}` is no absolute path")]
    RelativePath { text: String },
    #[error("`{text}` is no size; write a whole number and `KiB`, `MiB` or `GiB`, e.g. `64MiB`")]
    Size { text: String },
    #[error("`{text}` is no `address:port`")]
    SocketAddress { text: String },
    #[error("the path has {bytes} bytes; the limit is {SOCKET_PATH_BYTES_MAX}")]
    SocketPathTooLong { bytes: usize },
    #[error("it is no `http` or `https` URL")]
    Url,
    #[error("it is no `https`, `http` or `file` URL")]
    RepositoryUrl,
    #[error("`{text}` has other characters than a-z, 0-9 and `-`, none, or too many")]
    Name { text: String },
}

/// Bytes of a Unix socket's path.
// LIMIT: the kernel takes 107 (Linux) or 103 (macOS); the socket is made in a private directory
// beside its final place first, whose name is longer by up to 13 bytes.
pub(crate) const SOCKET_PATH_BYTES_MAX: usize = 90;

pub(crate) fn path(text: &str) -> Result<PathBuf, ValueError> {
    if text.is_empty() {
        return Err(ValueError::Empty);
    }
    // U+FFFD stands for bytes of a variable that were no UTF-8.
    if text.chars().any(|character| character.is_control() || character == '\u{fffd}') {
        return Err(ValueError::ControlCharacter);
    }
    Ok(PathBuf::from(text))
}

pub(crate) fn socket_path(text: &str) -> Result<PathBuf, ValueError> {
    let path = path(text)?;
    if !path.is_absolute() {
        return Err(ValueError::RelativePath { text: text.to_owned() });
    }
    if text.len() > SOCKET_PATH_BYTES_MAX {
        return Err(ValueError::SocketPathTooLong { bytes: text.len() });
    }
    Ok(path)
}

pub(crate) fn listen_address(text: &str) -> Result<Listen, ValueError> {
    if let Some(path) = text.strip_prefix("unix:") {
        return socket_path(path).map(Listen::Unix);
    }
    let address = match text.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        None => text.parse().ok(),
    };
    let Some(address) = address else {
        return Err(ValueError::Address { text: text.to_owned() });
    };
    Ok(Listen::Tcp(address))
}

/// One of some words.
fn choice<T: Copy>(
    text: &str,
    choices: &'static str,
    meanings: &[(&str, T)],
) -> Result<T, ValueError> {
    let meant = meanings.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    meant.ok_or_else(|| ValueError::Choice { text: text.to_owned(), choices })
}

pub(crate) fn durability_mode(text: &str) -> Result<DurabilityMode, ValueError> {
    let meanings = [("commit", DurabilityMode::Commit), ("interval", DurabilityMode::Interval)];
    choice(text, "`commit`, `interval`", &meanings)
}

pub(crate) fn on_failure(text: &str) -> Result<OnFailure, ValueError> {
    choice(text, "`deny`, `answer`", &[("deny", OnFailure::Deny), ("answer", OnFailure::Answer)])
}

pub(crate) fn recorded_arguments(text: &str) -> Result<RecordedArguments, ValueError> {
    let meanings =
        [("digest", RecordedArguments::Digest), ("redacted", RecordedArguments::Redacted)];
    choice(text, "`digest`, `redacted`", &meanings)
}

pub(crate) fn unshipped(text: &str) -> Result<Unshipped, ValueError> {
    choice(text, "`keep`, `delete`", &[("keep", Unshipped::Keep), ("delete", Unshipped::Delete)])
}

pub(crate) fn protocol(text: &str) -> Result<Protocol, ValueError> {
    choice(text, "`grpc`, `http`", &[("grpc", Protocol::Grpc), ("http", Protocol::HttpProtobuf)])
}

pub(crate) fn body_format(text: &str) -> Result<BodyFormat, ValueError> {
    let meanings = [("palisade", BodyFormat::Palisade), ("ocsf", BodyFormat::Ocsf)];
    choice(text, "`palisade`, `ocsf`", &meanings)
}

pub(crate) fn url(text: &str) -> Result<Url, ValueError> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        // The text may hold a password.
        _ => Err(ValueError::Url),
    }
}

pub(crate) fn repository_url(text: &str) -> Result<Url, ValueError> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "file" && url.to_file_path().is_ok() => Ok(url),
        _ => url(text).map_err(|_no_url| ValueError::RepositoryUrl),
    }
}

pub(crate) fn bundle_name(text: &str) -> Result<BundleName, ValueError> {
    BundleName::new(text).ok_or_else(|| ValueError::Name { text: text.to_owned() })
}

pub(crate) fn channel(text: &str) -> Result<Channel, ValueError> {
    Channel::new(text).ok_or_else(|| ValueError::Name { text: text.to_owned() })
}

pub(crate) fn ratio(text: &str) -> Result<f64, ValueError> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(ValueError::OutOfRange {
            text: text.to_owned(),
            min: "0".to_owned(),
            max: "1".to_owned(),
        }),
    }
}

pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_no_address| ValueError::SocketAddress { text: text.to_owned() })
}

pub(crate) fn telemetry_format(text: &str) -> Result<TelemetryFormat, ValueError> {
    let meanings = [("text", TelemetryFormat::Text), ("json", TelemetryFormat::Json)];
    choice(text, "`text`, `json`", &meanings)
}

pub(crate) fn filter(text: &str) -> Result<EnvFilter, ValueError> {
    EnvFilter::try_new(text).map_err(|source| ValueError::Filter { text: text.to_owned(), source })
}

pub(crate) fn duration(
    text: &str,
    range: RangeInclusive<Duration>,
) -> Result<Duration, ValueError> {
    let Some(duration) = parse_duration(text) else {
        return Err(ValueError::Duration { text: text.to_owned() });
    };
    if !range.contains(&duration) {
        let (min, max) = (format_duration(*range.start()), format_duration(*range.end()));
        return Err(ValueError::OutOfRange { text: text.to_owned(), min, max });
    }
    Ok(duration)
}

pub(crate) fn count(text: &str, max: u32) -> Result<NonZeroU32, ValueError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ValueError::Number { text: text.to_owned() });
    }
    match text.parse::<NonZeroU32>() {
        Ok(number) if number.get() <= max => Ok(number),
        _ => Err(ValueError::OutOfRange {
            text: text.to_owned(),
            min: "1".to_owned(),
            max: max.to_string(),
        }),
    }
}

/// Reads a number of bytes, e.g. `64MiB`.
pub(crate) fn size(text: &str, range: RangeInclusive<u64>) -> Result<usize, ValueError> {
    let no_size = || ValueError::Size { text: text.to_owned() };
    let parse = |(unit, factor): &(&str, u64)| {
        let digits = text.strip_suffix(unit)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // What no number holds is out of every range.
        is_number.then(|| digits.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(*factor))
    };
    let bytes = SIZE_UNITS.iter().find_map(parse).ok_or_else(no_size)?;
    match usize::try_from(bytes) {
        Ok(size) if range.contains(&bytes) => Ok(size),
        _ => Err(ValueError::OutOfRange {
            text: text.to_owned(),
            min: format_size(*range.start()),
            max: format_size(*range.end()),
        }),
    }
}

/// Writes a number of bytes in the largest unit that says it exactly.
fn format_size(bytes: u64) -> String {
    let largest = SIZE_UNITS.iter().rev().find(|(_, factor)| bytes.is_multiple_of(*factor));
    largest.map_or_else(
        || format!("{bytes} bytes"),
        |(unit, factor)| format!("{}{unit}", bytes / factor),
    )
}

const SIZE_UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
