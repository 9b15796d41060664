//! Shows what was counted.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use serde_json::{Map, Value, json};

use super::{Stats, most_frequent};
use crate::cli::log::printable::printable;
use crate::wording;

/// The shares of decisions whose latency is told, in thousandths.
const SHARES: [u64; 3] = [500, 990, 1000];

pub(super) fn as_text(stats: &Stats, top: usize) -> String {
    let mut text = Text::default();
    let Stats { records, segments, bytes, decisions, dry_runs, .. } = stats;
    let size = size(*bytes);
    text.row("log", format_args!("{records} records counted; {segments} segments, {size}"));
    if let Some((first, last)) = stats.times {
        text.row("time", format_args!("{first} to {last}"));
    }
    let rate = stats.per_minute().map_or_else(String::new, |it| format!(", {it:.1} per minute"));
    text.row("decisions", format_args!("{decisions}{rate}, {dry_runs} of them dry runs"));
    if let Some(latencies) = stats.latencies_ns(SHARES) {
        let [p50, p99, max] = latencies.map(std::time::Duration::from_nanos);
        let [p50, p99, max] = [p50, p99, max].map(wording::latency);
        text.row("latency", format_args!("p50 {p50}, p99 {p99}, longest {max}"));
    }
    text.row(
        "missing",
        format_args!(
            "{} calls in {} gaps; {} records deleted",
            stats.unlogged, stats.gaps, stats.deleted
        ),
    );
    let newest = stats.newest_checkpoint.map_or_else(String::new, |at| format!(", newest {at}"));
    text.row("signed", format_args!("{} checkpoints{newest}", stats.checkpoints));
    let crashes = stats.crashes;
    text.row("opened", format_args!("{} times, {crashes} not after a close", stats.opened));
    let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
    let (refused, rollouts) = (sum(&stats.refused), stats.rollouts.values().sum::<u64>());
    text.row("bundle", format_args!("{rollouts} changes, {refused} of them refused"));
    let (shadows, exceptions) = (sum(&stats.shadows), sum(&stats.exceptions));
    text.row("shadow", format_args!("{shadows} answers would have been others"));
    text.row("excepted", format_args!("{exceptions} forbids did not count"));
    text.table("outcomes", &by_count(&stats.outcomes), 0);
    text.table("reasons", &by_count(&stats.reasons), 0);
    text.table("by tier of the tool", &by_count(&stats.tiers), 0);
    text.table("challenges by requirement", &by_count(&stats.requirements), 0);
    text.table("reported", &by_count(&stats.reports), 0);
    text.table("changes of the bundle", &by_count(&stats.rollouts), 0);
    text.table("refused revisions by reason", &by_count(&stats.refused), 0);
    text.table("answers that would have been others in the shadow", &by_count(&stats.shadows), 0);
    let (exceptions, more) = most_frequent(&stats.exceptions, top);
    text.table("uses of exceptions", &exceptions, more);
    let (tools, more) = most_frequent(&stats.tools, top);
    text.table("tools", &tools, more);
    let (actors, more) = most_frequent(&stats.actors, top);
    text.table("actors", &actors, more);
    text.0
}

pub(super) fn as_json(stats: &Stats, top: usize) -> Value {
    let latencies = stats.latencies_ns(SHARES);
    let latency = |[p50, p99, max]: [u64; 3]| json!({ "p50": p50, "p99": p99, "max": max });
    let (tools, more_tools) = most_frequent(&stats.tools, top);
    let (actors, more_actors) = most_frequent(&stats.actors, top);
    let (exceptions, more_exceptions) = most_frequent(&stats.exceptions, top);
    json!({
        "records": stats.records,
        "segments": stats.segments,
        "bytes": stats.bytes,
        "first_time": stats.times.map(|(first, _)| first.to_string()),
        "last_time": stats.times.map(|(_, last)| last.to_string()),
        "decisions": stats.decisions,
        "dry_runs": stats.dry_runs,
        "decisions_per_minute": stats.per_minute(),
        "decide_ns": latencies.map(latency),
        "outcomes": object(&by_count(&stats.outcomes)),
        "reasons": object(&by_count(&stats.reasons)),
        "tiers": object(&by_count(&stats.tiers)),
        "requirements": object(&by_count(&stats.requirements)),
        "reported": object(&by_count(&stats.reports)),
        "tools": object(&tools),
        "more_tools": more_tools,
        "actors": object(&actors),
        "more_actors": more_actors,
        "gaps": stats.gaps,
        "unlogged": stats.unlogged,
        "deleted": stats.deleted,
        "checkpoints": stats.checkpoints,
        "newest_checkpoint": stats.newest_checkpoint.map(|time| time.to_string()),
        "opened": stats.opened,
        "crashes": stats.crashes,
        "rollouts": object(&by_count(&stats.rollouts)),
        "refused_rollouts": object(&by_count(&stats.refused)),
        "shadow_differences": object(&by_count(&stats.shadows)),
        "exceptions": object(&exceptions),
        "more_exceptions": more_exceptions,
    })
}

fn by_count<K: AsRef<str>>(counts: &BTreeMap<K, u64>) -> Vec<(&str, u64)> {
    let mut sorted: Vec<_> = counts.iter().map(|(name, count)| (name.as_ref(), *count)).collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    sorted
}

fn object(counts: &[(&str, u64)]) -> Value {
    let member = |(name, count): &(&str, u64)| ((*name).to_owned(), Value::from(*count));
    Value::Object(counts.iter().map(member).collect::<Map<_, _>>())
}

/// Bytes in a unit that leaves at most four digits before the point.
fn size(bytes: u64) -> String {
    let mut tenths = bytes.saturating_mul(10);
    let mut unit = "bytes";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, larger);
    }
    match unit {
        "bytes" => format!("{bytes} bytes"),
        unit => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

/// Rows and tables.
#[derive(Default)]
struct Text(String);

impl Text {
    fn row(&mut self, label: &str, text: impl Display) {
        // Writing to a string cannot fail.
        let _written = writeln!(self.0, "{label:9}  {text}");
    }

    fn table(&mut self, title: &str, rows: &[(&str, u64)], more: usize) {
        if rows.is_empty() {
            return;
        }
        let _written = writeln!(self.0, "\n{title}");
        for (name, count) in rows {
            let _written = writeln!(self.0, "  {count:>9}  {}", printable(name));
        }
        if more > 0 {
            let _written = writeln!(self.0, "  and {more} more");
        }
    }
}
