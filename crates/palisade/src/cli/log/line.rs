//! A record as one line for people.

use std::fmt::Write as _;

use clap::builder::styling::AnsiColor;
use palisade_core::EpochMillis;
use palisade_log::TreeHead;
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;

use super::json::{action, shadow_kind, status};
use super::printable::printable;
use crate::wording;

/// The line of a record, its control characters escaped.
pub(super) fn line(record: &v1::Record, colored: bool) -> String {
    let time = EpochMillis::new(record.time_unix_ms);
    let (head, color, rest) = match &record.entry {
        Some(Entry::Decision(entry)) => {
            let (word, color) = outcome(entry.outcome());
            (word, color, decision(entry))
        }
        Some(Entry::Outcome(entry)) => ("reported", None, reported(entry)),
        Some(Entry::Checkpoint(entry)) => ("checkpoint", None, checkpoint(entry)),
        Some(Entry::Gap(entry)) => ("gap", Some(AnsiColor::Red), gap(entry)),
        Some(Entry::Retention(entry)) => ("retention", None, retention(entry)),
        Some(Entry::Opened(entry)) => ("opened", None, opened(entry)),
        Some(Entry::Rollout(entry)) => {
            let color = match entry.action() {
                v1::RolloutAction::Refused => Some(AnsiColor::Red),
                v1::RolloutAction::RolledBack => Some(AnsiColor::Yellow),
                _ => None,
            };
            ("rollout", color, rollout(entry))
        }
        Some(Entry::Shadow(entry)) => ("shadow", None, shadow(entry)),
        None => ("unknown", None, format!("record {}; update this program", record.index)),
    };
    let head = paint(&format!("{head:10}"), color, colored);
    format!("{time}  {head}  {}", printable(&rest))
}

/// The word for an outcome and its colour.
pub(super) const fn outcome(outcome: v1::Outcome) -> (&'static str, Option<AnsiColor>) {
    let color = match outcome {
        v1::Outcome::Allow => AnsiColor::Green,
        v1::Outcome::Challenge => AnsiColor::Yellow,
        v1::Outcome::Deny | v1::Outcome::Unspecified => AnsiColor::Red,
    };
    (wording::outcome(outcome), Some(color))
}

/// A text in a colour, if colours are wanted.
pub(super) fn paint(text: &str, color: Option<AnsiColor>, colored: bool) -> String {
    match color.filter(|_| colored) {
        Some(color) => {
            let style = color.on_default();
            format!("{style}{text}{style:#}")
        }
        None => text.to_owned(),
    }
}

/// `user:corp:alice`, as it is written on the command line.
pub(in crate::cli) fn actor(actor: &v1::RecordedActor) -> String {
    let kind = match actor.kind() {
        v1::ActorKind::Agent => "agent",
        v1::ActorKind::Service => "service",
        v1::ActorKind::User => "user",
        v1::ActorKind::Unspecified => "unknown",
    };
    format!("{kind}:{}:{}", actor.issuer, actor.subject)
}

/// `user:corp:alice → agent:corp:helpdesk-bot`
pub(super) fn chain(links: &[v1::RecordedActor]) -> String {
    links.iter().map(actor).collect::<Vec<_>>().join(" → ")
}

/// What was reported of a call: `success after 12 ms`.
pub(super) fn report(entry: &v1::OutcomeEntry) -> String {
    let mut text = format!("{} after {} ms", status(entry.status()), entry.duration_ms);
    if !entry.error.is_empty() {
        let _written = write!(text, ", error {}", entry.error);
    }
    text
}

