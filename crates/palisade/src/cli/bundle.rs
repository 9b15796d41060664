//! Reads a bundle for the commands that look into one, and shows what is wrong with it.

use std::path::Path;

use palisade_bundle::{ActivateError, LoadBundleError, RawBundle, ValidatedBundle};
use palisade_core::{FactSources, Problems};

use super::Context;
use super::failure::{Failure, chain};
use crate::diagnostics::{ProblemFormat, Renderer};

/// What a server can be configured to provide; a policy that reads anything else does not load.
pub(super) const FACTS: FactSources = FactSources::AVAILABLE;

/// Reads the files.
pub(super) fn read(directory: &Path, context: &mut Context<'_>) -> Result<RawBundle, Failure> {
    match RawBundle::read_directory(directory) {
        Ok(raw) => Ok(raw),
        Err(error) => {
            context.output.note(format_args!("error: {}", chain(&error)))?;
            Err(Failure::BundleShown)
        }
    }
}

/// Parses and validates; all advices come with the bundle, all problems otherwise.
pub(super) fn validate(raw: &RawBundle) -> Result<(ValidatedBundle, Problems), Problems> {
    let (parsed, Problems(mut advice)) = raw.parse()?;
    let (validated, more) = parsed.validate(FACTS).map_err(|Problems(mut errors)| {
        errors.splice(0..0, advice.drain(..));
        Problems(errors)
    })?;
    advice.extend(more.0);
    Ok((validated, Problems(advice)))
}

/// A validated bundle; if there is none, what is wrong has been shown. Advice is `check`'s job.
pub(super) fn load(
    directory: &Path,
    context: &mut Context<'_>,
) -> Result<ValidatedBundle, Failure> {
    let raw = read(directory, context)?;
    match validate(&raw) {
        Ok((bundle, _advice)) => Ok(bundle),
        Err(problems) => Err(show(directory, &raw, &problems, context)),
    }
}

/// Shows why the server did not load a bundle.
pub(super) fn refuse(
    directory: &Path,
    error: &LoadBundleError,
    context: &mut Context<'_>,
) -> Failure {
    if let LoadBundleError::Invalid(problems) = error {
        // Read again for its text; if it has changed meanwhile, the next start will tell.
        return match read(directory, context) {
            Ok(raw) => show(directory, &raw, problems, context),
            Err(failure) => failure,
        };
    }
    let mut text = format!("error: {}", chain(error));
    if let LoadBundleError::Activate(ActivateError::TestsFailed { report }) = error {
        for case in report.failed() {
            text.push_str(&format!("\n  {}: {}", case.file, case.name));
        }
        let directory = directory.display();
        text.push_str(&format!("\n  help: `palisade test {directory}` shows what was wanted"));
    }
    match context.output.note(text) {
        Ok(()) => Failure::BundleShown,
        Err(error) => Failure::Output(error),
    }
}

fn show(
    directory: &Path,
    raw: &RawBundle,
    problems: &Problems,
    context: &mut Context<'_>,
) -> Failure {
    let colored = context.output.colored_notes();
    let text = Renderer { directory, sources: raw, colored }.render(problems, ProblemFormat::Human);
    match context.output.note(text.trim_end()) {
        Ok(()) => Failure::BundleShown,
        Err(error) => Failure::Output(error),
    }
}
