//! `palisade log stats`: counts over the log.

mod render;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::Path;

use palisade_core::{Clock as _, EpochMillis, SystemClock};
use palisade_log::LogReader;
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;
use palisade_proto::v1::requirement::Requirement;

use super::filter::When;
use super::printable::json_pretty;
use super::{Directory, decode, first_since, json, line, read_on, unreadable};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::exit::Exit;
use crate::wording;

/// Different tools, or actors, that are counted by name.
// LIMIT: callers choose these names; some ten megabytes of them. All others are counted together.
const NAMES_MAX: usize = 100_000;

/// What names beyond [`NAMES_MAX`] are counted as. No tool or actor is called so: it has no dot
/// and no colon.
const OTHERS: &str = "(others)";

const EXAMPLES: &str = "\
Examples:
  palisade log stats --since 24h
  palisade log stats --json | jq .outcomes

Latencies are exact, from the decoded request to the verdict. An actor is counted once for each
decision it stands in the chain of.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// Only what happened since: an instant in RFC 3339, or so long ago, e.g. `1h`
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// How many tools and actors to list, most frequent first
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    top: usize,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<Exit, Failure> {
    let Arguments { directory, since, top, json } = arguments;
    let directory = directory.with_records(context)?;
    let since = since.map(|since| since.instant(SystemClock::new().now()));
    let stats = count(&directory, since)?;
    if json {
        context.output.line(json_pretty(&render::as_json(&stats, top)))?;
    } else {
        context.output.text(&render::as_text(&stats, top))?;
    }
    Ok(Exit::Success)
}

/// What is counted.
#[derive(Debug, Default)]
struct Stats {
    /// Bytes of the whole log's segments, space taken in advance included.
    bytes: u64,
    segments: u64,
    records: u64,
    decisions: u64,
    dry_runs: u64,
    /// When the first and the last decision were made.
    times: Option<(EpochMillis, EpochMillis)>,
    outcomes: BTreeMap<&'static str, u64>,
    reasons: BTreeMap<String, u64>,
    tiers: BTreeMap<String, u64>,
    requirements: BTreeMap<&'static str, u64>,
    tools: BTreeMap<String, u64>,
    actors: BTreeMap<String, u64>,
    reports: BTreeMap<&'static str, u64>,
    /// How often each latency occurred, in nanoseconds: exact, and no larger than there are
    /// different ones.
    latencies: HashMap<u64, u64>,
    gaps: u64,
    /// Calls that are not on record.
    unlogged: u64,
    checkpoints: u64,
    newest_checkpoint: Option<EpochMillis>,
    opened: u64,
    /// Openings after a process that had not closed the log.
    crashes: u64,
    /// Records that were deleted.
    deleted: u64,
    /// What became of revisions.
    rollouts: BTreeMap<&'static str, u64>,
    /// Refused revisions by code.
    refused: BTreeMap<String, u64>,
    /// What would have been answered otherwise, by what decides in the shadow and both outcomes.
    shadows: BTreeMap<String, u64>,
    /// Uses of exceptions.
    exceptions: BTreeMap<String, u64>,
}

