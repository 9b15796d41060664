//! The domain's records as the log's messages. Nothing that callers wrote gets through here
//! without redaction.

mod facts;
mod rollout;

use std::time::Duration;

use palisade_core::{
    Actor, ActorChain, ActorKind, CallOutcome, CallStatus, Decision, DecisionRecord, Effect,
    EpochMillis, ExceptionUse, LogEntry, Obligations, Outcome, PolicyId, PostedRequirement, Proof,
    Reason, ReasonCode, RecordedLatency, RequestId, Requirement, ResourceName, Revision, Tier,
    TraceContext, Verdict, VerifiedChain, VerifiedLink,
};
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;
use palisade_redact::Scope;

use crate::redaction::Redactions;

/// The message of an entry, without its index.
pub(crate) fn record(entry: LogEntry<'_>) -> v1::Record {
    let (time, entry) = match entry {
        LogEntry::Decision(record) => (record.time, Entry::Decision(decision(record))),
        LogEntry::Outcome(report) => (report.time, Entry::Outcome(outcome(report))),
        LogEntry::Rollout(record) => (record.time, Entry::Rollout(rollout::rollout(record))),
        LogEntry::Shadow(record) => (record.time, Entry::Shadow(rollout::shadow(record))),
    };
    v1::Record { index: 0, time_unix_ms: EpochMillis::as_millis(time), entry: Some(entry) }
}

fn decision(record: &DecisionRecord) -> v1::DecisionEntry {
    // Destructured whole, so that a new field cannot be forgotten here.
    let DecisionRecord {
        time: _,
        decision,
        request_id,
        environment,
        pep,
        chain,
        identity,
        authentication,
        attestation,
        tool,
        tool_digest,
        tier,
        effect,
        resource,
        named_resource,
        minimum_version,
        arguments_digest,
        arguments,
        trace,
        latency: RecordedLatency { decide },
    } = record;
    let mut redactions = Redactions::default();
    let both = Scope::SecretsAndPersonal;
    let chain = chain_of(chain.as_ref(), identity.as_deref(), &mut redactions);
    // The catalog's own names are what it is about; others are what a caller wrote.
    let tool = match tier {
        Some(_) => tool.clone(),
        None => redactions.text("/tool", tool, both),
    };
    let named_resource =
        named_resource.as_ref().map(|named| named_resource_of(named, &mut redactions));
    let entry = v1::DecisionEntry {
        request_id: redactions.optional(
            "/request_id",
            request_id.as_ref().map(RequestId::as_str),
            both,
        ),
        pep: redactions.optional("/pep", pep.as_deref(), Scope::Secrets),
        pep_request_id: redactions.optional(
            "/pep_request_id",
            environment.pep_request_id.as_deref(),
            both,
        ),
        chain,
        actors_proven: identity.as_ref().is_some_and(|identity| identity.is_proven()),
        tool,
        tool_digest: tool_digest.map_or_else(String::new, |digest| digest.to_string()),
        tier: tier.map_or(v1::Tier::Unspecified, tier_of).into(),
        effect: effect.map_or(v1::Effect::Unspecified, effect_of).into(),
        resource: entity(resource.as_deref(), record, &mut redactions),
        named_resource,
        source_address: environment
            .source_address
            .map_or_else(String::new, |address| address.to_string()),
        minimum_version: *minimum_version,
        arguments_digest: arguments_digest.as_bytes().to_vec(),
        arguments: arguments
            .as_ref()
            .map_or_else(String::new, |arguments| redactions.arguments(arguments)),
        decide_ns: u64::try_from(decide.as_nanos()).unwrap_or(u64::MAX),
        trace: trace.as_ref().map(trace_of),
        authentication: authentication
            .as_ref()
            .map(|known| facts::authentication(known, &mut redactions)),
        attestation: attestation
            .as_ref()
            .map(|(proven, evidence)| facts::attestation(proven, *evidence, &mut redactions)),
        ..answer(decision, &mut redactions)
    };
    v1::DecisionEntry { redactions: redactions.into_sorted(), ..entry }
}

