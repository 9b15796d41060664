//! What the server tells its operator: log lines on standard error.

use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{TelemetryConfig, TelemetryFormat};

/// Starts writing log lines. Does nothing if something else in this process already does.
pub(crate) fn start(config: TelemetryConfig, colored: bool) {
    let TelemetryConfig { format, filter } = config;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        TelemetryFormat::Json => lines.json().flatten_event(true).finish().try_init(),
        TelemetryFormat::Text => lines.with_ansi(colored).finish().try_init(),
    };
    if started.is_err() {
        tracing::debug!("log lines are already written by something else");
    }
}
