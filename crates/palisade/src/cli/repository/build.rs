//! `palisade bundle build`: a bundle that loads, packed.

use std::path::PathBuf;

use anyhow::Context as _;
use palisade_bundle::{ActivateError, LoadBundleError};
use palisade_core::Sha256Digest;

use super::{Context, Exit, Failure, failed};
use crate::cli::bundle;

const EXAMPLES: &str = "\
Examples:
  palisade bundle build policies/quickstart --out quickstart.tar.gz

The same bundle makes the same bytes anywhere: those who sign can build it themselves and compare
the SHA-256. Exits with 65 if the bundle does not load or one of its tests fails.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The bundle's directory
    directory: PathBuf,
    /// Where to write the packed bundle; replaced if it exists
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, out } = arguments;
    // Read once: what is packed is what was tested.
    let raw = bundle::read(directory, context)?;
    let validated = match bundle::validate(&raw) {
        Ok((validated, _advice)) => validated,
        Err(problems) => {
            let error = LoadBundleError::Invalid(problems);
            return Err(bundle::refuse(directory, &error, context));
        }
    };
    let revision = validated.snapshot().revision().clone();
    let report = validated.run_tests();
    if !report.passed() {
        let error = LoadBundleError::Activate(ActivateError::TestsFailed { report });
        return Err(bundle::refuse(directory, &error, context));
    }
    let packed = raw.pack().map_err(failed)?;
    if packed.len() as u64 > palisade_bundle::ARCHIVE_BYTES_MAX {
        let limit = palisade_bundle::ARCHIVE_BYTES_MAX;
        let length = packed.len();
        return Err(Failure::Other(anyhow::anyhow!(
            "packed it has {length} bytes; servers take no more than {limit}"
        )));
    }
    std::fs::write(out, &packed).with_context(|| format!("cannot write `{}`", out.display()))?;
    context.output.line(format_args!("revision  {revision}"))?;
    context.output.line(format_args!("digest    {}", revision.digest))?;
    context.output.line(format_args!("sha256    {}", Sha256Digest::of(&packed)))?;
    context.output.line(format_args!("tests     {} passed", report.cases.len()))?;
    Ok(Exit::Success)
}
