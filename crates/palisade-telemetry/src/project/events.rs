//! What each kind of record says.

mod rollout;

use opentelemetry_proto::tonic::logs::v1::SeverityNumber;

use palisade_core::EpochMillis;
use palisade_proto::v1::record::Entry;
use palisade_proto::v1::requirement::Requirement as Asked;
use palisade_proto::v1::{
    ActorKind, AttestationSummary, CallStatus, CheckpointEntry, DecisionEntry, Effect,
    ExceptionUse, GapEntry, Obligations, OpenedEntry, Outcome, OutcomeEntry, Proof, RecordedActor,
    RecordedAuthentication, Redaction, Requirement, RetentionEntry, Revision,
};

use super::values::Attributes;
use super::{Event, hex};
use crate::attributes as name;

/// What is said of an entry.
pub(super) fn event(entry: Entry) -> Event {
    match entry {
        Entry::Decision(decision) => self::decision(decision),
        Entry::Outcome(outcome) => self::outcome(outcome),
        Entry::Checkpoint(checkpoint) => self::checkpoint(&checkpoint),
        Entry::Gap(gap) => self::gap(&gap),
        Entry::Retention(retention) => self::retention(&retention),
        Entry::Opened(opened) => self::opened(&opened),
        Entry::Rollout(rollout) => rollout::rollout(&rollout),
        Entry::Shadow(shadow) => rollout::shadow(&shadow),
    }
}

/// The answer in a sentence.
pub(super) fn decision_sentence(decision: &DecisionEntry) -> String {
    let chain: Vec<String> = decision.chain.iter().map(actor).collect();
    let reason = decision.reason.clone().unwrap_or_default();
    format!(
        "{}{} {} for {}: {}. {}",
        if decision.dry_run { "dry run: " } else { "" },
        outcome_name(decision.outcome()).to_uppercase(),
        decision.tool,
        chain.join(" > "),
        reason.code,
        reason.sentence
    )
}

pub(super) const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "allow",
        Outcome::Challenge => "challenge",
        // Whatever is not said is not allowed.
        Outcome::Deny | Outcome::Unspecified => "deny",
    }
}

pub(super) const fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Admin => "admin",
        Effect::Read => "read",
        Effect::Unspecified => "",
        Effect::Write => "write",
    }
}

/// `kind:issuer:subject`, as people write actors on the command line.
pub(super) fn actor(actor: &RecordedActor) -> String {
    let kind = match actor.kind() {
        ActorKind::Agent => "agent",
        ActorKind::Service => "service",
        ActorKind::Unspecified => "unknown",
        ActorKind::User => "user",
    };
    format!("{kind}:{}", actor_id(actor))
}

/// `issuer:subject`.
pub(super) fn actor_id(actor: &RecordedActor) -> String {
    format!("{}:{}", actor.issuer, actor.subject)
}

/// The last agent of a chain.
pub(super) fn last_agent(chain: &[RecordedActor]) -> Option<&RecordedActor> {
    chain.iter().rfind(|actor| actor.kind() == ActorKind::Agent)
}

/// `id policy ticket` of an exception that lifted a forbid.
pub(super) fn exception(used: &ExceptionUse) -> String {
    let ExceptionUse { id, policy, ticket } = used;
    format!("{id} {policy} {ticket}").trim_end().to_owned()
}

/// The kinds of what a challenge asks for.
pub(super) fn requirement_names(requirements: &[Requirement]) -> Vec<String> {
    let asked = requirements.iter().filter_map(|requirement| requirement.requirement.as_ref());
    let names = asked.map(|asked| match asked {
        Asked::Approval(_) => "approval",
        Asked::Attestation(_) => "attestation",
        Asked::Confirmation(_) => "confirmation",
        Asked::StepUp(_) => "step_up",
    });
    names.map(str::to_owned).collect()
}