fn named_resource_of(named: &ResourceName, redactions: &mut Redactions) -> v1::Resource {
    let ResourceName { entity_type, id } = named;
    let both = Scope::SecretsAndPersonal;
    v1::Resource {
        r#type: redactions.text("/named_resource/type", entity_type, both),
        id: redactions.text("/named_resource/id", id, both),
    }
}

/// The links, with how each was proven.
fn chain_of(
    chain: Option<&ActorChain>,
    identity: Option<&VerifiedChain>,
    redactions: &mut Redactions,
) -> Vec<v1::RecordedActor> {
    let proofs: &[VerifiedLink] = identity.map_or(&[], |identity| &identity.links);
    let link = |(at, link): (usize, &Actor)| {
        let proof = proofs.get(at).map_or(Proof::Asserted, |link| link.proof);
        let proof = facts::proof(proof).into();
        v1::RecordedActor { proof, ..actor(at, link, redactions) }
    };
    chain.into_iter().flat_map(ActorChain::links).enumerate().map(link).collect()
}

/// What of the message is about the answer.
fn answer(decision: &Decision, redactions: &mut Redactions) -> v1::DecisionEntry {
    let Decision {
        id,
        verdict,
        revision,
        dry_run,
        obligations,
        valid_for,
        // Nobody has a use for a nonce afterwards.
        attestation_challenge: _,
    } = decision;
    let Verdict { outcome, reason, determining, requirements, exceptions } = verdict.as_ref();
    let Obligations { deadline, redact_result } = obligations;
    v1::DecisionEntry {
        decision_id: id.to_string(),
        outcome: outcome_of(*outcome).into(),
        reason: Some(v1::Reason {
            code: reason.code.as_str().to_owned(),
            sentence: sentence("/reason/sentence", reason, redactions),
            determining_policies: ids(determining),
        }),
        requirements: requirements.iter().map(requirement).collect(),
        revision: Some(revision_of(revision)),
        dry_run: *dry_run,
        obligations: (*outcome == Outcome::Allow).then(|| v1::Obligations {
            deadline: deadline.and_then(|deadline| deadline.try_into().ok()),
            redact_result: redact_result.clone(),
        }),
        valid_for_ms: millis(*valid_for),
        exceptions: exceptions.iter().map(exception).collect(),
        ..v1::DecisionEntry::default()
    }
}

fn outcome(report: &CallOutcome) -> v1::OutcomeEntry {
    let CallOutcome {
        time: _,
        pep,
        decision,
        status,
        duration,
        error,
        result_bytes,
        result_digest,
        trace,
    } = report;
    let mut redactions = Redactions::default();
    v1::OutcomeEntry {
        decision_id: decision.to_string(),
        status: match status {
            CallStatus::Failure => v1::CallStatus::Failure,
            CallStatus::NotMade => v1::CallStatus::NotMade,
            CallStatus::Success => v1::CallStatus::Success,
            CallStatus::Unknown => v1::CallStatus::Unknown,
        }
        .into(),
        duration_ms: millis(*duration),
        error: redactions.text("/error", error, Scope::SecretsAndPersonal),
        result_bytes: *result_bytes,
        result_digest: result_digest.map_or_else(Vec::new, |digest| digest.as_bytes().to_vec()),
        pep: redactions.optional("/pep", pep.as_deref(), Scope::Secrets),
        trace: trace.as_ref().map(trace_of),
        redactions: redactions.into_sorted(),
    }
}

/// The entity that a call acts on. A catalogued tool is one that no caller made up.
fn entity(entity: Option<&str>, record: &DecisionRecord, redactions: &mut Redactions) -> String {
    let tool = entity.and_then(|entity| entity.strip_prefix("Tool::\"")?.strip_suffix('"'));
    match entity {
        Some(entity) if record.tier.is_some() && tool == Some(record.tool.as_str()) => {
            entity.to_owned()
        }
        _ => redactions.optional("/resource", entity, Scope::SecretsAndPersonal),
    }
}

/// Sentences that name actors keep them; in others, a name came out of a request.
fn sentence(pointer: &str, reason: &Reason, redactions: &mut Redactions) -> String {
    let Reason { code, sentence } = reason;
    let scope = match code {
        code if !code.quotes_request() => return sentence.clone(),
        ReasonCode::AgentNotAutonomous | ReasonCode::NoPermit => Scope::Secrets,
        _ => Scope::SecretsAndPersonal,
    };
    redactions.text(pointer, sentence, scope)
}

