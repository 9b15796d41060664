//! `palisade bundle show`: what is in an archive, a bundle's directory or a repository.

use std::path::{Path, PathBuf};

use palisade_bundle::RawBundle;
use palisade_bundle::repository::author::{KeyId, Overview, RepositoryFolder, RoleOverview};
use palisade_core::Sha256Digest;

use super::{Context, Exit, Failure, failed, offer_line, read_bundle};
use crate::cli::repository::sign::show_needed;

const EXAMPLES: &str = "\
Examples:
  palisade bundle show quickstart.tar.gz
  palisade bundle show repo

Shows what the files say; `verify` says whether it is genuine.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// A packed bundle, a bundle's directory or a repository's folder
    path: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { path } = arguments;
    match RepositoryFolder::open(path) {
        Ok(folder) => repository(&folder.overview().map_err(failed)?, context)?,
        Err(_not_a_repository) => bundle(path, &read_bundle(path)?, context)?,
    }
    Ok(Exit::Success)
}

fn bundle(path: &Path, bundle: &RawBundle, context: &mut Context<'_>) -> Result<(), Failure> {
    let output = &mut *context.output;
    match bundle.identity() {
        Some((name, version)) => {
            output.line(format_args!("bundle    {}@{version}", name.as_str()))?;
        }
        None => output.line("bundle    without a name and a version that are acceptable")?,
    }
    output.line(format_args!("digest    {}", bundle.digest()))?;
    if path.is_file() {
        let bytes = bundle.pack().map_err(failed)?;
        output.line(format_args!("sha256    {}", Sha256Digest::of(&bytes)))?;
    }
    for name in bundle.names() {
        let length = bundle.text(name).unwrap_or_default().len();
        output.line(format_args!("  {length:>9}  {name}"))?;
    }
    Ok(())
}

fn repository(overview: &Overview, context: &mut Context<'_>) -> Result<(), Failure> {
    let Overview { published, offers, staged, staged_offers, needed } = overview;
    if published.is_empty() {
        context.output.line("nothing is published yet")?;
    }
    for role in published {
        show_role(role, context)?;
    }
    for offer in offers {
        context.output.line(offer_line(offer))?;
    }
    if staged.is_empty() {
        return Ok(());
    }
    context.output.line("\nstaged:")?;
    for role in staged {
        show_role(role, context)?;
    }
    for offer in staged_offers.iter().flatten() {
        let mark = if offers.contains(offer) { ' ' } else { '*' };
        context.output.line(format_args!("{mark}{}", offer_line(offer)))?;
    }
    show_needed(needed, context)
}

fn show_role(role: &RoleOverview, context: &mut Context<'_>) -> Result<(), Failure> {
    let RoleOverview { role, version, expires, threshold, keys, signed_by } = role;
    let version = version.map_or_else(|| "-".to_owned(), |version| version.to_string());
    let expires = expires.map_or_else(|| "-".to_owned(), |expires| expires.to_string());
    let count = keys.len();
    context.output.line(format_args!(
        "{:<9} version {version}, good until {expires}, {threshold} of {count} keys",
        role.as_str()
    ))?;
    for key in keys {
        let signed = if signed_by.contains(key) { "  signed" } else { "" };
        context.output.line(format_args!("    {}{signed}", KeyId::as_str(key)))?;
    }
    Ok(())
}
