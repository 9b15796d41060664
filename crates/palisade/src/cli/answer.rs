//! Shows an answer.

use std::time::Duration;

use palisade_proto::v1;
use serde_json::{Value, json};

use super::failure::Failure;
use crate::exit::Exit;
use crate::output::Output;
use crate::wording;

/// How answers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
}

/// The exit code of an answer. Anything but a known `allow` or `challenge` is a deny.
pub(super) fn exit(response: &v1::AuthorizeResponse) -> Exit {
    match response.outcome() {
        v1::Outcome::Allow => Exit::Success,
        v1::Outcome::Challenge => Exit::Challenge,
        v1::Outcome::Deny | v1::Outcome::Unspecified => Exit::Deny,
    }
}

/// Shows an answer to people.
pub(super) fn show(
    response: &v1::AuthorizeResponse,
    took: Duration,
    output: &mut Output,
) -> Result<(), Failure> {
    let reason = response.reason.clone().unwrap_or_default();
    let outcome = wording::outcome(response.outcome()).to_uppercase();
    let dry_run = if response.dry_run { "  (dry run: not to be enforced)" } else { "" };
    output.line(format_args!("{outcome}{dry_run}"))?;
    output.line(format_args!("  reason    {} [{}]", reason.sentence, reason.code))?;
    if !reason.determining_policies.is_empty() {
        output.line(format_args!("  policies  {}", reason.determining_policies.join(", ")))?;
    }
    for requirement in &response.requirements {
        let policies = requirement.policies.join(", ");
        let needs = wording::requirement(requirement);
        output.line(format_args!("  needs     {needs} (asked by {policies})"))?;
    }
    if let Some(obligations) = &response.obligations {
        if let Some(deadline) = &obligations.deadline {
            let deadline = palisade_core::format_duration(wording::duration(deadline));
            output.line(format_args!("  deadline  the call has to be over within {deadline}"))?;
        }
        if !obligations.redact_result.is_empty() {
            let fields = obligations.redact_result.join(", ");
            output.line(format_args!("  redact    {fields} in the result"))?;
        }
    }
    if !response.decision_id.is_empty() {
        output.line(format_args!("  decision  {}", response.decision_id))?;
    }
    if let Some(revision) = &response.revision {
        output.line(format_args!("  revision  {}", wording::revision(revision)))?;
    }
    output.line(format_args!("  took      {}", wording::latency(took)))?;
    Ok(())
}

/// An answer as JSON. Names are those of the wire contract; durations are in milliseconds.
pub(super) fn as_json(response: &v1::AuthorizeResponse) -> Value {
    let v1::AuthorizeResponse {
        decision_id,
        outcome: _,
        reason,
        revision,
        dry_run,
        replayed,
        requirements,
        grant,
        obligations,
        valid_for,
    } = response;
    let reason = reason.as_ref().map(|reason| {
        json!({
            "code": reason.code,
            "sentence": reason.sentence,
            "determining_policies": reason.determining_policies,
        })
    });
    let revision = revision.as_ref().map(|revision| {
        let v1::Revision { bundle, version, digest } = revision;
        json!({ "bundle": bundle, "version": version, "digest": digest })
    });
    let obligations = obligations.as_ref().map(|obligations| {
        json!({
            "deadline_ms": obligations.deadline.as_ref().map(millis),
            "redact_result": obligations.redact_result,
        })
    });
    json!({
        "decision_id": decision_id,
        "outcome": wording::outcome(response.outcome()),
        "reason": reason,
        "revision": revision,
        "dry_run": dry_run,
        "replayed": replayed,
        "requirements": requirements.iter().map(requirement).collect::<Vec<_>>(),
        "grant": grant,
        "obligations": obligations,
        "valid_for_ms": valid_for.as_ref().map_or(0, millis),
    })
}

/// A requirement as JSON.
pub(super) fn requirement(requirement: &v1::Requirement) -> Value {
    use v1::requirement::Requirement as Kind;
    let policies = &requirement.policies;
    let words = wording::requirement(requirement);
    match &requirement.requirement {
        Some(Kind::Approval(approval)) => json!({
            "kind": "approval",
            "approvers": approval.approvers,
            "quorum": approval.quorum,
            "expires_ms": approval.expires.as_ref().map(millis),
            "policies": policies,
            "sentence": words,
        }),
        Some(Kind::Confirmation(confirmation)) => json!({
            "kind": "confirmation",
            "prompt": confirmation.prompt,
            "expires_ms": confirmation.expires.as_ref().map(millis),
            "policies": policies,
            "sentence": words,
        }),
        Some(Kind::StepUp(step_up)) => json!({
            "kind": "step_up",
            "acr": step_up.acr,
            "max_age_ms": step_up.max_age.as_ref().map(millis),
            "policies": policies,
            "sentence": words,
        }),
        Some(Kind::Attestation(attestation)) => json!({
            "kind": "attestation",
            "max_age_ms": attestation.max_age.as_ref().map(millis),
            "accepted_media_types": attestation.accepted_media_types,
            "policies": policies,
            "sentence": words,
        }),
        None => json!({ "kind": null, "policies": policies, "sentence": words }),
    }
}

fn millis(duration: &prost_types::Duration) -> u64 {
    u64::try_from(wording::duration(duration).as_millis()).unwrap_or(u64::MAX)
}
