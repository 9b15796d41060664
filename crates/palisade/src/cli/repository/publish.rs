//! `palisade bundle publish`: makes what is staged public, or refreshes what is.

use std::path::PathBuf;
use std::sync::Arc;

use palisade_bundle::repository::author::RepositoryFolder;
use palisade_core::{Clock, SystemClock};

use super::{Context, Exit, Expiry, Failure, failed, signing_keys};

const EXAMPLES: &str = "\
Examples:
  palisade bundle publish repo --snapshot-key publish.pem --timestamp-key publish.pem

Refuses unless everything is signed as it must be, and unless our own client accepts the result.
With nothing staged it renews snapshot and timestamp alone; do so every day.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The repository's folder
    repository: PathBuf,
    /// A key pair of the snapshot role
    #[arg(long, value_name = "FILE", required = true)]
    snapshot_key: Vec<PathBuf>,
    /// A key pair of the timestamp role
    #[arg(long, value_name = "FILE", required = true)]
    timestamp_key: Vec<PathBuf>,
    #[command(flatten)]
    expiry: Expiry,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { repository, snapshot_key, timestamp_key, expiry } = arguments;
    let folder = RepositoryFolder::open(repository).map_err(failed)?;
    let snapshot_keys = signing_keys(snapshot_key)?;
    let timestamp_keys = signing_keys(timestamp_key)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let published = folder
        .publish(&snapshot_keys, &timestamp_keys, expiry.lifetimes(), &clock)
        .map_err(failed)?;
    context.output.line(format_args!(
        "published: root {}, targets {}, snapshot {}, timestamp {}",
        published.root, published.targets, published.snapshot, published.timestamp
    ))?;
    context.output.line(format_args!("good until {}", published.expires))?;
    Ok(Exit::Success)
}