fn count(directory: &Path, since: Option<EpochMillis>) -> Result<Stats, Failure> {
    let mut stats = Stats::default();
    for segment in LogReader::segments(directory).map_err(unreadable)? {
        stats.segments += 1;
        stats.bytes += segment.bytes;
    }
    let from = match since {
        Some(since) => first_since(directory, since)?,
        None => LogReader::first(directory).map_err(unreadable)?.unwrap_or(0),
    };
    read_on(directory, from, |stored| {
        let record = decode(&stored)?;
        if since.is_none_or(|since| record.time_unix_ms >= since.as_millis()) {
            stats.add(&record);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(stats)
}

impl Stats {
    fn add(&mut self, record: &v1::Record) {
        let time = EpochMillis::new(record.time_unix_ms);
        self.records += 1;
        match &record.entry {
            Some(Entry::Decision(entry)) => self.add_decision(time, entry),
            Some(Entry::Outcome(entry)) => add(&mut self.reports, json::status(entry.status())),
            Some(Entry::Checkpoint(_)) => {
                self.checkpoints += 1;
                self.newest_checkpoint = Some(time);
            }
            Some(Entry::Gap(entry)) => {
                self.gaps += 1;
                self.unlogged = self.unlogged.saturating_add(entry.records);
            }
            Some(Entry::Retention(entry)) => {
                self.deleted = self.deleted.saturating_add(entry.records);
            }
            Some(Entry::Opened(entry)) => {
                self.opened += 1;
                self.crashes += u64::from(!entry.was_closed);
            }
            Some(Entry::Rollout(entry)) => {
                add(&mut self.rollouts, json::action(entry.action()));
                if entry.action() == v1::RolloutAction::Refused {
                    add_name(&mut self.refused, entry.code.clone());
                }
            }
            Some(Entry::Shadow(entry)) => {
                let kind = json::shadow_kind(entry.kind());
                let [answered, instead] =
                    [entry.outcome(), entry.shadow_outcome()].map(wording::outcome);
                add_name(&mut self.shadows, format!("{kind}: {answered} → {instead}"));
            }
            None => {}
        }
    }

    fn add_decision(&mut self, time: EpochMillis, entry: &v1::DecisionEntry) {
        self.decisions += 1;
        self.dry_runs += u64::from(entry.dry_run);
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
        add(&mut self.outcomes, wording::outcome(entry.outcome()));
        let reason = entry.reason.as_ref().map_or("", |reason| &reason.code);
        add_name(&mut self.reasons, reason.to_owned());
        let tier = json::tier(entry.tier());
        let tier = tier.map_or_else(|| "not catalogued".to_owned(), |tier| tier.to_string());
        add_name(&mut self.tiers, tier);
        // A kind that is asked for twice is one challenge by it all the same.
        let mut kinds: Vec<_> = entry.requirements.iter().map(kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            add(&mut self.requirements, kind);
        }
        add_name(&mut self.tools, entry.tool.clone());
        let mut actors: Vec<String> = entry.chain.iter().map(line::actor).collect();
        actors.sort_unstable();
        actors.dedup();
        for actor in actors {
            add_name(&mut self.actors, actor);
        }
        for used in &entry.exceptions {
            add_name(&mut self.exceptions, used.id.clone());
        }
        *self.latencies.entry(entry.decide_ns).or_default() += 1;
    }

    /// Decisions per minute between the first and the last one; `None` if they are of one moment.
    fn per_minute(&self) -> Option<f64> {
        let (first, last) = self.times?;
        let millis = u64::try_from(last.as_millis().saturating_sub(first.as_millis())).ok()?;
        let minutes = std::time::Duration::from_millis(millis).as_secs_f64() / 60.0;
        let decisions =
            u32::try_from(self.decisions).map_or_else(|_more| f64::from(u32::MAX), f64::from);
        (millis > 0).then(|| decisions / minutes)
    }

    /// The latencies that this share of decisions, in thousandths, did not exceed (nearest rank).
    fn latencies_ns<const N: usize>(&self, thousandths: [u64; N]) -> Option<[u64; N]> {
        let mut sorted: Vec<(u64, u64)> =
            self.latencies.iter().map(|(latency, count)| (*latency, *count)).collect();
        sorted.sort_unstable();
        let (longest, _) = sorted.last().copied()?;
        Some(thousandths.map(|share| {
            let rank = (self.decisions.saturating_mul(share)).div_ceil(1000).max(1);
            let mut seen = 0;
            let reached = |(_, count): &&(u64, u64)| {
                seen += count;
                seen >= rank
            };
            sorted.iter().find(reached).map_or(longest, |(latency, _)| *latency)
        }))
    }
}

fn add(counts: &mut BTreeMap<&'static str, u64>, name: &'static str) {
    *counts.entry(name).or_default() += 1;
}

fn add_name(counts: &mut BTreeMap<String, u64>, name: String) {
    let is_one_too_many = counts.len() >= NAMES_MAX && !counts.contains_key(&name);
    let name = if is_one_too_many { OTHERS.to_owned() } else { name };
    *counts.entry(name).or_default() += 1;
}

/// The names and counts of the most frequent, and how many are left out.
fn most_frequent(counts: &BTreeMap<String, u64>, top: usize) -> (Vec<(&str, u64)>, usize) {
    let mut sorted: Vec<(&str, u64)> =
        counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    // Stable, so that equally frequent ones stay in the order of their names.
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = sorted.len().saturating_sub(top);
    sorted.truncate(top);
    (sorted, more)
}

const fn kind(requirement: &v1::Requirement) -> &'static str {
    match &requirement.requirement {
        Some(Requirement::Approval(_)) => "approval",
        Some(Requirement::Attestation(_)) => "attestation",
        Some(Requirement::Confirmation(_)) => "confirmation",
        Some(Requirement::StepUp(_)) => "step_up",
        None => "unknown",
    }
}
