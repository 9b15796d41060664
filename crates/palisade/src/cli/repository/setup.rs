//! `palisade bundle init-repo`: a new repository.

use std::path::PathBuf;

use palisade_bundle::repository::author::{KeyFile, RepositoryFolder, RoleSetup, Setup};
use palisade_core::{Clock as _, SystemClock};

use super::sign::show_needed;
use super::{Context, Exit, Expiry, Failure, failed};

const EXAMPLES: &str = "\
Examples:
  palisade bundle init-repo repo \\
      --root-key root1.pem --root-key root2.pem.pub --root-threshold 2 \\
      --targets-key release1.pem.pub --targets-key release2.pem.pub --targets-threshold 1 \\
      --snapshot-key publish.pem --timestamp-key publish.pem

Files may hold key pairs, which sign at once, or public keys, whose owners then sign with
`palisade bundle sign`. Afterwards `palisade bundle publish` makes it a repository.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The repository's folder: new or empty
    directory: PathBuf,
    /// A key of the root role, which says who has the other roles; keep it offline
    #[arg(long, value_name = "FILE", required = true)]
    root_key: Vec<PathBuf>,
    /// How many root keys must sign
    #[arg(long, value_name = "NUMBER")]
    root_threshold: u64,
    /// A key of somebody who releases bundles
    #[arg(long, value_name = "FILE", required = true)]
    targets_key: Vec<PathBuf>,
    /// How many of them must sign a release
    #[arg(long, value_name = "NUMBER")]
    targets_threshold: u64,
    /// A key of whoever publishes
    #[arg(long, value_name = "FILE", required = true)]
    snapshot_key: Vec<PathBuf>,
    /// A key of whoever refreshes the repository every day
    #[arg(long, value_name = "FILE", required = true)]
    timestamp_key: Vec<PathBuf>,
    #[command(flatten)]
    expiry: Expiry,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments {
        directory,
        root_key,
        root_threshold,
        targets_key,
        targets_threshold,
        snapshot_key,
        timestamp_key,
        expiry,
    } = arguments;
    let setup = Setup {
        root: role(root_key, *root_threshold)?,
        targets: role(targets_key, *targets_threshold)?,
        snapshot: role(snapshot_key, 1)?,
        timestamp: role(timestamp_key, 1)?,
    };
    let now = SystemClock::new().now();
    let folder =
        RepositoryFolder::init(directory, &setup, expiry.lifetimes(), now).map_err(failed)?;
    let shown = directory.display();
    context.output.line(format_args!("`{shown}` is prepared"))?;
    show_needed(&folder.signatures_needed().map_err(failed)?, context)?;
    Ok(Exit::Success)
}

fn role(paths: &[PathBuf], threshold: u64) -> Result<RoleSetup, Failure> {
    let keys = paths
        .iter()
        .map(|path| KeyFile::read(path).map_err(failed))
        .collect::<Result<Vec<KeyFile>, Failure>>()?;
    Ok(RoleSetup { keys, threshold })
}