#[expect(clippy::too_many_lines, reason = "one line for each field, none of which may be missed")]
fn decision(decision: DecisionEntry) -> Event {
    let sentence = decision_sentence(&decision);
    let outcome = decision.outcome();
    let (tier, effect) = (decision.tier, decision.effect());
    let DecisionEntry {
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
    } = decision;
    let reason = reason.unwrap_or_default();
    let mut attributes = Attributes::default();
    attributes.text(name::GEN_AI_OPERATION_NAME, "execute_tool");
    attributes.text(name::GEN_AI_TOOL_NAME, &tool);
    if let Some(agent) = last_agent(&chain) {
        attributes.text(name::GEN_AI_AGENT_ID, &actor_id(agent));
    }
    attributes.text(name::GEN_AI_CONVERSATION_ID, &session_id);
    attributes.text(name::CLIENT_ADDRESS, &source_address);
    attributes.text(name::DECISION_ID, &decision_id);
    attributes.text(name::DECISION_OUTCOME, outcome_name(outcome));
    attributes.text(name::DECISION_REASON, &reason.code);
    attributes.texts(name::POLICY_IDS, reason.determining_policies);
    attributes.texts(name::DECISION_REQUIREMENTS, requirement_names(&requirements));
    attributes.texts(name::DECISION_EXCEPTIONS, exceptions.iter().map(exception));
    attributes.bool(name::DECISION_DRY_RUN, dry_run);
    attributes.int(name::DECISION_DECIDE_NS, decide_ns);
    attributes.int_unless_zero(name::DECISION_VALID_FOR_MS, valid_for_ms);
    attributes.texts(name::ACTOR_CHAIN, chain.iter().map(actor));
    attributes.texts(name::ACTOR_PROOFS, chain.iter().filter_map(proof_name));
    attributes.bool(name::ACTORS_PROVEN, actors_proven);
    add_revision(&mut attributes, revision.as_ref());
    attributes.int_unless_zero(name::TOOL_TIER, u64::try_from(tier).unwrap_or(0));
    attributes.text(name::TOOL_EFFECT, effect_name(effect));
    attributes.text(name::TOOL_DIGEST, &tool_digest);
    attributes.text(name::RESOURCE_ENTITY, &resource);
    if let Some(named) = named_resource {
        attributes.text(name::RESOURCE_NAMED, &format!("{}:{}", named.r#type, named.id));
    }
    attributes.text(name::PEP_ID, &pep);
    attributes.text(name::PEP_REQUEST_ID, &pep_request_id);
    attributes.text(name::REQUEST_ID, &request_id);
    attributes.int_unless_zero(name::REQUEST_MINIMUM_VERSION, minimum_version);
    attributes.text(name::ARGUMENTS_DIGEST, &hex(&arguments_digest));
    attributes.text(name::ARGUMENTS, &arguments);
    attributes.texts(name::RECORD_REDACTIONS, redactions.iter().map(redaction));
    add_obligations(&mut attributes, obligations);
    attributes.text(name::TRANSACTION_ID, &transaction_id);
    attributes.texts(name::APPROVAL_IDS, approval_ids);
    attributes.text(name::GRANT_ID, &grant_id);
    add_authentication(&mut attributes, authentication);
    add_attestation(&mut attributes, attestation);
    attributes.texts(name::DATA_LABELS, labels);
    let severity = match outcome {
        Outcome::Allow | Outcome::Challenge => SeverityNumber::Info,
        Outcome::Deny | Outcome::Unspecified => SeverityNumber::Warn,
    };
    Event { name: name::EVENT_DECISION, severity, sentence, attributes, trace }
}

fn add_revision(attributes: &mut Attributes, revision: Option<&Revision>) {
    let Some(Revision { bundle, version, digest }) = revision else { return };
    attributes.text(name::REVISION_BUNDLE, bundle);
    attributes.int(name::REVISION_VERSION, *version);
    attributes.text(name::REVISION_DIGEST, digest);
}

fn add_obligations(attributes: &mut Attributes, obligations: Option<Obligations>) {
    let Some(Obligations { deadline, redact_result }) = obligations else { return };
    if let Some(deadline) =
        deadline.and_then(|deadline| std::time::Duration::try_from(deadline).ok())
    {
        let millis = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        attributes.int(name::OBLIGATION_DEADLINE_MS, millis);
    }
    attributes.texts(name::OBLIGATION_REDACT_RESULT, redact_result);
}

fn add_authentication(attributes: &mut Attributes, known: Option<RecordedAuthentication>) {
    let Some(RecordedAuthentication { acr, amr, time_unix_ms }) = known else { return };
    attributes.text(name::AUTH_ACR, &acr);
    attributes.texts(name::AUTH_AMR, amr);
    attributes.text(name::AUTH_TIME, &time_unix_ms.map(time).unwrap_or_default());
}

/// Trust claims and measurements stay in the record: they are many, and `references` says what
/// they come to.
fn add_attestation(attributes: &mut Attributes, attestation: Option<AttestationSummary>) {
    let Some(AttestationSummary {
        tier,
        issued_at_unix_ms,
        evidence_digest,
        verifier,
        subject,
        vector: _,
        expires_at_unix_ms: _,
        measurements: _,
        references,
        debug,
        nonce_fresh: _,
    }) = attestation
    else {
        return;
    };
    attributes.text(name::ATTESTATION_TIER, &tier);
    attributes.text(name::ATTESTATION_VERIFIER, &verifier);
    attributes.text(name::ATTESTATION_SUBJECT, &subject);
    attributes.texts(name::ATTESTATION_REFERENCES, references);
    attributes.bool(name::ATTESTATION_DEBUG, debug);
    attributes.text(name::ATTESTATION_ISSUED_AT, &time(issued_at_unix_ms));
    attributes.text(name::ATTESTATION_EVIDENCE_DIGEST, &hex(&evidence_digest));
}

/// `None`: the record is of a version that did not say.
fn proof_name(actor: &RecordedActor) -> Option<String> {
    match actor.proof() {
        Proof::Asserted => Some("asserted".to_owned()),
        Proof::Bearer => Some("bearer".to_owned()),
        Proof::KeyBound => Some("key_bound".to_owned()),
        Proof::Unspecified => None,
    }
}

fn redaction(redaction: &Redaction) -> String {
    format!("{} {}", redaction.pointer, redaction.kind)
}

fn outcome(outcome: OutcomeEntry) -> Event {
    let (status, severity) = match outcome.status() {
        CallStatus::Failure => ("failure", SeverityNumber::Warn),
        CallStatus::NotMade => ("not_made", SeverityNumber::Info),
        CallStatus::Success => ("success", SeverityNumber::Info),
        CallStatus::Unknown | CallStatus::Unspecified => ("unknown", SeverityNumber::Warn),
    };
    let OutcomeEntry {
        decision_id,
        status: _,
        duration_ms,
        error,
        result_bytes,
        result_digest,
        pep,
        redactions,
        trace,
    } = outcome;
    let sentence = format!("The call of decision {decision_id} ended with {status}");
    let mut attributes = Attributes::default();
    attributes.text(name::DECISION_ID, &decision_id);
    attributes.text(name::CALL_STATUS, status);
    attributes.int(name::CALL_DURATION_MS, duration_ms);
    attributes.text(name::ERROR_TYPE, &error);
    attributes.int(name::CALL_RESULT_BYTES, result_bytes);
    attributes.text(name::CALL_RESULT_DIGEST, &hex(&result_digest));
    attributes.text(name::PEP_ID, &pep);
    attributes.texts(name::RECORD_REDACTIONS, redactions.iter().map(redaction));
    Event { name: name::EVENT_OUTCOME, severity, sentence, attributes, trace }
}

fn checkpoint(checkpoint: &CheckpointEntry) -> Event {
    let CheckpointEntry { note, closing } = checkpoint;
    let mut attributes = Attributes::default();
    attributes.text(name::CHECKPOINT_NOTE, note);
    attributes.bool(name::CHECKPOINT_CLOSING, *closing);
    plain(
        name::EVENT_CHECKPOINT,
        SeverityNumber::Info,
        "A signed checkpoint of all records before this one".to_owned(),
        attributes,
    )
}

fn gap(gap: &GapEntry) -> Event {
    let GapEntry { records, first_unix_ms, last_unix_ms, cause, answered } = gap;
    let mut attributes = Attributes::default();
    attributes.int(name::GAP_RECORDS, *records);
    attributes.text(name::GAP_FIRST_TIME, &time(*first_unix_ms));
    attributes.text(name::GAP_LAST_TIME, &time(*last_unix_ms));
    attributes.text(name::GAP_CAUSE, cause);
    attributes.bool(name::GAP_ANSWERED, *answered);
    let sentence = format!(
        "{records} answers are missing here, from {} to {}: {cause}",
        time(*first_unix_ms),
        time(*last_unix_ms)
    );
    plain(name::EVENT_GAP, SeverityNumber::Error, sentence, attributes)
}

fn retention(retention: &RetentionEntry) -> Event {
    let RetentionEntry { first_index, records, unshipped, cause } = retention;
    let mut attributes = Attributes::default();
    attributes.int(name::RETENTION_FIRST_INDEX, *first_index);
    attributes.int(name::RETENTION_RECORDS, *records);
    attributes.int(name::RETENTION_UNSHIPPED, *unshipped);
    attributes.text(name::RETENTION_CAUSE, cause);
    let severity = if *unshipped == 0 { SeverityNumber::Info } else { SeverityNumber::Error };
    let sentence = format!(
        "{records} records before {first_index} were deleted because of their {cause}, \
         {unshipped} of them unshipped"
    );
    plain(name::EVENT_RETENTION, severity, sentence, attributes)
}

fn opened(opened: &OpenedEntry) -> Event {
    let OpenedEntry { software_version, waits_for_disk, was_closed, torn_bytes, verifier_key } =
        opened;
    let mut attributes = Attributes::default();
    attributes.text(name::OPENED_SOFTWARE_VERSION, software_version);
    attributes.bool(name::OPENED_WAITS_FOR_DISK, *waits_for_disk);
    attributes.bool(name::OPENED_WAS_CLOSED, *was_closed);
    attributes.int(name::OPENED_TORN_BYTES, *torn_bytes);
    attributes.text(name::OPENED_VERIFIER_KEY, verifier_key);
    let severity = if *was_closed { SeverityNumber::Info } else { SeverityNumber::Warn };
    let before = if *was_closed { "closed it" } else { "did not close it" };
    let sentence =
        format!("Palisade {software_version} opened the log; who had it before {before}");
    plain(name::EVENT_OPENED, severity, sentence, attributes)
}

fn plain(
    name: &'static str,
    severity: SeverityNumber,
    sentence: String,
    attributes: Attributes,
) -> Event {
    Event { name, severity, sentence, attributes, trace: None }
}

fn time(unix_ms: i64) -> String {
    EpochMillis::new(unix_ms).to_string()
}
