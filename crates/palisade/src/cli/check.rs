//! `palisade check`: everything that can be said about a bundle without running it.

use std::path::{Path, PathBuf};

use palisade_bundle::RawBundle;
use palisade_core::{Clock as _, Problem, Problems, Revision, Severity, SystemClock};
use palisade_engine::PolicySnapshot;

use super::Context;
use super::bundle;
use super::failure::Failure;
use super::watch;
use crate::diagnostics::{ProblemFormat, Renderer};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  palisade check policies/quickstart
  palisade check --watch policies/quickstart
  palisade check --deny-advice --format short policies/quickstart

Errors keep the bundle from loading, but for exceptions that have expired; advice does not. Exits
with 65 if there are errors.
`palisade lint` says more.";

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
    /// Check again whenever a file changes, until interrupted
    #[arg(long)]
    watch: bool,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, format, deny_advice, watch } = arguments;
    let directory = context.bundle_directory(directory)?;
    let check = |context: &mut Context<'_>| once(&directory, format, deny_advice, context);
    if watch { watch::repeat(&directory, "checked", context, check) } else { check(context) }
}

fn once(
    directory: &Path,
    format: ProblemFormat,
    deny_advice: bool,
    context: &mut Context<'_>,
) -> Result<Exit, Failure> {
    let raw = bundle::read(directory, context)?;
    let (problems, revision) = match bundle::validate(&raw) {
        Ok((bundle, mut problems)) => {
            problems.0.extend(expired_exceptions(bundle.snapshot()));
            (problems, Some(bundle.snapshot().revision().clone()))
        }
        Err(problems) => (problems, None),
    };
    let shown = Shown { directory, raw: &raw, format };
    shown.show(&problems, revision.as_ref(), context)?;
    let failed =
        revision.is_none() || problems.has_errors() || (deny_advice && !problems.0.is_empty());
    Ok(if failed { Exit::Bundle } else { Exit::Success })
}

/// Exceptions that lift nothing any more. A server loads them all the same, because it has to come
/// up whenever it is started; an author takes them out.
pub(super) fn expired_exceptions(snapshot: &PolicySnapshot) -> Vec<Problem> {
    snapshot.expired_exceptions(SystemClock::new().now())
}

/// How the problems of a bundle are shown.
pub(super) struct Shown<'a> {
    pub(super) directory: &'a Path,
    pub(super) raw: &'a RawBundle,
    pub(super) format: ProblemFormat,
}

impl Shown<'_> {
    /// Shows all problems, and to people how many there are; `revision` if the bundle loads.
    pub(super) fn show(
        &self,
        problems: &Problems,
        revision: Option<&Revision>,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        let Self { directory, raw, format } = *self;
        let renderer = Renderer { directory, sources: raw, colored: context.output.colored() };
        context.output.text(&renderer.render(problems, format))?;
        if format == ProblemFormat::Human {
            let counts = counts(problems);
            match revision {
                Some(revision) if problems.has_errors() => {
                    context.output.line(format_args!("{revision} loads all the same: {counts}"))?;
                }
                Some(revision) => {
                    context.output.line(format_args!("{revision} is valid: {counts}"))?;
                }
                None => context.output.line(format_args!("the bundle does not load: {counts}"))?,
            }
        }
        Ok(())
    }
}

fn counts(problems: &Problems) -> String {
    let of = |severity| problems.0.iter().filter(|p| p.severity == severity).count();
    let errors = of(Severity::Error);
    let plural = if errors == 1 { "" } else { "s" };
    format!("{errors} error{plural}, {} advice", of(Severity::Advice))
}
