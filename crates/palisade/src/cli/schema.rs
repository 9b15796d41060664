//! `palisade schema`: what policies can see, and what they cannot.

use std::path::PathBuf;

use anyhow::Context as _;
use palisade_engine::PolicySnapshot;

use super::Context;
use super::bundle;
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  palisade schema policies/quickstart > quickstart.cedarschema
  palisade schema --losses policies/quickstart

The schema is generated from the catalog and merged with the bundle's own entity types. Give it to
an editor with Cedar support to get completion and errors while writing policies.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The bundle [default: the setting `bundle.path`]
    directory: Option<PathBuf>,
    /// List what of each tool's argument schema policies cannot see
    #[arg(long)]
    losses: bool,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, losses } = arguments;
    let directory = context.bundle_directory(directory)?;
    let bundle = bundle::load(&directory, context)?;
    if losses {
        show_losses(bundle.snapshot(), context.output)?;
    } else {
        let text = bundle.snapshot().cedar_schema_text().context("the schema cannot be written")?;
        context.output.line(text.trim_end())?;
    }
    Ok(Exit::Success)
}

fn show_losses(snapshot: &PolicySnapshot, output: &mut Output) -> Result<(), Failure> {
    let mut exact = 0_usize;
    for tool in snapshot.catalog().tools() {
        let losses = tool.arguments.losses();
        if losses.is_empty() {
            exact += 1;
            continue;
        }
        output.line(&tool.name)?;
        for loss in losses {
            let pointer = if loss.pointer.is_empty() { "/" } else { &loss.pointer };
            output.line(format_args!("  {pointer}: {}", loss.sentence))?;
        }
    }
    output.line(format_args!(
        "{exact} tools lose nothing; every call is validated against the whole schema all the same"
    ))?;
    Ok(())
}
