//! A record in full, for people.

use std::time::Duration;

use palisade_core::{EpochMillis, format_duration};
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;

use super::printable::printable;
use super::{json, line};
use crate::cli::failure::Failure;
use crate::output::Output;
use crate::wording;

/// Shows a record, the reports about it and what its shadows say.
pub(super) fn show(
    record: &v1::Record,
    reports: &[v1::Record],
    shadows: &[v1::Record],
    output: &mut Output,
) -> Result<(), Failure> {
    let Some(Entry::Decision(entry)) = &record.entry else {
        output.line(line::line(record, output.colored()))?;
        return Ok(());
    };
    let (word, color) = line::outcome(entry.outcome());
    let word = line::paint(&word.to_uppercase(), color, output.colored());
    let dry_run = if entry.dry_run { "  (dry run: not to be enforced)" } else { "" };
    output.line(format_args!("{word}{dry_run}"))?;
    let mut rows = Rows::default();
    decision(&mut rows, record, entry);
    for report in reports {
        if let Some(Entry::Outcome(entry)) = &report.entry {
            reported(&mut rows, report.time_unix_ms, entry);
        }
    }
    for shadow in shadows {
        if let Some(Entry::Shadow(entry)) = &shadow.entry {
            shadowed(&mut rows, entry);
        }
    }
    for (label, text) in rows.0 {
        output.line(format_args!("  {label:9} {}", printable(&text)))?;
    }
    Ok(())
}

/// Labels and texts; those without a text are left out.
#[derive(Debug, Default)]
struct Rows(Vec<(&'static str, String)>);

impl Rows {
    fn add(&mut self, label: &'static str, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.0.push((label, text));
        }
    }
}

fn asked_by(chain: &[v1::RecordedActor], proven: bool) -> String {
    if chain.is_empty() {
        return "nobody whose credential was acceptable".to_owned();
    }
    let proven = if proven { "proven" } else { "the caller's word" };
    format!("{} ({proven})", line::chain(chain))
}

fn decision(rows: &mut Rows, record: &v1::Record, entry: &v1::DecisionEntry) {
    rows.add("decision", entry.decision_id.as_str());
    rows.add("time", EpochMillis::new(record.time_unix_ms).to_string());
    rows.add("record", record.index.to_string());
    rows.add("asked by", asked_by(&entry.chain, entry.actors_proven));
    rows.add("from", entry.source_address.as_str());
    rows.add("request", entry.request_id.as_str());
    rows.add("pep", entry.pep.as_str());
    rows.add("pep id", entry.pep_request_id.as_str());
    rows.add("tool", tool(entry));
    rows.add("resource", entry.resource.as_str());
    if let Some(v1::Resource { r#type, id }) = &entry.named_resource {
        rows.add("named", format!("{type}::\"{id}\""));
    }
    let reason = entry.reason.clone().unwrap_or_default();
    rows.add("reason", format!("{} [{}]", reason.sentence, reason.code));
    rows.add("policies", reason.determining_policies.join(", "));
    for v1::ExceptionUse { id, policy, ticket } in &entry.exceptions {
        rows.add("exception", format!("{id} lifted {policy}, ticket {ticket}"));
    }
    for requirement in &entry.requirements {
        let policies = requirement.policies.join(", ");
        rows.add("needs", format!("{} (asked by {policies})", wording::requirement(requirement)));
    }
    if let Some(v1::Obligations { deadline, redact_result }) = &entry.obligations {
        if let Some(deadline) = deadline {
            let deadline = format_duration(wording::duration(deadline));
            rows.add("deadline", format!("the call has to be over within {deadline}"));
        }
        if !redact_result.is_empty() {
            rows.add("redact", format!("{} in the result", redact_result.join(", ")));
        }
    }
    if entry.valid_for_ms > 0 {
        let valid_for = format_duration(Duration::from_millis(entry.valid_for_ms));
        rows.add("good for", valid_for);
    }
    rows.add("revision", entry.revision.as_ref().map(wording::revision).unwrap_or_default());
    if entry.minimum_version > 0 {
        rows.add("at least", format!("version {} was asked for", entry.minimum_version));
    }
    if let Some(known) = &entry.authentication {
        let time = known.time_unix_ms.map(|time| EpochMillis::new(time).to_string());
        let methods = known.amr.join(", ");
        let parts = [Some(known.acr.clone()), Some(methods), time].into_iter().flatten();
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        rows.add("signed in", parts.join(", "));
    }
    if let Some(proven) = &entry.attestation {
        let debug = if proven.debug { ", debug" } else { "" };
        let (tier, verifier, subject) = (&proven.tier, &proven.verifier, &proven.subject);
        rows.add("runs in", format!("{tier}{debug}: {subject} by {verifier}"));
        rows.add("measured", proven.measurements.join(", "));
        rows.add("meets", proven.references.join(", "));
    }
    rows.add("arguments", entry.arguments.as_str());
    rows.add("digest", hex::encode(&entry.arguments_digest));
    rows.add("redacted", redactions(&entry.redactions));
    rows.add("took", wording::latency(Duration::from_nanos(entry.decide_ns)));
    if let Some(trace) = &entry.trace {
        let (trace, span) = (hex::encode(&trace.trace_id), hex::encode(&trace.span_id));
        rows.add("trace", format!("{trace}, span {span}"));
    }
}

fn tool(entry: &v1::DecisionEntry) -> String {
    let facts: Vec<String> = json::tier(entry.tier())
        .map(|tier| format!("tier {tier}"))
        .into_iter()
        .chain(json::effect(entry.effect()).map(str::to_owned))
        .collect();
    match facts.as_slice() {
        [] => format!("{} (not catalogued)", entry.tool),
        facts => format!("{} ({})", entry.tool, facts.join(", ")),
    }
}

fn reported(rows: &mut Rows, time: i64, entry: &v1::OutcomeEntry) {
    let bytes = match entry.result_bytes {
        0 => String::new(),
        bytes => format!(", {bytes} bytes"),
    };
    let time = EpochMillis::new(time);
    rows.add("reported", format!("{}{bytes}, at {time}", line::report(entry)));
    rows.add("result", hex::encode(&entry.result_digest));
    rows.add("redacted", redactions(&entry.redactions));
}

fn shadowed(rows: &mut Rows, entry: &v1::ShadowEntry) {
    let by = match (entry.kind(), &entry.revision) {
        (v1::ShadowKind::Policies, _) => "with its shadow policies".to_owned(),
        (_, Some(revision)) => format!("by {}", wording::revision(revision)),
        (_, None) => "by another revision".to_owned(),
    };
    rows.add("shadow", format!("{}, {by}", line::difference(entry)));
    let reason = entry.shadow_reason.as_ref();
    rows.add("", reason.map(|reason| reason.sentence.clone()).unwrap_or_default());
    rows.add("redacted", redactions(&entry.redactions));
}

fn redactions(redactions: &[v1::Redaction]) -> String {
    let each = |v1::Redaction { pointer, kind }: &v1::Redaction| format!("{pointer} ({kind})");
    redactions.iter().map(each).collect::<Vec<_>>().join(", ")
}
