//! `palisade serve`: runs the server until it is told to stop.

use std::sync::Arc;

use anyhow::Context as _;
use palisade_core::Clock;
use palisade_log::SegmentLog;
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;
use super::{Context, bundle};
use crate::config::{Config, ExportConfig, FlagValue, ServerConfig};
use crate::exit::Exit;
use crate::export::Export;
use crate::server::{BuildServerError, Parts, Server};
use crate::telemetry;

const EXAMPLES: &str = "\
Examples:
  palisade serve --bundle policies/quickstart
  palisade serve --bundle /etc/palisade/bundle --listen unix:/run/palisade/pdp.sock
  palisade --config palisade.yaml serve

SIGTERM and SIGINT end it: no new calls, open ones may finish within `limits.drain_timeout`.
All settings: `palisade config --markdown`.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The bundle: sets `bundle.path`
    #[arg(long, value_name = "DIR")]
    bundle: Option<String>,
    /// Where to listen: sets `listen.address`
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The administration socket: sets `admin.socket`
    #[arg(long, value_name = "PATH")]
    admin_socket: Option<String>,
    /// The decision log: sets `log.directory`
    #[arg(long, value_name = "DIR")]
    log: Option<String>,
}

impl Arguments {
    fn into_flags(self) -> Vec<FlagValue> {
        let Self { bundle, listen, admin_socket, log } = self;
        let flag = |flag, key: &str, text: Option<String>| {
            text.map(|text| FlagValue { flag, key: key.to_owned(), text })
        };
        let flags = [
            flag("--bundle", "bundle.path", bundle),
            flag("--listen", "listen.address", listen),
            flag("--admin-socket", "admin.socket", admin_socket),
            flag("--log", "log.directory", log),
        ];
        flags.into_iter().flatten().collect()
    }
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Config { server: config, export, telemetry: told } =
        context.config(arguments.into_flags())?;
    telemetry::start(told, context.output.colored_notes());
    let (parts, running) = Running::start(&config, &export)?;
    let runtime = acceptor_runtime()?;
    let ended = runtime.block_on(async {
        // Before anything else, so that no signal is lost while the bundle loads.
        let stop = StopSignals::new().context("signals cannot be received")?;
        let server = match Server::build(&config, parts).await {
            Ok(server) => server,
            Err(BuildServerError::Bundle(error)) => {
                return Err(bundle::refuse(&config.bundle, &error, context));
            }
            Err(error) => Err(error).context("the server cannot be started")?,
        };
        running.watch(&server);
        server.announce();
        server.run(stop.received()).await.context("the server failed")?;
        Ok(Exit::Success)
    });
    running.end();
    ended
}

/// What runs beside a server.
pub(super) struct Running {
    log: Arc<SegmentLog>,
    export: Export,
    clock: Arc<dyn Clock>,
}

impl Running {
    /// Opens the log and starts what leaves for an observability stack; with the parts of a server.
    pub(super) fn start(
        config: &ServerConfig,
        export: &ExportConfig,
    ) -> Result<(Parts, Self), Failure> {
        // Its rules take a while, and no call should wait for them.
        palisade_redact::warm();
        let (mut parts, log) =
            Parts::standard(&config.record).context("the server cannot be started")?;
        let clock = Arc::clone(&parts.clock);
        let directory = &config.record.log.directory;
        let export = Export::start(export, directory, &log, &clock)
            .context("telemetry cannot be started")?;
        parts.observer = export.observer();
        Ok((parts, Self { log, export, clock }))
    }

    /// Counts what the server's bundle remembers, too.
    pub(super) fn watch(&self, server: &Server) {
        self.export.watch_bundle(server.snapshots(), &server.bundle_control(), &self.clock);
    }

    /// Closes the log, then ships what is left of it.
    pub(super) fn end(self) {
        self.log.close();
        self.export.end();
    }
}

/// The runtime of this thread, which accepts connections; they are answered on others.
pub(super) fn acceptor_runtime() -> Result<Runtime, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("the async runtime cannot be started")?)
}

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Receives them from now on; must be called within a runtime.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for either.
    pub(super) async fn received(mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
    }
}
