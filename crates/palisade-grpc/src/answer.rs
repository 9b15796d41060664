//! From the domain to the wire.
//!
//! Domain structs are destructured whole, so that a new field cannot be forgotten here.

use std::time::Duration;

use palisade_core::{
    AttestationChallenge, Decision, Effect, EpochMillis, Obligations, Outcome, PolicyId,
    PostedRequirement, Prospect, Reason, Requirement, Revision, Tier, Verdict,
};
use palisade_pdp::{
    ClauseExplanation, ClauseJoin, Explained, Explanation, LinkExplanation, ListedTool,
    ObservedValue, PolicyEffect, PolicyExplanation, PolicyResult, Remedy, RemedyKind, ToolList,
    ToolProspect,
};
use palisade_proto::v1;

use crate::convert::ListTools;

/// Bytes of one text in an explanation; the rest is cut.
const EXPLANATION_TEXT_BYTES_MAX: usize = 1024;

/// Nesting of clauses in an explanation.
// LIMIT: protobuf readers stop at 100 nested messages, and three stand around the first clause.
const EXPLANATION_DEPTH_MAX: usize = 32;

/// Longest duration protobuf can say: 10,000 years (`google/protobuf/duration.proto`).
const DURATION_SECONDS_MAX: i64 = 315_576_000_000;

/// The answer to an authorize request.
pub(crate) fn decision(decision: Decision) -> v1::AuthorizeResponse {
    let Decision {
        id,
        verdict,
        revision: decided_by,
        dry_run,
        obligations,
        valid_for,
        attestation_challenge,
    } = decision;
    let mut response = verdict_response(&verdict, &decided_by, obligations, valid_for);
    if let Some(challenge) = attestation_challenge {
        response.requirements.iter_mut().for_each(|asked| add_nonce(asked, &challenge));
    }
    v1::AuthorizeResponse { decision_id: id.to_string(), dry_run, ..response }
}

/// Says in a requirement for attestation what the evidence has to carry.
fn add_nonce(asked: &mut v1::Requirement, challenge: &AttestationChallenge) {
    let AttestationChallenge { nonce, lifetime, accepted_media_types } = challenge;
    if let Some(v1::requirement::Requirement::Attestation(attestation)) = &mut asked.requirement {
        attestation.nonce = nonce.to_vec();
        attestation.nonce_lifetime = Some(duration(*lifetime));
        attestation.accepted_media_types = accepted_media_types.to_vec();
    }
}

/// The answer to a request for a nonce.
pub(crate) fn challenge(challenge: &AttestationChallenge) -> v1::ChallengeResponse {
    let AttestationChallenge { nonce, lifetime, accepted_media_types } = challenge;
    v1::ChallengeResponse {
        nonce: nonce.to_vec(),
        lifetime: Some(duration(*lifetime)),
        accepted_media_types: accepted_media_types.to_vec(),
    }
}

/// The answer to an explain request.
pub(crate) fn explained(explained: Explained, dry_run: bool) -> v1::ExplainResponse {
    let Explained { verdict, revision: asked, obligations, valid_for, explanation, now } =
        explained;
    let response = verdict_response(&verdict, &asked, obligations, valid_for);
    let (links, remedies) = match explanation {
        Some(Explanation { decided: _, links, remedies }) => (links, remedies),
        None => (Vec::new(), Vec::new()),
    };
    v1::ExplainResponse {
        response: Some(v1::AuthorizeResponse { dry_run, ..response }),
        links: links.into_iter().map(link_explanation).collect(),
        evaluation_time: Some(timestamp(now)),
        remedies: remedies.into_iter().map(remedy).collect(),
    }
}

/// The answer to a list request.
pub(crate) fn tool_list(list: ToolList, asked: &ListTools) -> v1::ListToolsResponse {
    let ToolList { tools, revision: listed_by } = list;
    let listed = tools.into_iter().filter(|ListedTool { prospect, .. }| {
        let service = prospect.tool.service();
        asked.service.as_ref().is_none_or(|asked| asked == service)
            && (asked.include_denied || prospect.prospect != Prospect::Deny)
    });
    v1::ListToolsResponse {
        tools: listed.map(listed_tool).collect(),
        revision: Some(revision(&listed_by)),
    }
}

fn verdict_response(
    verdict: &Verdict,
    decided_by: &Revision,
    obliged: Obligations,
    valid_for: Duration,
) -> v1::AuthorizeResponse {
    let Verdict { outcome: decided, reason: why, determining, requirements, exceptions: _ } =
        verdict;
    v1::AuthorizeResponse {
        decision_id: String::new(),
        outcome: outcome(*decided).into(),
        reason: Some(reason(why, determining)),
        revision: Some(revision(decided_by)),
        dry_run: false,
        // Grants and replay are not served yet.
        replayed: false,
        grant: String::new(),
        requirements: requirements.iter().map(requirement).collect(),
        obligations: (*decided == Outcome::Allow).then(|| obligations(obliged)),
        valid_for: (!valid_for.is_zero()).then(|| duration(valid_for)),
    }
}

