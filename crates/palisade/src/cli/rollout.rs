//! `palisade rollout`: which bundle decides on a running server, and changing that.

mod status;

use std::path::PathBuf;

use palisade_client::{AdminClient, ClientError};

use super::Context;
use super::asking;
use super::failure::{Failure, chain};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade rollout status
  palisade rollout reload --admin /run/palisade/admin.sock
  palisade rollout roll-back --reason \"refunds are denied since 8, INC-1234\"
  palisade rollout roll-back --to 7
  palisade rollout unpin --reason \"8 is mended by 9\"

Talks to the server's administration socket. Whatever is changed is on record first.
Exits with 1 if the server could not be asked or refuses, and with 65 if the last look for a
revision failed; what is in force decides on then, and the status says why.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// The server's administration socket [default: the setting `admin.socket`]
    #[arg(long, global = true, value_name = "SOCKET")]
    admin: Option<PathBuf>,
    /// How to show the state
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How the state is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show which bundle decides, which could, and what went wrong last
    Status,
    /// Look for a new revision now, also at one that was refused before
    Reload,
    /// Go back to a kept revision, and pin it
    RollBack {
        /// The version [default: the one that was in force before]
        #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
        to: Option<u64>,
        /// Why, for the record
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Keep the revision in force, whatever comes
    Pin {
        /// Why, for the record
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Follow the source again
    Unpin {
        /// Why, for the record
        #[arg(long, default_value = "")]
        reason: String,
    },
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { action, admin, format } = arguments;
    let socket = match admin {
        Some(socket) => socket,
        None => context.config(Vec::new())?.server.admin_socket,
    };
    let endpoint = format!("unix:{}", socket.display());
    let endpoint = asking::endpoint(&endpoint).map_err(Failure::Usage)?;
    let is_look = matches!(action, Action::Status | Action::Reload | Action::Unpin { .. });
    let answered = asking::runtime()?.block_on(async {
        let client = AdminClient::connect(&endpoint).await?;
        match action {
            Action::Status => client.bundle_status().await,
            Action::Reload => client.reload_bundle().await,
            Action::RollBack { to, reason } => {
                client.roll_back_bundle(to.unwrap_or(0), reason).await
            }
            Action::Pin { reason } => client.pin_bundle(reason).await,
            Action::Unpin { reason } => client.unpin_bundle(reason).await,
        }
    });
    let state = answered.map_err(|error| {
        Failure::Other(match error {
            ClientError::Refused { message, reason, .. } => anyhow::anyhow!("{message} [{reason}]"),
            error => anyhow::anyhow!(chain(&error)),
        })
    })?;
    match format {
        Format::Human => status::show(&state, context.output)?,
        Format::Json => {
            context.output.line(format_args!("{:#}", status::as_json(&state)))?;
        }
    }
    Ok(if is_look && state.last_failure.is_some() { Exit::Bundle } else { Exit::Success })
}
