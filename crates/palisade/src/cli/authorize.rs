//! `palisade authorize`: asks for one decision.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use palisade_client::Endpoint;
use palisade_core::EpochMillis;

use super::Context;
use super::answer::{self, Format};
use super::asking::{self, Timed};
use super::failure::{Failure, chain};
use super::request::{EXAMPLES, RequestArguments};
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  palisade authorize --chain user:corp:alice,agent:corp:helpdesk-bot \\
    --tool payments.refund --args '{{\"invoice_id\":\"I-7\",\"amount\":49.9,\"currency\":\"EUR\"}}'
  palisade authorize --bundle policies/quickstart --request request.json

{EXAMPLES}

Exits with 0 for allow, 2 for deny, 3 for challenge, and 1 if no decision was made.
With --dry-run as well: the code says what the answer would be."))]
pub(super) struct Arguments {
    #[command(flatten)]
    request: RequestArguments,
    /// The server to ask, `host:port` or `unix:/path` [default: the setting `listen.address`]
    #[arg(long, value_name = "ADDRESS", value_parser = asking::endpoint, conflicts_with = "bundle")]
    server: Option<Endpoint>,
    /// File with the token that says who we are, for servers that ask
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    credential: Option<PathBuf>,
    /// Decide here with the bundle in this directory; its tests are not run, nothing is recorded
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    /// Decide as if it were this instant, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", requires = "bundle", value_parser = asking::instant)]
    now: Option<EpochMillis>,
    /// How to show the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { request, server, credential, bundle, now, format } = arguments;
    let request = request.into_request()?;
    let Timed { answer: response, took } = match bundle {
        Some(directory) => asking::authorize_with_bundle(&directory, now, request, context)?,
        None => {
            let endpoint = match server {
                Some(endpoint) => endpoint,
                None => configured_endpoint(context)?,
            };
            let credential = credential.map(|file| read_token(&file)).transpose()?;
            let answer = asking::runtime()?.block_on(async {
                let mut client = asking::connect(&endpoint).await?;
                if let Some(token) = credential {
                    client = client.with_credential(&token)?;
                }
                asking::timed(client.authorize(request)).await
            });
            match answer {
                Ok(Timed { answer, took }) => Timed { answer: answer.response().clone(), took },
                Err(error) => return Err(Failure::Other(anyhow::anyhow!(chain(&error)))),
            }
        }
    };
    match format {
        Format::Human => answer::show(&response, took, context.output)?,
        Format::Json => {
            context.output.line(format_args!("{:#}", answer::as_json(&response)))?;
        }
    }
    Ok(answer::exit(&response))
}

/// The token in a file, without the line break after it.
fn read_token(file: &Path) -> Result<String, Failure> {
    let read = std::fs::read_to_string(file);
    let text = read.with_context(|| format!("`{}` cannot be read", file.display()))?;
    Ok(text.trim_end().to_owned())
}

/// The server that this configuration would start.
fn configured_endpoint(context: &Context<'_>) -> Result<Endpoint, Failure> {
    let server = context.config(Vec::new())?.server;
    if server.tls.is_some() {
        let message = "the configured server speaks TLS, which this command does not; it can \
                       decide with `--bundle`";
        return Err(Failure::Usage(message.to_owned()));
    }
    asking::configured_endpoint(&server.listen)
}
