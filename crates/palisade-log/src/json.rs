//! A decision record as JSON. The names are those of the wire contract; quantities carry their
//! unit. Private to this crate, so that the format changes only here.

use std::time::Duration;

use serde::Serialize;

use palisade_core::{
    Actor, Decision, DecisionRecord, Obligations, PolicyId, PostedRequirement, RecordedLatency,
    RequestId, Requirement, Revision, Verdict,
};

/// One line of the log.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    time: String,
    decision_id: String,
    outcome: &'static str,
    reason: ReasonJson<'a>,
    revision: RevisionJson<'a>,
    dry_run: bool,
    requirements: Vec<RequirementJson<'a>>,
    obligations: ObligationsJson<'a>,
    valid_for_ms: u64,
    request_id: Option<&'a str>,
    pep_request_id: Option<&'a str>,
    chain: Vec<ActorJson<'a>>,
    actors_proven: bool,
    tool: &'a str,
    tier: Option<u8>,
    effect: Option<&'static str>,
    resource: Option<&'a str>,
    arguments_digest: String,
    latency: LatencyJson,
}

#[derive(Serialize)]
struct ReasonJson<'a> {
    code: &'static str,
    sentence: &'a str,
    determining_policies: Vec<&'a str>,
}

#[derive(Serialize)]
struct RevisionJson<'a> {
    bundle: &'a str,
    version: u64,
    digest: String,
}

#[derive(Serialize)]
struct ActorJson<'a> {
    kind: &'static str,
    issuer: &'a str,
    subject: &'a str,
}

#[derive(Serialize)]
struct ObligationsJson<'a> {
    deadline_ms: Option<u64>,
    redact_result: &'a [String],
}

#[derive(Serialize)]
struct LatencyJson {
    decide_us: u64,
}

#[derive(Serialize)]
struct RequirementJson<'a> {
    kind: &'static str,
    #[serde(flatten)]
    parameters: ParametersJson<'a>,
    policies: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ParametersJson<'a> {
    Approval { approvers: &'a str, quorum: u32, expires_ms: Option<u64> },
    Attestation { max_age_ms: Option<u64> },
    Confirmation { expires_ms: Option<u64> },
    StepUp { acr: Option<&'a str>, max_age_ms: Option<u64> },
}

impl<'a> Line<'a> {
    /// The line of a record.
    pub(crate) fn new(record: &'a DecisionRecord) -> Self {
        // Destructured whole, so that a new field cannot be forgotten here.
        let DecisionRecord {
            time,
            decision,
            request_id,
            pep_request_id,
            chain,
            actors_proven,
            tool,
            tier,
            effect,
            resource,
            arguments_digest,
            latency: RecordedLatency { decide },
        } = record;
        let Decision { id, verdict, revision, dry_run, obligations, valid_for } = decision;
        let Verdict { outcome, reason, determining, requirements } = verdict.as_ref();
        let Obligations { deadline, redact_result } = obligations;
        Self {
            time: time.to_string(),
            decision_id: id.to_string(),
            outcome: outcome.as_str(),
            reason: ReasonJson {
                code: reason.code.as_str(),
                sentence: &reason.sentence,
                determining_policies: ids(determining),
            },
            revision: RevisionJson::new(revision),
            dry_run: *dry_run,
            requirements: requirements.iter().map(RequirementJson::new).collect(),
            obligations: ObligationsJson { deadline_ms: deadline.map(millis), redact_result },
            valid_for_ms: millis(*valid_for),
            request_id: request_id.as_ref().map(RequestId::as_str),
            pep_request_id: pep_request_id.as_deref(),
            chain: chain.links().iter().map(ActorJson::new).collect(),
            actors_proven: *actors_proven,
            tool,
            tier: tier.map(palisade_core::Tier::number),
            effect: effect.map(palisade_core::Effect::as_str),
            resource: resource.as_deref(),
            arguments_digest: arguments_digest.to_string(),
            latency: LatencyJson {
                decide_us: u64::try_from(decide.as_micros()).unwrap_or(u64::MAX),
            },
        }
    }
}

impl<'a> RevisionJson<'a> {
    fn new(revision: &'a Revision) -> Self {
        let Revision { bundle, version, digest } = revision;
        Self { bundle: bundle.as_str(), version: *version, digest: digest.to_string() }
    }
}

impl<'a> ActorJson<'a> {
    fn new(actor: &'a Actor) -> Self {
        let Actor { kind, issuer, subject } = actor;
        Self { kind: kind.entity_type(), issuer: issuer.as_str(), subject: subject.as_str() }
    }
}

impl<'a> RequirementJson<'a> {
    fn new(posted: &'a PostedRequirement) -> Self {
        let PostedRequirement { requirement, policies } = posted;
        let parameters = match requirement {
            Requirement::Approval { approvers, quorum, expires } => ParametersJson::Approval {
                approvers,
                quorum: *quorum,
                expires_ms: expires.map(millis),
            },
            Requirement::Attestation { max_age } => {
                ParametersJson::Attestation { max_age_ms: max_age.map(millis) }
            }
            Requirement::Confirmation { expires } => {
                ParametersJson::Confirmation { expires_ms: expires.map(millis) }
            }
            Requirement::StepUp { acr, max_age } => {
                ParametersJson::StepUp { acr: acr.as_deref(), max_age_ms: max_age.map(millis) }
            }
        };
        Self { kind: requirement.kind().as_str(), parameters, policies: ids(policies) }
    }
}

fn ids(policies: &[PolicyId]) -> Vec<&str> {
    policies.iter().map(PolicyId::as_str).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
