//! A record as JSON: the names of `record.proto`, enums as short names, times in RFC 3339, bytes in
//! hexadecimal, durations with their unit in the name. What is empty is left out.
//!
//! The fields of the entry stand beside `index`, `time` and `kind`, so that the pointers in
//! `redactions` point into this form. The `kind` of a shadow, which is taken, is `shadow_kind`.

mod revisions;

use palisade_core::EpochMillis;
use palisade_log::TreeHead;
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;
use serde_json::{Map, Value, json};

use super::super::answer;
use crate::wording;

/// Members in the order they are put.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    /// Adds a member unless it is empty. Zero and `false` say something and stay.
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let is_empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !is_empty {
            self.0.insert(name.to_owned(), value);
        }
    }
}

impl From<Fields> for Value {
    fn from(Fields(members): Fields) -> Self {
        Self::Object(members)
    }
}

/// The JSON of a record.
pub(super) fn record(record: &v1::Record) -> Value {
    let v1::Record { index, time_unix_ms, entry } = record;
    let mut fields = Fields::default();
    fields.put("index", *index);
    fields.put("time", time(*time_unix_ms));
    match entry {
        Some(Entry::Decision(entry)) => decision(&mut fields, entry),
        Some(Entry::Outcome(entry)) => outcome(&mut fields, entry),
        Some(Entry::Checkpoint(entry)) => checkpoint(&mut fields, entry),
        Some(Entry::Gap(entry)) => gap(&mut fields, entry),
        Some(Entry::Retention(entry)) => retention(&mut fields, entry),
        Some(Entry::Opened(entry)) => opened(&mut fields, entry),
        Some(Entry::Rollout(entry)) => revisions::rollout(&mut fields, entry),
        Some(Entry::Shadow(entry)) => revisions::shadow(&mut fields, entry),
        None => fields.put("kind", "unknown"),
    }
    fields.into()
}

fn decision(fields: &mut Fields, entry: &v1::DecisionEntry) {
    // Destructured whole, so that a new field cannot be forgotten here.
    let v1::DecisionEntry {
        decision_id,
        request_id,
        pep,
        pep_request_id,
        chain,
        actors_proven,
        tool,
        tool_digest,
        tier: _,
        effect: _,
        resource,
        named_resource,
        source_address,
        outcome: _,
        reason,
        requirements,
        revision,
        minimum_version,
        dry_run,
        obligations,
        valid_for_ms,
        arguments_digest,
        arguments,
        redactions,
        decide_ns,
        trace,
        session_id,
        transaction_id,
        approval_ids,
        grant_id,
        attestation,
        labels,
        exceptions,
        authentication,
    } = entry;
    fields.put("kind", "decision");
    fields.put("decision_id", decision_id.as_str());
    fields.put("request_id", request_id.as_str());
    fields.put("pep", pep.as_str());
    fields.put("pep_request_id", pep_request_id.as_str());
    fields.put("chain", list(chain, actor));
    fields.put("actors_proven", *actors_proven);
    fields.put("tool", tool.as_str());
    fields.put("tool_digest", tool_digest.as_str());
    fields.put("tier", tier(entry.tier()));
    fields.put("effect", effect(entry.effect()));
    fields.put("resource", resource.as_str());
    fields.put("named_resource", named_resource.as_ref().map(resource_name));
    fields.put("source_address", source_address.as_str());
    fields.put("outcome", wording::outcome(entry.outcome()));
    fields.put("reason", reason.as_ref().map(reason_of));
    fields.put("requirements", list(requirements, requirement));
    fields.put("revision", revision.as_ref().map(revision_of));
    fields.put("minimum_version", (*minimum_version != 0).then_some(*minimum_version));
    fields.put("dry_run", *dry_run);
    fields.put("obligations", obligations.as_ref().map(obligations_of));
    fields.put("valid_for_ms", *valid_for_ms);
    fields.put("arguments_digest", hex::encode(arguments_digest));
    fields.put("arguments", arguments_of(arguments));
    fields.put("redactions", list(redactions, redaction));
    fields.put("decide_ns", *decide_ns);
    fields.put("trace", trace.as_ref().map(trace_of));
    fields.put("session_id", session_id.as_str());
    fields.put("transaction_id", transaction_id.as_str());
    fields.put("approval_ids", approval_ids.as_slice());
    fields.put("grant_id", grant_id.as_str());
    put_proven(fields, authentication.as_ref(), attestation.as_ref());
    fields.put("labels", labels.as_slice());
    fields.put("exceptions", list(exceptions, revisions::exception));
}

