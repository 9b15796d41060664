//! `palisade config`: shows the effective configuration, or the table of all settings.

use super::Context;
use super::failure::Failure;
use crate::config::{markdown, yaml};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade config --print
  PALISADE_LIMITS_CONCURRENCY=64 palisade --config palisade.yaml config --print";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[group(required = true, multiple = false)]
pub(super) struct Arguments {
    /// Print the effective configuration as YAML, with the origin of each value
    #[arg(long)]
    print: bool,
    /// Print the table of all settings as Markdown
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    if arguments.markdown {
        context.output.text(&markdown())?;
        return Ok(Exit::Success);
    }
    let raw = context.raw_config(Vec::new());
    // What was said is shown even if some of it is not acceptable: that is when it is looked at.
    context.output.text(&yaml(&raw))?;
    match raw.accept() {
        Ok(_) => Ok(Exit::Success),
        Err(error) => Err(Failure::Config(error)),
    }
}