fn listed_tool(listed: ListedTool) -> v1::ToolProspect {
    let ListedTool { prospect, upstream_name, definition_digest, tier: risk, effect: does } =
        listed;
    let ToolProspect { tool, prospect, reason: why, determining, requirements } = prospect;
    v1::ToolProspect {
        tool: tool.as_str().to_owned(),
        upstream_name,
        tool_digest: definition_digest.map(|digest| digest.to_string()).unwrap_or_default(),
        prospect: match prospect {
            Prospect::Allow => v1::Prospect::Allow,
            Prospect::Challenge => v1::Prospect::Challenge,
            Prospect::Deny => v1::Prospect::Deny,
            Prospect::Depends => v1::Prospect::Depends,
        }
        .into(),
        reason: Some(reason(&why, &determining)),
        requirements: requirements.iter().map(requirement).collect(),
        tier: tier(risk).into(),
        effect: effect(does).into(),
    }
}

const fn outcome(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Allow => v1::Outcome::Allow,
        Outcome::Challenge => v1::Outcome::Challenge,
        Outcome::Deny => v1::Outcome::Deny,
    }
}

const fn tier(tier: Tier) -> v1::Tier {
    match tier {
        Tier::ReadOnly => v1::Tier::Tier1,
        Tier::LowImpact => v1::Tier::Tier2,
        Tier::HighImpact => v1::Tier::Tier3,
    }
}

const fn effect(effect: Effect) -> v1::Effect {
    match effect {
        Effect::Admin => v1::Effect::Admin,
        Effect::Read => v1::Effect::Read,
        Effect::Write => v1::Effect::Write,
    }
}

fn reason(reason: &Reason, determining: &[PolicyId]) -> v1::Reason {
    let Reason { code, sentence } = reason;
    v1::Reason {
        code: code.as_str().to_owned(),
        sentence: sentence.clone(),
        determining_policies: policy_ids(determining),
    }
}

pub(crate) fn revision(revision: &Revision) -> v1::Revision {
    let Revision { bundle, version, digest } = revision;
    v1::Revision {
        bundle: bundle.as_str().to_owned(),
        version: *version,
        digest: digest.to_string(),
    }
}

fn obligations(obligations: Obligations) -> v1::Obligations {
    let Obligations { deadline, redact_result } = obligations;
    v1::Obligations { deadline: deadline.map(duration), redact_result }
}

fn requirement(posted: &PostedRequirement) -> v1::Requirement {
    let PostedRequirement { requirement, policies } = posted;
    v1::Requirement {
        requirement: Some(requirement_kind(requirement)),
        policies: policy_ids(policies),
    }
}

/// Ids and places stay empty: they are never invented, and no service hands them out yet. Nonces are
/// given with a decision only.
fn requirement_kind(requirement: &Requirement) -> v1::requirement::Requirement {
    use v1::requirement::Requirement as Wire;
    match requirement {
        Requirement::Approval { approvers, quorum, expires } => {
            Wire::Approval(v1::ApprovalRequirement {
                approvers: approvers.clone(),
                quorum: *quorum,
                expires: expires.map(duration),
                approval_id: String::new(),
                url: String::new(),
            })
        }
        Requirement::Attestation { max_age } => Wire::Attestation(v1::AttestationRequirement {
            max_age: max_age.map(duration),
            nonce: Vec::new(),
            accepted_media_types: Vec::new(),
            nonce_lifetime: None,
        }),
        Requirement::Confirmation { expires } => Wire::Confirmation(v1::ConfirmationRequirement {
            expires: expires.map(duration),
            prompt: String::new(),
            confirmation_id: String::new(),
        }),
        Requirement::StepUp { acr, max_age } => Wire::StepUp(v1::StepUpRequirement {
            acr: acr.clone().unwrap_or_default(),
            max_age: max_age.map(duration),
            www_authenticate: www_authenticate(acr.as_deref(), *max_age),
        }),
    }
}

/// What a resource server answers to a client whose user has to sign in again (RFC 9470,
/// section 3).
fn www_authenticate(acr: Option<&str>, max_age: Option<Duration>) -> String {
    let mut challenge = "Bearer error=\"insufficient_user_authentication\"".to_owned();
    if let Some(acr) = acr {
        // A quoted string (RFC 9110, section 5.6.4).
        let quoted = acr.replace('\\', "\\\\").replace('"', "\\\"");
        challenge.push_str(&format!(", acr_values=\"{quoted}\""));
    }
    if let Some(max_age) = max_age {
        challenge.push_str(&format!(", max_age={}", max_age.as_secs()));
    }
    challenge
}

