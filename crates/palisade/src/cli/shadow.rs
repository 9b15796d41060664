//! `palisade shadow`: what would be answered otherwise by what decides in the shadow.

mod report;

use super::Context;
use super::failure::Failure;
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What can be asked of shadows.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Summarise the differences that are on record
    Report(report::Arguments),
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    match arguments.action {
        Action::Report(arguments) => report::run(arguments, context),
    }
}
