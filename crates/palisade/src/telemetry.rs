//! What the server tells its operator: log lines on standard error.

use std::io::{self, Write};

use palisade_redact::Scope;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{TelemetryConfig, TelemetryFormat};

/// Masks secrets in what is written. A log line comes as one write.
struct WithoutSecrets<W>(W);

impl<W: Write> Write for WithoutSecrets<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.write_all(palisade_redact::text(&text, Scope::Secrets).text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Starts writing log lines. Does nothing if something else in this process already does.
pub(crate) fn start(config: TelemetryConfig, colored: bool) {
    let TelemetryConfig { format, filter } = config;
    let lines = fmt().with_env_filter(filter).with_writer(|| WithoutSecrets(io::stderr()));
    let started = match format {
        TelemetryFormat::Json => lines.json().flatten_event(true).finish().try_init(),
        TelemetryFormat::Text => lines.with_ansi(colored).finish().try_init(),
    };
    if started.is_err() {
        tracing::debug!("log lines are already written by something else");
    }
}
