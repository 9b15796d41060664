//! `palisade shadow report`: the differences that are on record, counted, with examples.
//!
//! The log has an entry for each call that would have been answered otherwise and none for the
//! others, so this says how many differ, and not how many were decided in the shadow.

mod render;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use palisade_core::{Clock as _, EpochMillis, SystemClock};
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;

use crate::cli::Context;
use crate::cli::counts::Counts;
use crate::cli::failure::Failure;
use crate::cli::log::period::{Period, PeriodArguments};
use crate::cli::log::principal::Principal;
use crate::cli::log::printable::json_pretty;
use crate::cli::log::{self, json};
use crate::exit::Exit;
use crate::wording;

/// Different tools, principals, policies or revisions that are counted by name.
// LIMIT: callers choose names of tools and subjects; some ten megabytes of them.
const KEYS_MAX: usize = 10_000;

/// Examples that are kept in all.
// LIMIT: each holds two sentences and five names, a kilobyte or two.
const EXAMPLES_KEPT_MAX: usize = 5_000;

/// Examples for one policy that can be asked for.
const EXAMPLES_MAX: u16 = 100;

/// Characters of a sentence in an example.
// LIMIT: sentences of policies are shorter; some of ours quote what a caller wrote.
const SENTENCE_CHARACTERS_MAX: usize = 300;

const HELP: &str = "\
Examples:
  palisade shadow report --since 24h
  palisade shadow report --log /var/lib/palisade/log --examples 10
  palisade shadow report --format json | jq '.by_outcome.rows'

Exits with 0 if there are no differences and with 4 if there are some. Calls that were not decided
in the shadow because too many waited are on no record; the metric `palisade.shadow.skipped` counts
them.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Where the decision log lies [default: the setting `log.directory`]
    #[arg(long, value_name = "DIR", alias = "directory")]
    log: Option<PathBuf>,
    #[command(flatten)]
    period: PeriodArguments,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// How many examples to show for each policy
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 3,
        value_parser = clap::value_parser!(u16).range(..=i64::from(EXAMPLES_MAX))
    )]
    examples: u16,
    /// How many tools, principals and policies to list, most frequent first
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    top: usize,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { log, period, format, examples, top } = arguments;
    let directory = log::with_records(log::named_or_configured(log, context)?)?;
    let now = SystemClock::new().now();
    let period = period.at(now);
    let report = read(&directory, period, usize::from(examples))?;
    match format {
        Format::Human => context.output.text(&render::as_text(&report, top))?,
        Format::Json => context.output.line(json_pretty(&render::as_json(&report, top)))?,
    }
    Ok(if report.differences == 0 { Exit::Success } else { Exit::Different })
}

/// Names a revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RevisionKey {
    bundle: String,
    version: u64,
    digest: String,
}

/// A difference, to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Example {
    decision_id: String,
    tool: String,
    principal: Principal,
    answered: Answer,
    instead: Answer,
}

/// One of the two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    outcome: &'static str,
    code: String,
    sentence: String,
}

