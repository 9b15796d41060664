//! Answers in words: what people read on the command line.

use std::time::Duration;

use palisade_core::format_duration;
use palisade_proto::v1;
use palisade_proto::v1::requirement::Requirement as Kind;
use prost_types::Duration as WireDuration;

/// What a requirement asks for: `approval by 1 of finance-approvers, within 15m`.
pub(crate) fn requirement(requirement: &v1::Requirement) -> String {
    match &requirement.requirement {
        Some(Kind::Approval(approval)) => {
            let v1::ApprovalRequirement { approvers, quorum, expires, .. } = approval;
            let expires = suffix(", good for ", expires.as_ref());
            format!("approval by {quorum} of {approvers}{expires}")
        }
        Some(Kind::Confirmation(confirmation)) => {
            let expires = suffix(", good for ", confirmation.expires.as_ref());
            format!("confirmation by the user{expires}")
        }
        Some(Kind::StepUp(step_up)) => {
            let age = suffix(" within the last ", step_up.max_age.as_ref());
            let acr = match step_up.acr.as_str() {
                "" => String::new(),
                acr => format!(" with `{acr}`"),
            };
            format!("a new login of the user{acr}{age}")
        }
        Some(Kind::Attestation(attestation)) => {
            let age = suffix(" within the last ", attestation.max_age.as_ref());
            format!("attestation of the agent's environment{age}")
        }
        None => "something this program does not know; update it".to_owned(),
    }
}

/// The word for an outcome. A number this program does not know is a deny.
pub(crate) const fn outcome(outcome: v1::Outcome) -> &'static str {
    match outcome {
        v1::Outcome::Allow => "allow",
        v1::Outcome::Challenge => "challenge",
        v1::Outcome::Deny | v1::Outcome::Unspecified => "deny",
    }
}

/// `quickstart@1 (0123456789ab)`.
pub(crate) fn revision(revision: &v1::Revision) -> String {
    let v1::Revision { bundle, version, digest } = revision;
    let short = digest.get(..12).unwrap_or(digest);
    format!("{bundle}@{version} ({short})")
}

/// A measured time: `0.42 ms`.
pub(crate) fn latency(latency: Duration) -> String {
    format!("{:.2} ms", latency.as_secs_f64() * 1_000.0)
}

/// A duration off the wire; below zero it is zero.
pub(crate) fn duration(duration: &WireDuration) -> Duration {
    let seconds = u64::try_from(duration.seconds).unwrap_or(0);
    let nanoseconds = u32::try_from(duration.nanos).unwrap_or(0);
    Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanoseconds.into()))
}

fn suffix(words: &str, length: Option<&WireDuration>) -> String {
    length.map(|length| format!("{words}{}", format_duration(duration(length)))).unwrap_or_default()
}
