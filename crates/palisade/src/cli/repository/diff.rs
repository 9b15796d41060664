//! `palisade bundle diff`: what is different between two bundles.

use std::path::PathBuf;

use palisade_bundle::repository::{BundleDiff, Changes};

use super::{Context, Exit, Failure, read_bundle};
use crate::cli::bundle::FACTS;

const EXAMPLES: &str = "\
Examples:
  palisade bundle diff quickstart-6.tar.gz policies/quickstart

Both are bundles, packed or not. Policies are compared by their `@id`, comments and layout aside.
Exits with 1 if anything is different.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The old bundle
    old: PathBuf,
    /// The new bundle
    new: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { old, new } = arguments;
    let diff = BundleDiff::between(&read_bundle(old)?, &read_bundle(new)?, FACTS);
    show("file", &diff.files, context)?;
    match &diff.policies {
        Some(policies) => show("policy", policies, context)?,
        None => context
            .output
            .note("note: policies are not compared, because one of the bundles is not valid")?,
    }
    Ok(if diff.files.is_empty() { Exit::Success } else { Exit::Failure })
}

fn show(what: &str, changes: &Changes, context: &mut Context<'_>) -> Result<(), Failure> {
    for (mark, names) in [('+', &changes.added), ('-', &changes.removed), ('~', &changes.changed)] {
        for name in names {
            context.output.line(format_args!("{mark} {what} {name}"))?;
        }
    }
    Ok(())
}