fn outcome(fields: &mut Fields, entry: &v1::OutcomeEntry) {
    let v1::OutcomeEntry {
        decision_id,
        status: _,
        duration_ms,
        error,
        result_bytes,
        result_digest,
        pep,
        redactions,
        trace,
    } = entry;
    fields.put("kind", "outcome");
    fields.put("decision_id", decision_id.as_str());
    fields.put("status", status(entry.status()));
    fields.put("duration_ms", *duration_ms);
    fields.put("error", error.as_str());
    fields.put("result_bytes", *result_bytes);
    fields.put("result_digest", hex::encode(result_digest));
    fields.put("pep", pep.as_str());
    fields.put("redactions", list(redactions, redaction));
    fields.put("trace", trace.as_ref().map(trace_of));
}

fn checkpoint(fields: &mut Fields, entry: &v1::CheckpointEntry) {
    let v1::CheckpointEntry { note, closing } = entry;
    fields.put("kind", "checkpoint");
    if let Ok(TreeHead { origin, size, root }) = TreeHead::dangerous_unverified(note) {
        fields.put("origin", origin);
        fields.put("size", size);
        fields.put("root", hex::encode(root));
    }
    fields.put("closing", *closing);
    fields.put("note", note.as_str());
}

fn gap(fields: &mut Fields, entry: &v1::GapEntry) {
    let v1::GapEntry { records, first_unix_ms, last_unix_ms, cause, answered } = entry;
    fields.put("kind", "gap");
    fields.put("records", *records);
    fields.put("first_time", time(*first_unix_ms));
    fields.put("last_time", time(*last_unix_ms));
    fields.put("cause", cause.as_str());
    fields.put("answered", *answered);
}

fn retention(fields: &mut Fields, entry: &v1::RetentionEntry) {
    let v1::RetentionEntry { first_index, records, unshipped, cause } = entry;
    fields.put("kind", "retention");
    fields.put("first_index", *first_index);
    fields.put("records", *records);
    fields.put("unshipped", *unshipped);
    fields.put("cause", cause.as_str());
}

fn opened(fields: &mut Fields, entry: &v1::OpenedEntry) {
    let v1::OpenedEntry { software_version, waits_for_disk, was_closed, torn_bytes, verifier_key } =
        entry;
    fields.put("kind", "opened");
    fields.put("software_version", software_version.as_str());
    fields.put("waits_for_disk", *waits_for_disk);
    fields.put("was_closed", *was_closed);
    fields.put("torn_bytes", *torn_bytes);
    fields.put("verifier_key", verifier_key.as_str());
}

pub(in crate::cli) use revisions::{action, shadow_kind};

/// The name of a status.
pub(super) const fn status(status: v1::CallStatus) -> &'static str {
    match status {
        v1::CallStatus::Failure => "failure",
        v1::CallStatus::NotMade => "not_made",
        v1::CallStatus::Success => "success",
        v1::CallStatus::Unknown | v1::CallStatus::Unspecified => "unknown",
    }
}

/// The number of a tier, if there is one.
pub(super) const fn tier(tier: v1::Tier) -> Option<u8> {
    match tier {
        v1::Tier::Tier1 => Some(1),
        v1::Tier::Tier2 => Some(2),
        v1::Tier::Tier3 => Some(3),
        v1::Tier::Unspecified => None,
    }
}

/// The name of an effect, if there is one.
pub(super) const fn effect(effect: v1::Effect) -> Option<&'static str> {
    match effect {
        v1::Effect::Admin => Some("admin"),
        v1::Effect::Read => Some("read"),
        v1::Effect::Write => Some("write"),
        v1::Effect::Unspecified => None,
    }
}

fn actor(actor: &v1::RecordedActor) -> Value {
    let v1::RecordedActor { kind: _, issuer, subject, proof: _ } = actor;
    let kind = match actor.kind() {
        v1::ActorKind::Agent => "agent",
        v1::ActorKind::Service => "service",
        v1::ActorKind::User => "user",
        v1::ActorKind::Unspecified => "unknown",
    };
    let proof = match actor.proof() {
        v1::Proof::Asserted => "asserted",
        v1::Proof::Bearer => "bearer",
        v1::Proof::KeyBound => "key_bound",
        // Records of versions that did not say have no such field.
        v1::Proof::Unspecified => "",
    };
    let mut fields = Fields::default();
    fields.put("kind", kind);
    fields.put("issuer", issuer.as_str());
    fields.put("subject", subject.as_str());
    fields.put("proof", proof);
    fields.into()
}

