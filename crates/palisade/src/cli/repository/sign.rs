//! `palisade bundle sign`: one more signature.

use std::path::PathBuf;

use palisade_bundle::repository::author::{KeyFile, RepositoryFolder, SignaturesNeeded};

use super::{Context, Exit, Failure, failed, offer_line};

const EXAMPLES: &str = "\
Examples:
  palisade bundle sign repo --key release1.pem

Signs whatever is staged that this key may sign, root or targets, and says what is still missing.
Look at it first with `palisade bundle show repo`. The folder can be signed on several machines,
one after the other.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The repository's folder
    repository: PathBuf,
    /// A file with a key pair
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { repository, key } = arguments;
    let folder = RepositoryFolder::open(repository).map_err(failed)?;
    let key = KeyFile::read_signing(key).map_err(failed)?;
    let signed = folder.sign(&key).map_err(failed)?;
    let roles: Vec<&str> = signed.roles.iter().map(|role| role.as_str()).collect();
    context.output.line(format_args!("signed {} as {}", roles.join(" and "), key.public().id()))?;
    for offer in folder.overview().map_err(failed)?.staged_offers.unwrap_or_default() {
        context.output.line(offer_line(&offer))?;
    }
    show_needed(&signed.needed, context)?;
    Ok(Exit::Success)
}

/// Says what is still to do.
pub(super) fn show_needed(
    needed: &[SignaturesNeeded],
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if needed.is_empty() {
        context.output.line("ready: `palisade bundle publish` makes it public")?;
    }
    for needed in needed {
        context.output.line(format_args!("needed: {needed}"))?;
    }
    Ok(())
}