fn revision_of(revision: &Revision) -> v1::Revision {
    let Revision { bundle, version, digest } = revision;
    v1::Revision {
        bundle: bundle.as_str().to_owned(),
        version: *version,
        digest: digest.to_string(),
    }
}

fn exception(used: &ExceptionUse) -> v1::ExceptionUse {
    let ExceptionUse { id, policy, ticket } = used;
    v1::ExceptionUse {
        id: id.as_ref().to_owned(),
        policy: policy.as_str().to_owned(),
        ticket: ticket.as_ref().to_owned(),
    }
}

fn requirement(posted: &PostedRequirement) -> v1::Requirement {
    use v1::requirement::Requirement as Wire;
    let PostedRequirement { requirement, policies } = posted;
    let lasting = |duration: &Option<Duration>| duration.and_then(|time| time.try_into().ok());
    let requirement = match requirement {
        Requirement::Approval { approvers, quorum, expires } => {
            Wire::Approval(v1::ApprovalRequirement {
                approvers: approvers.clone(),
                quorum: *quorum,
                expires: lasting(expires),
                ..v1::ApprovalRequirement::default()
            })
        }
        Requirement::Attestation { max_age } => Wire::Attestation(v1::AttestationRequirement {
            max_age: lasting(max_age),
            ..v1::AttestationRequirement::default()
        }),
        Requirement::Confirmation { expires } => Wire::Confirmation(v1::ConfirmationRequirement {
            expires: lasting(expires),
            ..v1::ConfirmationRequirement::default()
        }),
        Requirement::StepUp { acr, max_age } => Wire::StepUp(v1::StepUpRequirement {
            // Said to who asked; it can be made of the rest.
            www_authenticate: String::new(),
            acr: acr.clone().unwrap_or_default(),
            max_age: lasting(max_age),
        }),
    };
    v1::Requirement { requirement: Some(requirement), policies: ids(policies) }
}

/// Actors are who the log is about: an e-mail address that names one stays, a secret does not.
fn actor(at: usize, actor: &Actor, redactions: &mut Redactions) -> v1::RecordedActor {
    let Actor { kind, issuer, subject } = actor;
    let kind = match kind {
        ActorKind::Agent => v1::ActorKind::Agent,
        ActorKind::Service => v1::ActorKind::Service,
        ActorKind::User => v1::ActorKind::User,
    };
    v1::RecordedActor {
        kind: kind.into(),
        issuer: redactions.text_at(
            || format!("/chain/{at}/issuer"),
            issuer.as_str(),
            Scope::Secrets,
        ),
        subject: redactions.text_at(
            || format!("/chain/{at}/subject"),
            subject.as_str(),
            Scope::Secrets,
        ),
        proof: v1::Proof::Unspecified.into(),
    }
}

const fn outcome_of(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Allow => v1::Outcome::Allow,
        Outcome::Challenge => v1::Outcome::Challenge,
        Outcome::Deny => v1::Outcome::Deny,
    }
}

const fn tier_of(tier: Tier) -> v1::Tier {
    match tier {
        Tier::ReadOnly => v1::Tier::Tier1,
        Tier::LowImpact => v1::Tier::Tier2,
        Tier::HighImpact => v1::Tier::Tier3,
    }
}

const fn effect_of(effect: Effect) -> v1::Effect {
    match effect {
        Effect::Admin => v1::Effect::Admin,
        Effect::Read => v1::Effect::Read,
        Effect::Write => v1::Effect::Write,
    }
}

fn trace_of(trace: &TraceContext) -> v1::TraceContext {
    let TraceContext { trace, span, sampled } = trace;
    v1::TraceContext {
        trace_id: trace.as_bytes().to_vec(),
        span_id: span.as_bytes().to_vec(),
        sampled: *sampled,
    }
}

fn ids(policies: &[PolicyId]) -> Vec<String> {
    policies.iter().map(|policy| policy.as_str().to_owned()).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