/// What was counted.
#[derive(Debug)]
struct Report {
    period: Period,
    examples_each: usize,
    /// When the first and the last of what is counted happened.
    times: Option<(EpochMillis, EpochMillis)>,
    decisions: u64,
    /// Decisions by the revision in force.
    revisions: Counts<Option<RevisionKey>>,
    /// Calls that are not on record.
    unlogged: u64,
    /// Revisions that began or ended to decide in the shadow.
    rollouts: Counts<(&'static str, Option<RevisionKey>)>,
    differences: u64,
    kinds: Counts<(&'static str, Option<RevisionKey>)>,
    /// What was answered and what would have been.
    outcomes: Counts<(&'static str, &'static str)>,
    tools: Counts<String>,
    principals: Counts<Principal>,
    /// Policies that would have determined the answer; empty: none.
    policies: Counts<String>,
    examples: BTreeMap<String, Vec<Example>>,
    examples_kept: usize,
}

fn read(directory: &Path, period: Period, examples_each: usize) -> Result<Report, Failure> {
    let mut report = Report::new(period, examples_each);
    period.each(directory, |time, record| report.add(time, record.entry))?;
    Ok(report)
}

impl Report {
    const fn new(period: Period, examples_each: usize) -> Self {
        Self {
            period,
            examples_each,
            times: None,
            decisions: 0,
            revisions: Counts::new(KEYS_MAX),
            unlogged: 0,
            rollouts: Counts::new(KEYS_MAX),
            differences: 0,
            kinds: Counts::new(KEYS_MAX),
            outcomes: Counts::new(KEYS_MAX),
            tools: Counts::new(KEYS_MAX),
            principals: Counts::new(KEYS_MAX),
            policies: Counts::new(KEYS_MAX),
            examples: BTreeMap::new(),
            examples_kept: 0,
        }
    }

    fn add(&mut self, time: EpochMillis, entry: Option<Entry>) {
        match entry {
            Some(Entry::Decision(entry)) => {
                self.decisions += 1;
                self.revisions.add(entry.revision.map(RevisionKey::from));
            }
            Some(Entry::Shadow(entry)) => self.add_difference(&entry),
            Some(Entry::Gap(entry)) => self.unlogged = self.unlogged.saturating_add(entry.records),
            Some(Entry::Rollout(entry)) => match entry.action() {
                action @ (v1::RolloutAction::ShadowStarted | v1::RolloutAction::ShadowEnded) => {
                    self.rollouts.add((json::action(action), entry.to.map(RevisionKey::from)));
                }
                _ => return,
            },
            Some(
                Entry::Outcome(_) | Entry::Checkpoint(_) | Entry::Retention(_) | Entry::Opened(_),
            )
            | None => return,
        }
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
    }

    fn add_difference(&mut self, entry: &v1::ShadowEntry) {
        self.differences += 1;
        let revision = entry.revision.clone().map(RevisionKey::from);
        self.kinds.add((json::shadow_kind(entry.kind()), revision));
        let [answered, instead] = [entry.outcome(), entry.shadow_outcome()].map(wording::outcome);
        self.outcomes.add((answered, instead));
        self.tools.add(entry.tool.clone());
        self.principals.add(Principal::of(&entry.chain));
        let reason = entry.shadow_reason.as_ref();
        let policies = reason.map_or(&[][..], |reason| &reason.determining_policies);
        if policies.is_empty() {
            self.add_policy("", entry);
        }
        for policy in policies {
            self.add_policy(policy, entry);
        }
    }

    fn add_policy(&mut self, policy: &str, entry: &v1::ShadowEntry) {
        self.policies.add(policy.to_owned());
        let kept = self.examples.get(policy).map_or(0, Vec::len);
        if kept < self.examples_each && self.examples_kept < EXAMPLES_KEPT_MAX {
            self.examples_kept += 1;
            self.examples.entry(policy.to_owned()).or_default().push(Example::of(entry));
        }
    }
}

impl From<v1::Revision> for RevisionKey {
    fn from(revision: v1::Revision) -> Self {
        let v1::Revision { bundle, version, digest } = revision;
        Self { bundle, version, digest }
    }
}

impl Example {
    fn of(entry: &v1::ShadowEntry) -> Self {
        let answer = |outcome, reason: Option<&v1::Reason>| Answer {
            outcome: wording::outcome(outcome),
            code: reason.map(|reason| reason.code.clone()).unwrap_or_default(),
            sentence: reason.map(|reason| cut(&reason.sentence)).unwrap_or_default(),
        };
        Self {
            decision_id: entry.decision_id.clone(),
            tool: entry.tool.clone(),
            principal: Principal::of(&entry.chain),
            answered: answer(entry.outcome(), entry.reason.as_ref()),
            instead: answer(entry.shadow_outcome(), entry.shadow_reason.as_ref()),
        }
    }
}

/// The beginning of a sentence that is too long.
fn cut(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let mut text: String = characters.by_ref().take(SENTENCE_CHARACTERS_MAX).collect();
    if characters.next().is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
