//! `palisade replay`: decides recorded requests again under another bundle.

pub(super) mod recorded;
pub(super) mod summary;

use std::path::PathBuf;

use palisade_core::{Clock as _, EpochMillis, Outcome, ReasonCode, SystemClock};
use palisade_engine::{PolicySnapshot, RecordedCall, Replayed};
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;

use super::Context;
use super::bundle;
use super::failure::Failure;
use super::log;
use super::log::period::PeriodArguments;
use super::log::printable::json_pretty;
use crate::exit::Exit;
use summary::Summary;

const EXAMPLES: &str = "\
Examples:
  palisade replay --bundle policies/desk
  palisade replay --log /var/lib/palisade/log --bundle new --since 7d --examples 5
  palisade replay --bundle new --complete --format json

Every recorded decision is made again, at its own time, under the bundle. Nothing is guessed: a
record that lacks what the new policies could read is counted as not replayable, with the field it
lacks. Records hold arguments only with `log.arguments: redacted`, and there e-mail addresses and
other personal data and secrets are masked; without them, answers that cannot hang on arguments are
replayed all the same. For what is never recorded use a shadow. Approvals are not recorded in this
version.

Exits with 0 if no outcome would change, 4 if some would, 1 if the log cannot be read, or with
--complete if a record is not replayable, and 65 if the bundle does not load.";

/// Examples that are shown of each change unless told otherwise.
const EXAMPLES_DEFAULT: u16 = 2;

/// Examples of each change that can be asked for.
const EXAMPLES_MAX: u16 = 100;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Where the decision log lies [default: the setting `log.directory`]
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// The bundle to decide with; its tests are not run [default: the setting `bundle.path`]
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    period: PeriodArguments,
    /// How many examples to show of each change
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = EXAMPLES_DEFAULT,
        value_parser = clap::value_parser!(u16).range(..=i64::from(EXAMPLES_MAX))
    )]
    examples: u16,
    /// How many changes, principals and fields to list, most frequent first
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    top: usize,
    /// Fail if a record is not replayable
    #[arg(long)]
    complete: bool,
    /// How to show what would change
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How a summary is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Human,
    Json,
}

/// An answer, old or new.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Said {
    pub(super) outcome: Outcome,
    pub(super) reason: String,
    pub(super) policies: Vec<String>,
}

/// What came of one recorded decision.
pub(super) enum Outturn {
    /// It would be answered so.
    Again { old: Said, new: Said },
    /// It cannot be said, for want of this field.
    NotReplayable(String),
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { log, bundle, period, examples, top, complete, format } = arguments;
    let directory = context.bundle_directory(bundle)?;
    let snapshot = bundle::load(&directory, context)?.dangerous_into_untested_snapshot();
    let log = log::with_records(log::named_or_configured(log, context)?)?;
    let mut summary = Summary::new(snapshot.revision().to_string(), usize::from(examples));
    period.at(SystemClock::new().now()).each(&log, |time, record| {
        if let Some(Entry::Decision(entry)) = &record.entry {
            summary.add(time, entry, replay(&snapshot, time, entry));
        }
    })?;
    match format {
        Format::Human => context.output.text(&summary.as_text(top))?,
        Format::Json => context.output.line(json_pretty(&summary.as_json(top)))?,
    }
    Ok(match summary {
        summary if complete && summary.has_gaps() => Exit::Failure,
        summary if summary.changes_outcomes() => Exit::Different,
        _ => Exit::Success,
    })
}

/// Decides a recorded decision again.
pub(super) fn replay(
    snapshot: &PolicySnapshot,
    time: EpochMillis,
    entry: &v1::DecisionEntry,
) -> Outturn {
    let Some((old, call)) = recorded::read(time, entry) else {
        return Outturn::NotReplayable("record".to_owned());
    };
    if call.reason == Some(ReasonCode::BundleExpired) {
        // The policies were not asked then.
        return Outturn::NotReplayable("decision".to_owned());
    }
    match say(snapshot, &call) {
        Ok(new) => Outturn::Again { old, new },
        Err(field) => Outturn::NotReplayable(field),
    }
}

/// Decides a recorded decision again under two bundles, whatever was answered then.
pub(super) fn compare(
    old: &PolicySnapshot,
    new: &PolicySnapshot,
    time: EpochMillis,
    entry: &v1::DecisionEntry,
) -> Outturn {
    let Some((_, call)) = recorded::read(time, entry) else {
        return Outturn::NotReplayable("record".to_owned());
    };
    match (say(old, &call), say(new, &call)) {
        (Ok(old), Ok(new)) => Outturn::Again { old, new },
        (Err(field), _) | (_, Err(field)) => Outturn::NotReplayable(field),
    }
}

/// What a bundle says to a recorded call, or the field that the record lacks for it.
fn say(snapshot: &PolicySnapshot, call: &RecordedCall) -> Result<Said, String> {
    match snapshot.replay(call) {
        Replayed::Decided(verdict) => Ok(Said {
            outcome: verdict.outcome,
            reason: verdict.reason.code.as_str().to_owned(),
            policies: verdict.determining.iter().map(|id| id.as_str().to_owned()).collect(),
        }),
        Replayed::NotReplayable { field } => Err(field),
    }
}

#[cfg(test)]
mod tests;
