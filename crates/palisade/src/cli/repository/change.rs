//! `palisade bundle add`, `channel`, `renew` and `rotate`: what is staged and then signed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use palisade_bundle::repository::author::{KeyFile, RepositoryFolder, RotateRole};
use palisade_bundle::repository::{Channel, RoleName};
use palisade_core::{BundleName, Clock as _, SystemClock};

use super::sign::show_needed;
use super::{Context, Exit, Expiry, Failure, channel_name, failed, role_name};

const ADD_EXAMPLES: &str = "\
Examples:
  palisade bundle add repo quickstart.tar.gz --channel candidate
  palisade bundle add repo quickstart.tar.gz --channel stable,candidate

Then: `sign` by as many as must, and `publish`. Servers take the highest version of their channel.";

#[derive(Debug, clap::Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(in crate::cli) struct AddArguments {
    /// The repository's folder
    repository: PathBuf,
    /// A packed bundle, as `build` makes it
    archive: PathBuf,
    /// The channels it is offered in
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "stable",
          value_parser = channel_name)]
    channel: Vec<Channel>,
    #[command(flatten)]
    expiry: Expiry,
}

pub(super) fn add(arguments: &AddArguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let AddArguments { repository, archive, channel, expiry } = arguments;
    let folder = RepositoryFolder::open(repository).map_err(failed)?;
    let channels: BTreeSet<Channel> = channel.iter().cloned().collect();
    let added = folder
        .add(archive, &channels, expiry.lifetimes(), SystemClock::new().now())
        .map_err(failed)?;
    let bundle = added.bundle.as_str();
    context.output.line(format_args!("staged    {bundle}@{}", added.version))?;
    context.output.line(format_args!("digest    {}", added.digest))?;
    context.output.line(format_args!("sha256    {}", added.sha256))?;
    staged(&folder, added.signatures_dropped, context)
}

const CHANNEL_EXAMPLES: &str = "\
Examples:
  palisade bundle channel repo 7 --channel stable,candidate     (promote version 7)
  palisade bundle channel repo 7 --withdraw

A server that has seen a version as the highest of its channel refuses every lower one. To undo a
release, release the older content under a higher version; operators can go back at once with
`palisade rollout roll-back` on their own servers.";

#[derive(Debug, clap::Args)]
#[command(after_help = CHANNEL_EXAMPLES)]
#[command(group(clap::ArgGroup::new("to").required(true).args(["channel", "withdraw"])))]
pub(in crate::cli) struct ChannelArguments {
    /// The repository's folder
    repository: PathBuf,
    /// The version
    version: u64,
    /// The bundle, if the repository has several with this version
    #[arg(long, value_name = "NAME", value_parser = bundle_name)]
    bundle: Option<BundleName>,
    /// The channels it is offered in from now on; it leaves all others
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = channel_name)]
    channel: Vec<Channel>,
    /// Offer it in no channel
    #[arg(long)]
    withdraw: bool,
    #[command(flatten)]
    expiry: Expiry,
}

pub(super) fn channel(
    arguments: &ChannelArguments,
    context: &mut Context<'_>,
) -> Result<Exit, Failure> {
    // Without `withdraw` there is a channel, and with it none: the group sees to that.
    let ChannelArguments { repository, version, bundle, channel, withdraw: _, expiry } = arguments;
    let folder = RepositoryFolder::open(repository).map_err(failed)?;
    let channels: BTreeSet<Channel> = channel.iter().cloned().collect();
    let now = SystemClock::new().now();
    let dropped = folder
        .set_channels(bundle.as_ref(), *version, &channels, expiry.lifetimes(), now)
        .map_err(failed)?;
    staged(&folder, dropped, context)
}

const RENEW_EXAMPLES: &str = "\
Examples:
  palisade bundle renew repo --role targets
  palisade bundle renew repo --role root --expires root=365d

Root and targets expire like the rest and have to be signed again before. Snapshot and timestamp
are renewed by `publish`.";

#[derive(Debug, clap::Args)]
#[command(after_help = RENEW_EXAMPLES)]
pub(in crate::cli) struct RenewArguments {
    /// The repository's folder
    repository: PathBuf,
    /// `root` or `targets`
    #[arg(long, value_parser = staged_role)]
    role: RoleName,
    #[command(flatten)]
    expiry: Expiry,
}

pub(super) fn renew(
    arguments: &RenewArguments,
    context: &mut Context<'_>,
) -> Result<Exit, Failure> {
    let RenewArguments { repository, role, expiry } = arguments;
    let folder = RepositoryFolder::open(repository).map_err(failed)?;
    folder.renew(*role, expiry.lifetimes(), SystemClock::new().now()).map_err(failed)?;
    staged(&folder, 0, context)
}

const ROTATE_EXAMPLES: &str = "\
Examples:
  palisade bundle rotate repo --role targets --add-key release3.pem.pub --remove-key 4e1f09
  palisade bundle rotate repo --role root --threshold 3

Stages a new root, to be signed as the published root and as the new one ask. With other keys for
targets, the list of targets is staged as well, to be signed by the new keys. `show` lists key ids.";

#[derive(Debug, clap::Args)]
#[command(after_help = ROTATE_EXAMPLES)]
#[command(group(clap::ArgGroup::new("change").required(true).multiple(true)
    .args(["add_key", "remove_key", "threshold"])))]
pub(in crate::cli) struct RotateArguments {
    /// The repository's folder
    repository: PathBuf,
    /// The role
    #[arg(long, value_parser = role_name)]
    role: RoleName,
    /// A file with a key the role gets, public or private
    #[arg(long, value_name = "FILE")]
    add_key: Vec<PathBuf>,
    /// The id of a key the role loses, or its beginning
    #[arg(long, value_name = "ID")]
    remove_key: Vec<String>,
    /// How many of its keys must sign from now on
    #[arg(long, value_name = "NUMBER")]
    threshold: Option<u64>,
    #[command(flatten)]
    expiry: Expiry,
}

pub(super) fn rotate(
    arguments: &RotateArguments,
    context: &mut Context<'_>,
) -> Result<Exit, Failure> {
    let RotateArguments { repository, role, add_key, remove_key, threshold, expiry } = arguments;
    let folder = RepositoryFolder::open(repository).map_err(failed)?;
    let mut add = Vec::new();
    for path in add_key {
        add.push(KeyFile::read(path).map_err(failed)?.public().clone());
    }
    let change = RotateRole { role: *role, add, remove: remove_key.clone(), threshold: *threshold };
    folder.rotate(&change, expiry.lifetimes(), SystemClock::new().now()).map_err(failed)?;
    staged(&folder, 0, context)
}

fn staged(
    folder: &RepositoryFolder,
    dropped: usize,
    context: &mut Context<'_>,
) -> Result<Exit, Failure> {
    if dropped > 0 {
        context.output.note(format_args!(
            "note: {dropped} signatures of what was staged before do not count any more"
        ))?;
    }
    show_needed(&folder.signatures_needed().map_err(failed)?, context)?;
    Ok(Exit::Success)
}

fn bundle_name(text: &str) -> Result<BundleName, &'static str> {
    BundleName::new(text).ok_or("a bundle name has 1 to 64 of the characters a-z, 0-9 and `-`")
}

fn staged_role(text: &str) -> Result<RoleName, &'static str> {
    match role_name(text)? {
        role @ (RoleName::Root | RoleName::Targets) => Ok(role),
        RoleName::Snapshot | RoleName::Timestamp => Err("`publish` renews snapshot and timestamp"),
    }
}
