//! `palisade lint`: what is legal in a bundle, and still should be looked at.

use std::path::PathBuf;

use super::Context;
use super::bundle;
use super::check::{Shown, expired_exceptions};
use super::failure::Failure;
use crate::diagnostics::ProblemFormat;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade lint policies/quickstart
  palisade lint --format short policies/quickstart

All that `palisade check` says, and: permits that let anybody do anything, tests that share a name
or fail, policies that determine the answer of no test, clauses that no test shows true and false.
Exits with 1 if there is advice, and with 65 if the bundle does not load or its tests fail.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The bundle [default: the setting `bundle.path`]
    directory: Option<PathBuf>,
    /// How to show problems: with their source, as one JSON document, or one line each
    #[arg(long, value_enum, default_value_t = ProblemFormat::Human)]
    format: ProblemFormat,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, format } = arguments;
    let directory = context.bundle_directory(directory)?;
    let raw = bundle::read(&directory, context)?;
    let shown = Shown { directory: &directory, raw: &raw, format };
    match bundle::validate(&raw) {
        Ok((bundle, mut problems)) => {
            problems.0.extend(bundle.lint().0);
            // A test that fails is an error, and keeps the bundle from coming into force.
            let loads = !problems.has_errors();
            let revision = loads.then(|| bundle.snapshot().revision());
            problems.0.extend(expired_exceptions(bundle.snapshot()));
            shown.show(&problems, revision, context)?;
            Ok(match (problems.has_errors(), problems.0.is_empty()) {
                (true, _) => Exit::Bundle,
                (false, false) => Exit::Failure,
                (false, true) => Exit::Success,
            })
        }
        Err(problems) => {
            shown.show(&problems, None, context)?;
            Ok(Exit::Bundle)
        }
    }
}
