//! `palisade explain`: shows why a request is answered as it is.

mod reads;

use std::path::PathBuf;

use palisade_core::EpochMillis;
use palisade_proto::v1;

use super::answer::{self, Format};
use super::asking::{self, Timed};
use super::failure::{Failure, chain};
use super::request::{EXAMPLES, RequestArguments};
use super::{Context, explanation};
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = format!("\
Examples:
  palisade explain --bundle policies/quickstart \\
    --chain user:corp:alice,agent:corp:helpdesk-bot --tool crm.close_ticket \\
    --args '{{\"ticket_id\":\"T-1\"}}'
  palisade explain --admin /run/user/1000/palisade/admin.sock --request request.json
  palisade explain reads policies/quickstart

{EXAMPLES}

Exits like `authorize`. Nothing is decided or recorded."))]
pub(super) struct Arguments {
    #[command(subcommand)]
    subject: Option<Subject>,
    #[command(flatten)]
    request: Option<RequestArguments>,
    /// The server's administration socket [default: the setting `admin.socket`]
    #[arg(long, value_name = "SOCKET", conflicts_with = "bundle")]
    admin: Option<PathBuf>,
    /// Explain here with the bundle in this directory; its tests are not run
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    /// Decide as if it were this instant, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", requires = "bundle", value_parser = asking::instant)]
    now: Option<EpochMillis>,
    /// How to show the explanation
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// What can be explained beside a request.
#[derive(Debug, clap::Subcommand)]
enum Subject {
    /// Show what policies can read of a request, and which policies do
    Reads(reads::Arguments),
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { subject, request, admin, bundle, now, format } = arguments;
    if let Some(Subject::Reads(arguments)) = subject {
        return reads::run(arguments, context);
    }
    let Some(request) = request else {
        return Err(Failure::Usage("say what to explain: `--tool` or `--request`".to_owned()));
    };
    let request = v1::ExplainRequest { request: Some(request.into_request()?) };
    let Timed { answer: explained, took } = match bundle {
        Some(directory) => asking::explain_with_bundle(&directory, now, request, context)?,
        None => {
            let socket = match admin {
                Some(socket) => socket,
                None => context.config(Vec::new())?.server.admin_socket,
            };
            let socket = format!("unix:{}", socket.display());
            let endpoint = asking::endpoint(&socket).map_err(Failure::Usage)?;
            let answer = asking::runtime()?.block_on(async {
                let client = asking::connect(&endpoint).await?;
                asking::timed(client.explain(request)).await
            });
            answer.map_err(|error| Failure::Other(anyhow::anyhow!(chain(&error))))?
        }
    };
    let response = explained.response.clone().unwrap_or_default();
    match format {
        Format::Human => {
            answer::show(&response, took, context.output)?;
            explanation::show(&explained.links, context.output)?;
            explanation::show_remedies(&explained.remedies, context.output)?;
        }
        Format::Json => {
            let document = explanation::as_json(&explained);
            context.output.line(format_args!("{document:#}"))?;
        }
    }
    Ok(answer::exit(&response))
}
