//! What a replay found: counted by what people ask for, with some examples of each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use palisade_core::EpochMillis;
use palisade_proto::v1;
use serde_json::{Value, json};

use super::{Outturn, Said};
use crate::cli::counts::text::Text;
use crate::cli::counts::{self, Counts};
use crate::cli::log::principal::Principal;
use crate::cli::log::printable::printable;

/// Changes, principals and fields that are counted by name.
// LIMIT: callers choose names of tools and subjects; some ten megabytes of them.
const KEYS_MAX: usize = 10_000;

/// Examples that are kept in all.
// LIMIT: each holds two answers and some names, a kilobyte or two.
const EXAMPLES_KEPT_MAX: usize = 5_000;

/// What a replay found.
#[derive(Debug)]
pub(in crate::cli) struct Summary {
    revision: String,
    examples_each: usize,
    decisions: u64,
    same: u64,
    /// Same outcome, another reason or other policies.
    other_reason: u64,
    other_outcome: u64,
    not_replayable: u64,
    changes: Counts<Change>,
    examples: BTreeMap<Change, Vec<Example>>,
    examples_kept: usize,
    principals: Counts<Principal>,
    lacking: Counts<String>,
    lacks_arguments: bool,
}

/// One kind of change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    tool: String,
    from: &'static str,
    to: &'static str,
}

/// A change, to look at.
#[derive(Debug)]
struct Example {
    decision_id: String,
    time: EpochMillis,
    principal: Principal,
    old: Said,
    new: Said,
}

impl Summary {
    /// Nothing yet; `revision` says under what is decided again.
    pub(in crate::cli) const fn new(revision: String, examples_each: usize) -> Self {
        Self {
            revision,
            examples_each,
            decisions: 0,
            same: 0,
            other_reason: 0,
            other_outcome: 0,
            not_replayable: 0,
            changes: Counts::new(KEYS_MAX),
            examples: BTreeMap::new(),
            examples_kept: 0,
            principals: Counts::new(KEYS_MAX),
            lacking: Counts::new(KEYS_MAX),
            lacks_arguments: false,
        }
    }

    /// Adds what came of a decision.
    pub(in crate::cli) fn add(
        &mut self,
        time: EpochMillis,
        entry: &v1::DecisionEntry,
        outturn: Outturn,
    ) {
        self.decisions += 1;
        match outturn {
            Outturn::NotReplayable(field) => {
                self.not_replayable += 1;
                self.lacks_arguments |= field == "arguments";
                self.lacking.add(field);
            }
            Outturn::Again { old, new } if old == new => self.same += 1,
            Outturn::Again { old, new } if old.outcome == new.outcome => self.other_reason += 1,
            Outturn::Again { old, new } => self.add_change(time, entry, old, new),
        }
    }

    fn add_change(&mut self, time: EpochMillis, entry: &v1::DecisionEntry, old: Said, new: Said) {
        self.other_outcome += 1;
        let principal = Principal::of(&entry.chain);
        self.principals.add(principal.clone());
        let (from, to) = (old.outcome.as_str(), new.outcome.as_str());
        let change = Change { tool: entry.tool.clone(), from, to };
        self.changes.add(change.clone());
        let kept = self.examples.get(&change).map_or(0, Vec::len);
        if kept < self.examples_each && self.examples_kept < EXAMPLES_KEPT_MAX {
            self.examples_kept += 1;
            let decision_id = entry.decision_id.clone();
            let example = Example { decision_id, time, principal, old, new };
            self.examples.entry(change).or_default().push(example);
        }
    }

    /// Whether some record was not replayable.
    pub(in crate::cli) const fn has_gaps(&self) -> bool {
        self.not_replayable > 0
    }

    /// Whether some outcome would be another one.
    pub(in crate::cli) const fn changes_outcomes(&self) -> bool {
        self.other_outcome > 0
    }

    /// For people.
    pub(in crate::cli) fn as_text(&self, top: usize) -> String {
        let Self { revision, decisions, same, other_reason, other_outcome, .. } = self;
        let mut text = Text::default();
        text.row("bundle", revision);
        text.row("decisions", format_args!("{decisions} on record"));
        text.row("same", same);
        text.row("reason", format_args!("{other_reason} the same outcome for another reason"));
        text.row("outcome", format_args!("{other_outcome} another outcome"));
        text.row("lacking", format_args!("{} not replayable", self.not_replayable));
        text.listed("another outcome, by tool", &self.changes, top, |text, change, count| {
            let Change { tool, from, to } = change;
            text.counted(count, &format!("{tool}  {from} → {to}"));
            for example in self.examples.get(change).into_iter().flatten() {
                show(text, example);
            }
        });
        let title = "another outcome, by principal";
        text.table(title, &self.principals, top, ToString::to_string);
        let title = "not replayable, by what the record lacks";
        text.table(title, &self.lacking, top, Clone::clone);
        if self.lacks_arguments {
            text.note("records hold arguments from when `log.arguments: redacted` is set");
        }
        text.0
    }

    /// The same as JSON.
    pub(in crate::cli) fn as_json(&self, top: usize) -> Value {
        json!({
            "revision": self.revision,
            "decisions": self.decisions,
            "same": self.same,
            "other_reason": self.other_reason,
            "other_outcome": self.other_outcome,
            "not_replayable": self.not_replayable,
            "changes": counts::as_json(&self.changes, top, |change, count| {
                let Change { tool, from, to } = change;
                let examples = self.examples.get(change).map(Vec::as_slice).unwrap_or_default();
                let examples: Vec<Value> = examples.iter().map(Example::as_json).collect();
                json!({ "tool": tool, "from": from, "to": to, "count": count, "examples": examples })
            }),
            "principals": counts::as_json(&self.principals, top, |principal, count| {
                let Principal { head, last } = principal;
                json!({ "head": head, "last": last, "count": count })
            }),
            "lacking": counts::as_json(&self.lacking, top, |field, count| {
                json!({ "field": field, "count": count })
            }),
        })
    }
}

impl Example {
    fn as_json(&self) -> Value {
        let Self { decision_id, time, principal: Principal { head, last }, old, new } = self;
        let said = |Said { outcome, reason, policies }: &Said| json!({ "outcome": outcome.as_str(), "reason": reason, "policies": policies });
        json!({
            "decision_id": decision_id,
            "time": time.to_string(),
            "head": head,
            "last": last,
            "old": said(old),
            "new": said(new),
        })
    }
}

fn show(text: &mut Text, example: &Example) {
    let Example { decision_id, time, principal, old, new } = example;
    let head = format!("{decision_id}  {time}  {principal}");
    let _written = writeln!(text.0, "             {}", printable(&head));
    for Said { outcome, reason, policies } in [old, new] {
        let by =
            if policies.is_empty() { String::new() } else { format!(" ({})", policies.join(", ")) };
        let answer = format!("{:9}  {reason}{by}", outcome.as_str());
        let _written = writeln!(text.0, "               {}", printable(&answer));
    }
}
