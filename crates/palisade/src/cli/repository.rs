//! `palisade bundle`: packing bundles, and signing and publishing them in repositories.
//!
//! One file per step of a release; what they do is in `palisade_bundle::repository`.

mod build;
mod change;
mod diff;
mod key;
mod publish;
mod setup;
mod show;
mod sign;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use palisade_bundle::RawBundle;
use palisade_bundle::repository::author::{KeyFile, Lifetimes, SigningKey};
use palisade_bundle::repository::{Channel, Offer, RoleName};

use super::Context;
use super::failure::Failure;
use crate::exit::Exit;

const EXAMPLES: &str = "\
A release, from the first key to a client:
  palisade bundle key --out root1.pem            (each holder of a key on their own machine)
  palisade bundle init-repo repo --root-key root1.pem --root-threshold 1 \\
      --targets-key release1.pem.pub --targets-key release2.pem.pub --targets-threshold 2 \\
      --snapshot-key publish.pem --timestamp-key publish.pem
  palisade bundle build policies/quickstart --out quickstart.tar.gz
  palisade bundle add repo quickstart.tar.gz --channel candidate
  palisade bundle sign repo --key release1.pem   (the folder goes round)
  palisade bundle sign repo --key release2.pem
  palisade bundle publish repo --snapshot-key publish.pem --timestamp-key publish.pem
  palisade bundle verify repo --root repo/metadata/1.root.json

Serve the folder with any web server; give servers the URL and `1.root.json`. Publish again every
day, before the timestamp expires.";

/// The steps.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Step {
    /// Make a key pair
    Key(key::Arguments),
    /// Make a repository
    InitRepo(Box<setup::Arguments>),
    /// Check a bundle, run its tests, and pack it
    Build(build::Arguments),
    /// Stage a packed bundle in a repository
    Add(change::AddArguments),
    /// Stage a version in other channels: promote or withdraw it
    Channel(change::ChannelArguments),
    /// Stage root or targets as they are, with a new expiry
    Renew(change::RenewArguments),
    /// Stage other keys or another threshold for a role
    Rotate(change::RotateArguments),
    /// Sign what is staged
    Sign(sign::Arguments),
    /// Publish what is staged, or refresh what is published
    Publish(publish::Arguments),
    /// Say what a client would say of a repository
    Verify(verify::Arguments),
    /// Show what is in a packed bundle, a bundle or a repository
    Show(show::Arguments),
    /// Show what is different between two bundles
    Diff(diff::Arguments),
}

pub(super) fn run(step: Step, context: &mut Context<'_>) -> Result<Exit, Failure> {
    match step {
        Step::Add(arguments) => change::add(&arguments, context),
        Step::Build(arguments) => build::run(&arguments, context),
        Step::Channel(arguments) => change::channel(&arguments, context),
        Step::Diff(arguments) => diff::run(&arguments, context),
        Step::InitRepo(arguments) => setup::run(&arguments, context),
        Step::Key(arguments) => key::run(&arguments, context),
        Step::Publish(arguments) => publish::run(&arguments, context),
        Step::Renew(arguments) => change::renew(&arguments, context),
        Step::Rotate(arguments) => change::rotate(&arguments, context),
        Step::Show(arguments) => show::run(&arguments, context),
        Step::Sign(arguments) => sign::run(&arguments, context),
        Step::Verify(arguments) => verify::run(&arguments, context),
    }
}

/// How long new metadata is good.
#[derive(Clone, Debug, Default, clap::Args)]
struct Expiry {
    /// For how many days a role's metadata is good once it is made
    /// [default: root=365d targets=90d snapshot=7d timestamp=1d]
    #[arg(long = "expires", value_name = "ROLE=DAYSd", value_parser = role_and_days)]
    expires: Vec<(RoleName, u32)>,
}

impl Expiry {
    fn lifetimes(&self) -> Lifetimes {
        let mut lifetimes = Lifetimes::default();
        for (role, days) in &self.expires {
            match role {
                RoleName::Root => lifetimes.root_days = *days,
                RoleName::Snapshot => lifetimes.snapshot_days = *days,
                RoleName::Targets => lifetimes.targets_days = *days,
                RoleName::Timestamp => lifetimes.timestamp_days = *days,
            }
        }
        lifetimes
    }
}

fn role_and_days(text: &str) -> Result<(RoleName, u32), &'static str> {
    const HINT: &str = "write a role and days, e.g. `targets=90d`";
    let (role, days) = text.split_once('=').ok_or(HINT)?;
    let days: u32 = days.strip_suffix('d').and_then(|days| days.parse().ok()).ok_or(HINT)?;
    if !(1..=3650).contains(&days) {
        return Err("between 1d and 3650d");
    }
    Ok((role_name(role)?, days))
}

fn role_name(text: &str) -> Result<RoleName, &'static str> {
    RoleName::ALL
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or("the roles are root, targets, snapshot and timestamp")
}

fn channel_name(text: &str) -> Result<Channel, &'static str> {
    Channel::new(text).ok_or("a channel has 1 to 32 of the characters a-z, 0-9 and `-`")
}

/// An error of the library, with its causes.
fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Other(anyhow::Error::from(error))
}

fn signing_keys(paths: &[PathBuf]) -> Result<Vec<SigningKey>, Failure> {
    paths.iter().map(|path| KeyFile::read_signing(path).map_err(failed)).collect()
}

/// A bundle from a directory or from an archive.
fn read_bundle(path: &Path) -> Result<RawBundle, Failure> {
    if path.is_dir() {
        return RawBundle::read_directory(path).map_err(failed);
    }
    let shown = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("cannot read `{shown}`"))?.len();
    if length > palisade_bundle::ARCHIVE_BYTES_MAX {
        let limit = palisade_bundle::ARCHIVE_BYTES_MAX;
        return Err(Failure::Other(anyhow::anyhow!("`{shown}` has more than {limit} bytes")));
    }
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
    RawBundle::read_archive(&bytes).map_err(failed)
}

/// One line of a list of bundles.
fn offer_line(offer: &Offer) -> String {
    let channels: Vec<&str> = offer.channels().map(Channel::as_str).collect();
    let channels = if channels.is_empty() { "withdrawn".to_owned() } else { channels.join(", ") };
    let digest = offer.digest().to_string();
    let digest = digest.get(..12).unwrap_or_default();
    format!("  {}@{} ({digest})  {channels}", offer.bundle().as_str(), offer.version())
}

#[cfg(test)]
mod tests;