fn remedy(remedy: Remedy) -> v1::Remedy {
    let Remedy { link, policy, kind, sentence, then, sufficient } = remedy;
    v1::Remedy {
        link: u32::try_from(link).unwrap_or(u32::MAX),
        policy: policy.map(|policy| policy.as_str().to_owned()).unwrap_or_default(),
        kind: match kind {
            RemedyKind::Blocked => v1::RemedyKind::Blocked,
            RemedyKind::Condition => v1::RemedyKind::Condition,
            RemedyKind::Principal => v1::RemedyKind::Principal,
            RemedyKind::Requirement => v1::RemedyKind::Requirement,
        }
        .into(),
        sentence: cut(sentence),
        then: outcome(then).into(),
        sufficient,
    }
}

fn link_explanation(link: LinkExplanation) -> v1::LinkExplanation {
    let LinkExplanation { principal, action, resource, policies, out_of_scope } = link;
    v1::LinkExplanation {
        principal,
        action,
        resource,
        policies: policies.into_iter().map(policy_explanation).collect(),
        out_of_scope: u32::try_from(out_of_scope).unwrap_or(u32::MAX),
    }
}

fn policy_explanation(explanation: PolicyExplanation) -> v1::PolicyExplanation {
    let PolicyExplanation {
        policy,
        effect,
        result,
        location,
        file: _,
        clauses,
        error,
        requirement,
        lifted_by,
    } = explanation;
    // The policy itself is the one who asks.
    let policies = vec![policy.as_str().to_owned()];
    v1::PolicyExplanation {
        policy: policy.as_str().to_owned(),
        effect: match effect {
            PolicyEffect::Forbid => v1::PolicyEffect::Forbid,
            PolicyEffect::Permit => v1::PolicyEffect::Permit,
        }
        .into(),
        result: policy_result(result).into(),
        location,
        clauses: clause_explanations(clauses, 1),
        error: error.map(cut).unwrap_or_default(),
        requirement: requirement.map(|requirement| v1::Requirement {
            requirement: Some(requirement_kind(&requirement)),
            policies,
        }),
        lifted_by: lifted_by.map(|used| v1::ExceptionUse {
            id: used.id.as_ref().to_owned(),
            policy: used.policy.as_str().to_owned(),
            ticket: used.ticket.as_ref().to_owned(),
        }),
    }
}

fn clause_explanations(
    clauses: Vec<ClauseExplanation>,
    depth: usize,
) -> Vec<v1::ClauseExplanation> {
    if depth > EXPLANATION_DEPTH_MAX {
        return Vec::new();
    }
    let clause = |clause| {
        let ClauseExplanation { text, span: _, result, values, join, parts, error } = clause;
        v1::ClauseExplanation {
            text: cut(text),
            result: policy_result(result).into(),
            values: values.into_iter().map(observed_value).collect(),
            join: clause_join(join).into(),
            parts: clause_explanations(parts, depth + 1),
            error: error.map(cut).unwrap_or_default(),
        }
    };
    clauses.into_iter().map(clause).collect()
}

const fn clause_join(join: ClauseJoin) -> v1::ClauseJoin {
    match join {
        ClauseJoin::All => v1::ClauseJoin::All,
        ClauseJoin::Any => v1::ClauseJoin::Any,
        ClauseJoin::If => v1::ClauseJoin::If,
        ClauseJoin::Leaf => v1::ClauseJoin::Leaf,
        ClauseJoin::Not => v1::ClauseJoin::Not,
    }
}

const fn policy_result(result: PolicyResult) -> v1::PolicyResult {
    match result {
        PolicyResult::Error => v1::PolicyResult::Error,
        PolicyResult::NotEvaluated => v1::PolicyResult::NotEvaluated,
        PolicyResult::NotSatisfied => v1::PolicyResult::NotSatisfied,
        PolicyResult::Satisfied => v1::PolicyResult::Satisfied,
    }
}

fn observed_value(observed: ObservedValue) -> v1::ObservedValue {
    let ObservedValue { expression, value } = observed;
    v1::ObservedValue {
        expression: cut(expression),
        value: value.map_or_else(|| "(absent)".to_owned(), cut),
    }
}

fn policy_ids(ids: &[PolicyId]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}

fn duration(duration: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(DURATION_SECONDS_MAX);
    prost_types::Duration {
        seconds: seconds.min(DURATION_SECONDS_MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

pub(crate) fn timestamp(instant: EpochMillis) -> prost_types::Timestamp {
    let millis = instant.as_millis();
    prost_types::Timestamp {
        seconds: millis.div_euclid(1000),
        nanos: i32::try_from(millis.rem_euclid(1000) * 1_000_000).unwrap_or(0),
    }
}

/// The text, cut with `…` to at most [`EXPLANATION_TEXT_BYTES_MAX`] bytes.
fn cut(mut text: String) -> String {
    const MARK: &str = "…";
    if text.len() > EXPLANATION_TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(EXPLANATION_TEXT_BYTES_MAX - MARK.len()));
        text.push_str(MARK);
    }
    text
}

#[cfg(test)]
mod tests;
