//! `palisade check`: everything that can be said about a bundle without running it.

use std::path::PathBuf;

use palisade_core::{Problems, Severity};

use super::Context;
use super::bundle;
use super::failure::Failure;
use crate::diagnostics::{ProblemFormat, Renderer};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade check policies/quickstart
  palisade check --deny-advice --format short policies/quickstart

Errors keep the bundle from loading; advice does not. Exits with 65 if there are errors.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The bundle [default: the setting `bundle.path`]
    directory: Option<PathBuf>,
    /// How to show problems: with their source, as one JSON document, or one line each
    #[arg(long, value_enum, default_value_t = ProblemFormat::Human)]
    format: ProblemFormat,
    /// Fail on advice as well
    #[arg(long)]
    deny_advice: bool,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, format, deny_advice } = arguments;
    let directory = context.bundle_directory(directory)?;
    let raw = bundle::read(&directory, context)?;
    let (problems, revision) = match bundle::validate(&raw) {
        Ok((bundle, advice)) => (advice, Some(bundle.snapshot().revision().clone())),
        Err(problems) => (problems, None),
    };
    let renderer =
        Renderer { directory: &directory, sources: &raw, colored: context.output.colored() };
    context.output.text(&renderer.render(&problems, format))?;
    if format == ProblemFormat::Human {
        let counts = counts(&problems);
        match &revision {
            Some(revision) => context.output.line(format_args!("{revision} is valid: {counts}"))?,
            None => context.output.line(format_args!("the bundle does not load: {counts}"))?,
        }
    }
    let failed = revision.is_none() || (deny_advice && !problems.0.is_empty());
    Ok(if failed { Exit::Bundle } else { Exit::Success })
}

fn counts(problems: &Problems) -> String {
    let of = |severity| problems.0.iter().filter(|p| p.severity == severity).count();
    let errors = of(Severity::Error);
    let plural = if errors == 1 { "" } else { "s" };
    format!("{errors} error{plural}, {} advice", of(Severity::Advice))
}