fn decision(entry: &v1::DecisionEntry) -> String {
    let reason = entry.reason.as_ref();
    let code = reason.map_or("", |reason| reason.code.as_str());
    let policies = reason.map_or(&[][..], |reason| &reason.determining_policies);
    let policies = match policies {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    let dry_run = if entry.dry_run { "  dry run" } else { "" };
    let mut exceptions: Vec<&str> = entry.exceptions.iter().map(|used| used.id.as_str()).collect();
    exceptions.dedup();
    let excepted = match exceptions.as_slice() {
        [] => String::new(),
        some => format!("  by exception {}", some.join(", ")),
    };
    let v1::DecisionEntry { tool, decision_id, chain: links, .. } = entry;
    format!("{tool}  {}  {code}{policies}  {decision_id}{dry_run}{excepted}", chain(links))
}

/// `activated  quickstart@7 (…) → quickstart@8 (…)`, and why.
fn rollout(entry: &v1::RolloutEntry) -> String {
    let v1::RolloutEntry { action: _, from, to, code, detail, redactions: _ } = entry;
    let revisions = match (from, to) {
        (Some(from), Some(to)) => {
            format!("{} → {}", wording::revision(from), wording::revision(to))
        }
        (None, Some(to)) => wording::revision(to),
        (Some(from), None) => format!("{} → (unreadable)", wording::revision(from)),
        (None, None) => "(unreadable)".to_owned(),
    };
    let mut text = format!("{}  {revisions}", action(entry.action()));
    for more in [code, detail] {
        if !more.is_empty() {
            let _written = write!(text, "  {more}");
        }
    }
    text
}

/// `allow → deny  crm.read_ticket  …  permitted → policy_forbid (night)`, and where.
fn shadow(entry: &v1::ShadowEntry) -> String {
    let v1::ShadowEntry { decision_id, chain: links, tool, .. } = entry;
    let kind = shadow_kind(entry.kind());
    let by = match &entry.revision {
        Some(revision) => format!("{kind} of {}", wording::revision(revision)),
        None => kind.to_owned(),
    };
    format!("{}  {tool}  {}  {decision_id}  {by}", difference(entry), chain(links))
}

/// What would have been answered instead: `allow → deny, permitted → policy_forbid (night)`.
pub(super) fn difference(entry: &v1::ShadowEntry) -> String {
    let [answered, instead] = [entry.outcome(), entry.shadow_outcome()].map(wording::outcome);
    let code = entry.reason.as_ref().map_or("", |reason| reason.code.as_str());
    let reason = entry.shadow_reason.as_ref();
    let instead_code = reason.map_or("", |reason| reason.code.as_str());
    let policies = match reason.map_or(&[][..], |reason| &reason.determining_policies) {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    format!("{answered} → {instead}, {code} → {instead_code}{policies}")
}

fn reported(entry: &v1::OutcomeEntry) -> String {
    format!("{}  {}", report(entry), entry.decision_id)
}

fn checkpoint(entry: &v1::CheckpointEntry) -> String {
    let closing = if entry.closing { ", the log was closed" } else { "" };
    match TreeHead::dangerous_unverified(&entry.note) {
        Ok(TreeHead { origin, size, .. }) => {
            format!("signed by {origin}: the first {size} records{closing}")
        }
        Err(error) => format!("{error}{closing}"),
    }
}

fn gap(entry: &v1::GapEntry) -> String {
    let v1::GapEntry { records, first_unix_ms, last_unix_ms, cause, answered } = entry;
    let (first, last) = (EpochMillis::new(*first_unix_ms), EpochMillis::new(*last_unix_ms));
    let answered = if *answered { "answered all the same" } else { "denied" };
    format!("{records} calls from {first} to {last} are not on record, but {answered}: {cause}")
}

fn retention(entry: &v1::RetentionEntry) -> String {
    let v1::RetentionEntry { first_index, records, unshipped, cause } = entry;
    let unshipped = match unshipped {
        0 => String::new(),
        some => format!(", {some} of them not shipped"),
    };
    format!("{records} records deleted for {cause}{unshipped}; the first is now {first_index}")
}

fn opened(entry: &v1::OpenedEntry) -> String {
    let v1::OpenedEntry { software_version, waits_for_disk, was_closed, torn_bytes, .. } = entry;
    let waits = if *waits_for_disk { "commit" } else { "interval" };
    let mut text = format!("by palisade {software_version}, durability {waits}");
    if !was_closed {
        text.push_str("; the process before did not close it");
    }
    if *torn_bytes > 0 {
        let _written = write!(text, " and left {torn_bytes} bytes half written");
    }
    text
}