fn resource_name(resource: &v1::Resource) -> Value {
    let v1::Resource { r#type, id } = resource;
    json!({ "type": r#type, "id": id })
}

fn reason_of(reason: &v1::Reason) -> Value {
    let v1::Reason { code, sentence, determining_policies } = reason;
    let mut fields = Fields::default();
    fields.put("code", code.as_str());
    fields.put("sentence", sentence.as_str());
    fields.put("determining_policies", determining_policies.as_slice());
    fields.into()
}

/// As answers have it, without the sentence, which is not in the record.
fn requirement(requirement: &v1::Requirement) -> Value {
    let mut fields = Fields::default();
    if let Value::Object(members) = answer::requirement(requirement) {
        for (name, value) in members.into_iter().filter(|(name, _)| name != "sentence") {
            fields.put(&name, value);
        }
    }
    fields.into()
}

fn revision_of(revision: &v1::Revision) -> Value {
    let v1::Revision { bundle, version, digest } = revision;
    json!({ "bundle": bundle, "version": version, "digest": digest })
}

fn obligations_of(obligations: &v1::Obligations) -> Value {
    let v1::Obligations { deadline, redact_result } = obligations;
    let millis = |deadline| u64::try_from(wording::duration(deadline).as_millis());
    let mut fields = Fields::default();
    fields.put("deadline_ms", deadline.as_ref().map(|it| millis(it).unwrap_or(u64::MAX)));
    fields.put("redact_result", redact_result.as_slice());
    fields.into()
}

/// Arguments are recorded as JSON text; what is none stays text.
fn arguments_of(arguments: &str) -> Value {
    serde_json::from_str(arguments).unwrap_or_else(|_| Value::String(arguments.to_owned()))
}

fn redaction(redaction: &v1::Redaction) -> Value {
    let v1::Redaction { pointer, kind } = redaction;
    json!({ "pointer": pointer, "kind": kind })
}

fn trace_of(trace: &v1::TraceContext) -> Value {
    let v1::TraceContext { trace_id, span_id, sampled } = trace;
    let mut fields = Fields::default();
    fields.put("trace_id", hex::encode(trace_id));
    fields.put("span_id", hex::encode(span_id));
    fields.put("sampled", *sampled);
    fields.into()
}

fn attestation_of(summary: &v1::AttestationSummary) -> Value {
    let v1::AttestationSummary {
        tier,
        issued_at_unix_ms,
        evidence_digest,
        verifier,
        subject,
        vector,
        expires_at_unix_ms,
        measurements,
        references,
        debug,
        nonce_fresh,
    } = summary;
    let mut fields = Fields::default();
    fields.put("tier", tier.as_str());
    fields.put("issued_at", time(*issued_at_unix_ms));
    fields.put("expires_at", time(*expires_at_unix_ms));
    fields.put("verifier", verifier.as_str());
    fields.put("subject", subject.as_str());
    fields.put("vector", list(vector, trust_claim));
    fields.put("measurements", list(measurements, |text| text.as_str().into()));
    fields.put("references", list(references, |text| text.as_str().into()));
    fields.put("debug", *debug);
    fields.put("nonce_fresh", *nonce_fresh);
    fields.put("evidence_digest", hex::encode(evidence_digest));
    fields.into()
}

fn trust_claim(claim: &v1::TrustClaim) -> Value {
    let v1::TrustClaim { category, value } = claim;
    let mut fields = Fields::default();
    fields.put("category", category.as_str());
    fields.put("value", *value);
    fields.into()
}

fn put_proven(
    fields: &mut Fields,
    authentication: Option<&v1::RecordedAuthentication>,
    attestation: Option<&v1::AttestationSummary>,
) {
    fields.put("authentication", authentication.map(authentication_of));
    fields.put("attestation", attestation.map(attestation_of));
}

fn authentication_of(known: &v1::RecordedAuthentication) -> Value {
    let v1::RecordedAuthentication { acr, amr, time_unix_ms } = known;
    let mut fields = Fields::default();
    fields.put("acr", acr.as_str());
    fields.put("amr", list(amr, |text| text.as_str().into()));
    fields.put("time", time_unix_ms.map(time));
    fields.into()
}

fn list<T>(items: &[T], item: impl Fn(&T) -> Value) -> Vec<Value> {
    items.iter().map(item).collect()
}

fn time(unix_ms: i64) -> String {
    EpochMillis::new(unix_ms).to_string()
}
