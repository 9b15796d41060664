//! `palisade quickstart`: a server with a sample bundle, and an agent run against it.
//!
//! The run goes over real gRPC through the same client that a gateway would use. The bundle is the
//! one in `policies/quickstart`, embedded, so that an installed binary shows the same everywhere.

mod embedded;
mod run;

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::serve::{Running, StopSignals, acceptor_runtime};
use super::{Context, asking, bundle};
use crate::config::{Config, Environment, FlagValue, Listen, RolloutSettings, ServerConfig};
use crate::exit::Exit;
use crate::output::Output;
use crate::server::{BuildServerError, Server};
use crate::telemetry;
use embedded::SampleDirectory;

const EXAMPLES: &str = "\
Examples:
  palisade quickstart
  palisade quickstart --once

Listens on the setting `listen.address`, or on a free port if that one is taken.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// End after the run instead of staying up
    #[arg(long)]
    once: bool,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let sample = SampleDirectory::create(&temporary_directory(&context.environment))
        .context("the sample bundle cannot be written")?;
    let Config { server: mut config, export, telemetry: told } = context.config(flags(&sample)?)?;
    // The sample, whatever a server of one's own would follow.
    config.rollout = RolloutSettings::DIRECTORY;
    // The agent of the run speaks no TLS.
    if config.tls.take().is_some() {
        context.output.note(format_args!("the quickstart does without TLS"))?;
    }
    let config = with_free_address(config, context.output)?;
    telemetry::start(told, context.output.colored_notes());
    let (parts, running) = Running::start(&config, &export)?;
    let runtime = acceptor_runtime()?;
    let ended = runtime.block_on(async {
        let signals = StopSignals::new().context("signals cannot be received")?;
        let server = match Server::build(&config, parts).await {
            Ok(server) => server,
            Err(BuildServerError::Bundle(error)) => {
                return Err(bundle::refuse(&config.bundle, &error, context));
            }
            Err(error) => Err(error).context("the server cannot be started")?,
        };
        running.watch(&server);
        server.announce();
        let address = server.address().clone();
        let enough = CancellationToken::new();
        let serving = server.run(async {
            tokio::select! {
                () = signals.received() => {}
                () = enough.cancelled() => {}
            }
        });
        let playing = async {
            let played = play(&address, &config, arguments.once, context.output).await;
            if arguments.once || played.is_err() {
                enough.cancel();
            }
            played
        };
        let (served, played) = tokio::join!(serving, playing);
        served.context("the server failed")?;
        played
    });
    running.end();
    ended
}

/// Plays the run; unless that was all, says how to go on.
async fn play(
    address: &Listen,
    config: &ServerConfig,
    once: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let exit = run::play(&asking::configured_endpoint(address)?, output).await?;
    if !once {
        output.text(&next_steps(address, config))?;
    }
    Ok(exit)
}

/// Where the sample lives, over whatever is configured for a server of one's own.
fn flags(sample: &SampleDirectory) -> Result<Vec<FlagValue>, Failure> {
    let flag = |key: &str, path: PathBuf| match path.into_os_string().into_string() {
        Ok(text) => Ok(FlagValue { flag: "quickstart", key: key.to_owned(), text }),
        Err(_) => Err(Failure::Usage("TMPDIR is not UTF-8".to_owned())),
    };
    Ok(vec![
        flag("bundle.path", sample.bundle())?,
        flag("admin.socket", sample.path().join("admin.sock"))?,
        flag("log.directory", sample.path().join("log"))?,
        flag("log.checkpoint_key_file", sample.path().join("checkpoint.key"))?,
    ])
}

fn temporary_directory(environment: &Environment) -> PathBuf {
    let named = environment.get("TMPDIR").map(PathBuf::from).filter(|path| path.is_absolute());
    named.unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// Another port if the configured one is taken: who tries the quickstart twice is no error.
fn with_free_address(
    mut config: ServerConfig,
    output: &mut Output,
) -> Result<ServerConfig, Failure> {
    if let Listen::Tcp(address) = &mut config.listen
        && let Err(error) = TcpListener::bind(*address)
        && error.kind() == ErrorKind::AddrInUse
    {
        output.note(format_args!("{address} is taken; taking a free port"))?;
        address.set_port(0);
    }
    Ok(config)
}

/// `{"ticket_id":"T-1001"}` in base64, which is how JSON carries the contract's `bytes`.
const READ_TICKET_BASE64: &str = "eyJ0aWNrZXRfaWQiOiJULTEwMDEifQ==";

fn next_steps(address: &Listen, config: &ServerConfig) -> String {
    let socket = config.admin_socket.display();
    let (bundle, log) = (config.bundle.display(), config.record.log.directory.display());
    let chain = r#"[{"asserted":{"kind":"ACTOR_KIND_USER","issuer":"corp","subject":"alice"}},
              {"asserted":{"kind":"ACTOR_KIND_AGENT","issuer":"corp","subject":"helpdesk-bot"}}]"#;
    format!(
        r#"
The server stays up until Ctrl-C. Ask it yourself:

  palisade authorize --server {address} \
    --chain user:corp:alice,agent:corp:helpdesk-bot \
    --tool payments.refund --args '{{"invoice_id":"I-7","amount":49.90,"currency":"EUR"}}'

  grpcurl -plaintext -d '{{
    "chain": {chain},
    "tool": "crm.read_ticket", "arguments": "{READ_TICKET_BASE64}"}}' \
    {address} palisade.v1.AuthorizationService/Authorize

and ask why:

  palisade explain --admin {socket} \
    --chain user:corp:alice,agent:corp:helpdesk-bot \
    --tool payments.transfer --args '{{"to_account":"X","amount":1,"currency":"EUR"}}'

Policies: {bundle}
Decision log: {log}
(both are removed at the end)
"#
    )
}
