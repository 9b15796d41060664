//! `palisade bundle verify`: a whole repository, with a client's eyes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use palisade_bundle::repository::author::{AuthorError, verify};
use palisade_core::SystemClock;
use url::Url;

use super::{Context, Exit, Failure, failed, offer_line};

const EXAMPLES: &str = "\
Examples:
  palisade bundle verify repo --root repo/metadata/1.root.json
  palisade bundle verify https://bundles.example.com/ --root 1.root.json

Verifies all metadata from the root on, downloads every packed bundle and verifies it. Exits with 1
and a stable code if a client would refuse anything. It has seen nothing before, so it cannot tell
an older state of the repository as long as that has not expired.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The repository's folder or URL
    repository: String,
    /// The root to begin with
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { repository, root } = arguments;
    let url = url(repository)?;
    let root = fs::read(root).with_context(|| format!("cannot read `{}`", root.display()))?;
    let scratch = Scratch::new()?;
    let clock = Arc::new(SystemClock::new());
    let verified = match verify(&url, &root, &scratch.0, clock) {
        Ok(verified) => verified,
        Err(AuthorError::Refused(error)) => {
            let code = error.code();
            return Err(Failure::Other(
                anyhow::Error::from(error).context(format!("clients refuse it [{code}]")),
            ));
        }
        Err(error) => return Err(failed(error)),
    };
    context.output.line(format_args!("genuine, by root {}", verified.root))?;
    for (role, expires) in &verified.expires {
        context.output.line(format_args!("  {:<9} good until {expires}", role.as_str()))?;
    }
    for offer in &verified.offers {
        context.output.line(offer_line(offer))?;
    }
    Ok(Exit::Success)
}

/// A URL as it is written, anything else as a path.
fn url(text: &str) -> Result<Url, Failure> {
    if let Ok(url) = Url::parse(text)
        && matches!(url.scheme(), "http" | "https" | "file")
    {
        return Ok(url);
    }
    let path = fs::canonicalize(text).with_context(|| format!("cannot read `{text}`"))?;
    Url::from_directory_path(&path)
        .map_err(|()| Failure::Usage(format!("`{text}` is no path of a folder")))
}

/// A directory that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let name = format!("palisade-verify-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        if let Err(error) = fs::remove_dir_all(path) {
            tracing::debug!(path = %path.display(), %error, "a scratch directory stays behind");
        }
    }
}
