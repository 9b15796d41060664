//! `palisade serve`: runs the server until it is told to stop.

use anyhow::Context as _;
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;
use super::{Context, bundle};
use crate::config::{Config, FlagValue};
use crate::exit::Exit;
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
    /// The decision log: sets `log.path`
    #[arg(long, value_name = "FILE")]
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
            flag("--log", "log.path", log),
        ];
        flags.into_iter().flatten().collect()
    }
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Config { server: config, telemetry: told } = context.config(arguments.into_flags())?;
    telemetry::start(told, context.output.colored_notes());
    let parts = Parts::standard(&config.log).context("the server cannot be started")?;
    let runtime = acceptor_runtime()?;
    runtime.block_on(async {
        // Before anything else, so that no signal is lost while the bundle loads.
        let stop = StopSignals::new().context("signals cannot be received")?;
        let server = match Server::build(&config, parts).await {
            Ok(server) => server,
            Err(BuildServerError::Bundle(error)) => {
                return Err(bundle::refuse(&config.bundle, &error, context));
            }
            Err(error) => Err(error).context("the server cannot be started")?,
        };
        server.announce();
        // Records are on disk before they are answered, so nothing is left to flush.
        server.run(stop.received()).await.context("the server failed")?;
        Ok(Exit::Success)
    })
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
