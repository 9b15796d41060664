//! `palisade diff`: which requests two bundles answer differently.

mod changes;
mod compare;

use std::path::PathBuf;

use palisade_core::{Clock as _, Facts, SystemClock, ToolCall, Verdict};
use palisade_proto::v1::record::Entry;
use serde_json::{Value, json};

use super::Context;
use super::answer::Format;
use super::bundle;
use super::failure::Failure;
use super::log::period::PeriodArguments;
use super::replay::summary::Summary;
use super::{log, replay};
use crate::exit::Exit;
use crate::output::Output;
use changes::Changes;
use compare::Difference;

const EXAMPLES: &str = "\
Examples:
  palisade diff policies/quickstart ../quickstart-next
  palisade diff --format json old new
  palisade diff --log /var/lib/palisade/log --since 7d old new

The tool calls of both bundles' tests are asked of both, each with the facts of its test. With --log
recorded calls are asked as well, as far as the records tell what both could read of them.
Exits with 0 if all are answered the same, with 4 if not, and with 65 if a bundle does not load;
whether the tests pass does not matter here.";

/// Examples of each change among recorded calls.
const EXAMPLES_EACH: usize = 2;

/// Rows of a table of recorded calls.
const ROWS_MAX: usize = 20;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The bundle as it is
    #[arg(value_name = "A")]
    old: PathBuf,
    /// The bundle as it would be
    #[arg(value_name = "B")]
    new: PathBuf,
    /// Ask the calls of this decision log as well
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    #[command(flatten)]
    period: PeriodArguments,
    /// How to show the differences
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { old, new, log, period, format } = arguments;
    let old = bundle::load(old, context)?;
    let new = bundle::load(new, context)?;
    let mut requests: Vec<(String, ToolCall, Facts)> = Vec::new();
    for (name, call, facts) in old.test_calls().chain(new.test_calls()) {
        // A test that both have is one request.
        if !requests.iter().any(|(_, known, under)| known == call && under == facts) {
            requests.push((name.to_owned(), call.clone(), facts.clone()));
        }
    }
    let asked = requests.len();
    let differences = compare::compare(old.snapshot(), new.snapshot(), requests);
    let changes = Changes::between(old.snapshot(), new.snapshot());
    let (old, new) = (old.snapshot(), new.snapshot());
    let revisions = format!("{} → {}", old.revision(), new.revision());
    let recorded = match log {
        None => None,
        Some(log) => {
            let mut summary = Summary::new(revisions.clone(), EXAMPLES_EACH);
            let log = log::with_records(log.clone())?;
            period.at(SystemClock::new().now()).each(&log, |time, record| {
                if let Some(Entry::Decision(entry)) = &record.entry {
                    summary.add(time, entry, replay::compare(old, new, time, entry));
                }
            })?;
            Some(summary)
        }
    };
    match format {
        Format::Human => {
            context.output.line(revisions)?;
            changes.show(context.output)?;
            show(&differences, asked, context.output)?;
            if let Some(recorded) = &recorded {
                context.output.line("\nrecorded calls")?;
                context.output.text(&recorded.as_text(ROWS_MAX))?;
            }
        }
        Format::Json => {
            let document = json!({
                "asked": asked,
                "differences": differences.iter().map(as_json).collect::<Vec<_>>(),
                "changes": changes.as_json(),
                "recorded": recorded.as_ref().map(|recorded| recorded.as_json(ROWS_MAX)),
            });
            context.output.line(format_args!("{document:#}"))?;
        }
    }
    let recorded_differ = recorded.as_ref().is_some_and(Summary::changes_outcomes);
    let is_same = differences.is_empty() && !recorded_differ;
    Ok(if is_same { Exit::Success } else { Exit::Different })
}

fn show(differences: &[Difference], asked: usize, output: &mut Output) -> Result<(), Failure> {
    for difference in differences {
        let Difference { name, chain, tool, old, new } = difference;
        output.line(format_args!("\n{name}"))?;
        output.line(format_args!("  {} calls {tool}", chain.join(" → ")))?;
        output.line(format_args!("  - {}", in_words(old)))?;
        output.line(format_args!("  + {}", in_words(new)))?;
    }
    let count = differences.len();
    output.line(format_args!("\n{count} of {asked} requests are answered differently"))?;
    Ok(())
}

fn in_words(verdict: &Verdict) -> String {
    let policies: Vec<&str> = verdict.determining.iter().map(|id| id.as_str()).collect();
    let by =
        if policies.is_empty() { String::new() } else { format!(" by {}", policies.join(", ")) };
    format!("{} {}{by}", verdict.outcome.as_str().to_uppercase(), verdict.reason.code)
}

fn as_json(difference: &Difference) -> Value {
    let Difference { name, chain, tool, old, new } = difference;
    let verdict = |verdict: &Verdict| {
        let policies: Vec<&str> = verdict.determining.iter().map(|id| id.as_str()).collect();
        let requirements: Vec<&str> =
            verdict.requirements.iter().map(|posted| posted.requirement.kind().as_str()).collect();
        json!({
            "outcome": verdict.outcome.as_str(),
            "reason": verdict.reason.code.as_str(),
            "sentence": verdict.reason.sentence,
            "determining_policies": policies,
            "requirements": requirements,
        })
    };
    json!({ "name": name, "chain": chain, "tool": tool, "old": verdict(old), "new": verdict(new) })
}

#[cfg(test)]
mod tests;
