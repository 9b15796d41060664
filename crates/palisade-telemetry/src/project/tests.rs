//! Tests of what log records hold.

mod ocsf;
mod rollout;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use palisade_proto::v1::{
    ActorKind, ApprovalRequirement, AttestationSummary, CallStatus, CheckpointEntry, DecisionEntry,
    Effect, ExceptionUse, GapEntry, Obligations, OpenedEntry, Outcome, OutcomeEntry, Proof, Reason,
    RecordedActor, RecordedAuthentication, Redaction, Requirement, Resource, RetentionEntry,
    Revision, Tier, TrustClaim, requirement,
};

use super::*;
use crate::attributes::{ATTRIBUTES, EVENTS, Kind, Requirement as Presence, Signal};

const OBSERVED: EpochMillis = EpochMillis::new(1_790_000_060_000);

fn projection(format: Format) -> Projection {
    let instance = Instance { version: "1.2.3".to_owned(), id: "instance-1".to_owned() };
    Projection::new(format, instance)
}

fn actor(kind: ActorKind, subject: &str) -> RecordedActor {
    RecordedActor {
        kind: kind.into(),
        issuer: "corp".to_owned(),
        subject: subject.to_owned(),
        proof: Proof::Bearer.into(),
    }
}

fn exception(id: &str, policy: &str, ticket: &str) -> ExceptionUse {
    ExceptionUse { id: id.to_owned(), policy: policy.to_owned(), ticket: ticket.to_owned() }
}

fn full_attestation() -> AttestationSummary {
    AttestationSummary {
        tier: "affirming".to_owned(),
        issued_at_unix_ms: 1_789_999_000_000,
        evidence_digest: vec![0x12; 32],
        verifier: "hosts".to_owned(),
        subject: "host-1".to_owned(),
        vector: vec![TrustClaim { category: "executables".to_owned(), value: 2 }],
        expires_at_unix_ms: 1_789_999_300_000,
        measurements: vec!["pcr16:sha256:00".to_owned()],
        references: vec!["agent-1.4".to_owned()],
        debug: false,
        nonce_fresh: true,
    }
}

/// A decision that says everything there is to say.
pub(super) fn full_decision() -> DecisionEntry {
    let approval = ApprovalRequirement { approvers: "finance".to_owned(), ..Default::default() };
    DecisionEntry {
        decision_id: "01990000-0000-7000-8000-000000000001".to_owned(),
        request_id: "retry-1".to_owned(),
        pep: "gateway-1".to_owned(),
        pep_request_id: "call-1".to_owned(),
        chain: vec![actor(ActorKind::User, "alice"), actor(ActorKind::Agent, "helper")],
        actors_proven: true,
        tool: "payments.transfer".to_owned(),
        tool_digest: "ab".repeat(32),
        tier: Tier::Tier3.into(),
        effect: Effect::Write.into(),
        resource: "Account::\"7\"".to_owned(),
        named_resource: Some(Resource { r#type: "Account".to_owned(), id: "7".to_owned() }),
        source_address: "192.0.2.7".to_owned(),
        outcome: Outcome::Challenge.into(),
        reason: Some(Reason {
            code: "requirements_unmet".to_owned(),
            sentence: "It needs approval.".to_owned(),
            determining_policies: vec!["large-transfers".to_owned()],
        }),
        requirements: vec![Requirement {
            policies: Vec::new(),
            requirement: Some(requirement::Requirement::Approval(approval)),
        }],
        revision: Some(Revision {
            bundle: "corp".to_owned(),
            version: 12,
            digest: "cd".repeat(32),
        }),
        minimum_version: 11,
        dry_run: true,
        obligations: Some(Obligations {
            deadline: Some(prost_types::Duration { seconds: 2, nanos: 500_000_000 }),
            redact_result: vec!["/iban".to_owned()],
        }),
        valid_for_ms: 1_000,
        arguments_digest: vec![0xef; 32],
        arguments: r#"{"amount":5,"note":"[redacted:email]"}"#.to_owned(),
        redactions: vec![Redaction {
            pointer: "/arguments/note".to_owned(),
            kind: "email".to_owned(),
        }],
        decide_ns: 25_000,
        trace: Some(TraceContext { trace_id: vec![1; 16], span_id: vec![2; 8], sampled: true }),
        session_id: "session-1".to_owned(),
        transaction_id: "transaction-1".to_owned(),
        approval_ids: vec!["approval-1".to_owned()],
        grant_id: "grant-1".to_owned(),
        attestation: Some(full_attestation()),
        labels: vec!["pii".to_owned()],
        exceptions: vec![
            exception("e-1", "no-egress", "SEC-1 and SEC-2"),
            exception("e-2", "night", ""),
        ],
        authentication: Some(RecordedAuthentication {
            acr: "phr".to_owned(),
            amr: vec!["hwk".to_owned()],
            time_unix_ms: Some(1_789_999_000_000),
        }),
    }
}

fn encoded(index: u64, entry: Entry) -> Vec<u8> {
    Record { index, time_unix_ms: 1_790_000_000_123, entry: Some(entry) }.encode_to_vec()
}

fn project(entry: Entry) -> LogRecord {
    projection(Format::Native).record(7, &encoded(7, entry), OBSERVED)
}

fn shown(value: &Value) -> String {
    match value {
        Value::StringValue(text) => format!("{text:?}"),
        Value::BoolValue(value) => value.to_string(),
        Value::IntValue(value) => value.to_string(),
        Value::ArrayValue(array) => {
            let values = array.values.iter().filter_map(|value| value.value.as_ref());
            format!("[{}]", values.map(shown).collect::<Vec<_>>().join(", "))
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn body(record: &LogRecord) -> String {
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

/// A log record as text, one attribute on a line.
fn text(record: &LogRecord) -> String {
    let mut text = format!(
        "{} {} {} {}\n{}\n",
        record.event_name,
        record.severity_text,
        record.severity_number,
        record.time_unix_nano,
        body(record)
    );
    for attribute in &record.attributes {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref()).unwrap();
        text.push_str(&format!("{} = {}\n", attribute.key, shown(value)));
    }
    text
}

/// The leaf hash differs with every field and is tested by itself.
fn text_without_hash(record: &LogRecord) -> String {
    let text = text(record);
    let lines = text.lines().filter(|line| !line.contains("leaf_hash"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_decision_says_everything() {
    let record = project(Entry::Decision(full_decision()));
    let digest = |pair: &str| pair.repeat(32);
    let expected = format!(
        r#"palisade.decision INFO 9 1790000000123000000
dry run: CHALLENGE payments.transfer for user:corp:alice > agent:corp:helper: requirements_unmet. It needs approval.
gen_ai.operation.name = "execute_tool"
gen_ai.tool.name = "payments.transfer"
gen_ai.agent.id = "corp:helper"
gen_ai.conversation.id = "session-1"
client.address = "192.0.2.7"
palisade.decision.id = "01990000-0000-7000-8000-000000000001"
palisade.decision.outcome = "challenge"
palisade.decision.reason = "requirements_unmet"
palisade.policy.ids = ["large-transfers"]
palisade.decision.requirements = ["approval"]
palisade.decision.exceptions = ["e-1 no-egress SEC-1 and SEC-2", "e-2 night"]
palisade.decision.dry_run = true
palisade.decision.decide_ns = 25000
palisade.decision.valid_for_ms = 1000
palisade.actor.chain = ["user:corp:alice", "agent:corp:helper"]
palisade.actor.proofs = ["bearer", "bearer"]
palisade.actor.proven = true
palisade.revision.bundle = "corp"
palisade.revision.version = 12
palisade.revision.digest = "{}"
palisade.tool.tier = 3
palisade.tool.effect = "write"
palisade.tool.digest = "{}"
palisade.resource.entity = "Account::\"7\""
palisade.resource.named = "Account:7"
palisade.pep.id = "gateway-1"
palisade.pep.request_id = "call-1"
palisade.request.id = "retry-1"
palisade.request.minimum_version = 11
palisade.arguments.digest = "{}"
palisade.arguments = "{{\"amount\":5,\"note\":\"[redacted:email]\"}}"
palisade.record.redactions = ["/arguments/note email"]
palisade.obligation.deadline_ms = 2500
palisade.obligation.redact_result = ["/iban"]
palisade.transaction.id = "transaction-1"
palisade.approval.ids = ["approval-1"]
palisade.grant.id = "grant-1"
palisade.auth.acr = "phr"
palisade.auth.amr = ["hwk"]
palisade.auth.time = "2026-09-21T13:56:40.000Z"
palisade.attestation.tier = "affirming"
palisade.attestation.verifier = "hosts"
palisade.attestation.subject = "host-1"
palisade.attestation.references = ["agent-1.4"]
palisade.attestation.debug = false
palisade.attestation.issued_at = "2026-09-21T13:56:40.000Z"
palisade.attestation.evidence_digest = "{}"
palisade.data.labels = ["pii"]
palisade.log.index = 7
"#,
        digest("cd"),
        digest("ab"),
        digest("ef"),
        digest("12")
    );
    assert_eq!(text_without_hash(&record), expected);
    assert_eq!(record.observed_time_unix_nano, 1_790_000_060_000_000_000);
    assert_eq!((record.trace_id, record.span_id, record.flags), (vec![1; 16], vec![2; 8], 1));
}

#[test]
fn severity_follows_the_outcome() {
    for (outcome, severity) in [
        (Outcome::Allow, "INFO"),
        (Outcome::Challenge, "INFO"),
        (Outcome::Deny, "WARN"),
        (Outcome::Unspecified, "WARN"),
    ] {
        let decision = DecisionEntry { outcome: outcome.into(), ..full_decision() };
        assert_eq!(project(Entry::Decision(decision)).severity_text, severity, "{outcome:?}");
    }
}

#[test]
fn a_report_says_how_the_call_ended() {
    let outcome = OutcomeEntry {
        decision_id: "d-1".to_owned(),
        status: CallStatus::Failure.into(),
        duration_ms: 42,
        error: "timeout".to_owned(),
        result_bytes: 0,
        result_digest: vec![0xab; 2],
        pep: "gateway-1".to_owned(),
        redactions: Vec::new(),
        trace: None,
    };
    let expected = r#"palisade.outcome WARN 13 1790000000123000000
The call of decision d-1 ended with failure
palisade.decision.id = "d-1"
palisade.call.status = "failure"
palisade.call.duration_ms = 42
error.type = "timeout"
palisade.call.result_bytes = 0
palisade.call.result_digest = "abab"
palisade.pep.id = "gateway-1"
palisade.log.index = 7
"#;
    assert_eq!(text_without_hash(&project(Entry::Outcome(outcome))), expected);
}

#[test]
fn a_checkpoint_carries_the_whole_note() {
    let note = "palisade.example/log\n7\nAAAA\n\n\u{2014} palisade.example/log BBBB\n";
    let checkpoint = CheckpointEntry { note: note.to_owned(), closing: true };
    let record = project(Entry::Checkpoint(checkpoint));
    let expected = format!(
        "palisade.checkpoint INFO 9 1790000000123000000\n\
         A signed checkpoint of all records before this one\n\
         palisade.checkpoint.note = {note:?}\n\
         palisade.checkpoint.closing = true\n\
         palisade.log.index = 7\n"
    );
    assert_eq!(text_without_hash(&record), expected);
}

#[test]
fn a_gap_is_an_error() {
    let gap = GapEntry {
        records: 3,
        first_unix_ms: 1_790_000_000_000,
        last_unix_ms: 1_790_000_001_000,
        cause: "No space left on device".to_owned(),
        answered: false,
    };
    let expected = r#"palisade.gap ERROR 17 1790000000123000000
3 answers are missing here, from 2026-09-21T14:13:20.000Z to 2026-09-21T14:13:21.000Z: No space left on device
palisade.gap.records = 3
palisade.gap.first_time = "2026-09-21T14:13:20.000Z"
palisade.gap.last_time = "2026-09-21T14:13:21.000Z"
palisade.gap.cause = "No space left on device"
palisade.gap.answered = false
palisade.log.index = 7
"#;
    assert_eq!(text_without_hash(&project(Entry::Gap(gap))), expected);
}

#[test]
fn deleting_what_was_not_shipped_is_an_error() {
    let retention = |unshipped| {
        let cause = "age".to_owned();
        Entry::Retention(RetentionEntry { first_index: 5, records: 5, unshipped, cause })
    };
    assert_eq!(project(retention(0)).severity_text, "INFO");
    let expected = r#"palisade.retention ERROR 17 1790000000123000000
5 records before 5 were deleted because of their age, 2 of them unshipped
palisade.retention.first_index = 5
palisade.retention.records = 5
palisade.retention.unshipped = 2
palisade.retention.cause = "age"
palisade.log.index = 7
"#;
    assert_eq!(text_without_hash(&project(retention(2))), expected);
}

#[test]
fn opening_after_a_crash_is_a_warning() {
    let opened = |was_closed| {
        Entry::Opened(OpenedEntry {
            software_version: "1.2.3".to_owned(),
            waits_for_disk: true,
            was_closed,
            torn_bytes: 17,
            verifier_key: "key".to_owned(),
        })
    };
    assert_eq!(project(opened(true)).severity_text, "INFO");
    let expected = r#"palisade.opened WARN 13 1790000000123000000
Palisade 1.2.3 opened the log; who had it before did not close it
palisade.opened.software_version = "1.2.3"
palisade.opened.waits_for_disk = true
palisade.opened.was_closed = false
palisade.opened.torn_bytes = 17
palisade.opened.verifier_key = "key"
palisade.log.index = 7
"#;
    assert_eq!(text_without_hash(&project(opened(false))), expected);
}

#[test]
fn what_cannot_be_decoded_is_shown_by_index_and_hash_alone() {
    let misplaced = encoded(8, Entry::Gap(GapEntry::default()));
    let later = Record { index: 7, time_unix_ms: 1, entry: None }.encode_to_vec();
    for bytes in [b"secret text".as_slice(), b"", &misplaced, &later] {
        let record = projection(Format::Native).record(7, bytes, OBSERVED);
        let expected = format!(
            "palisade.undecodable ERROR 17 1790000060000000000\n\
             Record 7 cannot be decoded by this version\n\
             palisade.log.index = 7\n\
             palisade.log.leaf_hash = {:?}\n",
            leaf_hash(bytes)
        );
        assert_eq!(text(&record), expected);
    }
}

#[test]
fn the_hash_is_that_of_the_leaf() {
    // RFC 6962, section 2.1: SHA-256 of one zero byte.
    let empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(leaf_hash(b""), empty);
}

#[test]
fn a_refused_record_is_named_and_not_shown() {
    let record = projection(Format::Native).refused(7, b"secret text", OBSERVED);
    let expected = format!(
        "palisade.refused ERROR 17 1790000060000000000\n\
         The collector has refused record 7\n\
         palisade.refused.index = 7\n\
         palisade.refused.leaf_hash = {:?}\n",
        leaf_hash(b"secret text")
    );
    assert_eq!(text(&record), expected);
}

#[test]
fn a_body_is_one_line() {
    let decision = DecisionEntry { tool: "a\nb\u{1b}[31m".to_owned(), ..full_decision() };
    assert!(!body(&project(Entry::Decision(decision))).contains(char::is_control));
}

#[test]
fn ids_of_a_wrong_length_are_left_out() {
    let with = |trace_id: usize, span_id: usize| {
        let trace =
            TraceContext { trace_id: vec![1; trace_id], span_id: vec![2; span_id], sampled: true };
        let decision = DecisionEntry { trace: Some(trace), ..full_decision() };
        let record = project(Entry::Decision(decision));
        (record.trace_id.len(), record.span_id.len())
    };
    assert_eq!(with(16, 8), (16, 8));
    assert_eq!(with(16, 7), (16, 0));
    assert_eq!(with(15, 8), (0, 0));
}

#[test]
fn a_request_says_who_sends() {
    let request = projection(Format::Native).request(Vec::new());
    let logs = &request.resource_logs[0];
    let resource = logs.resource.as_ref().unwrap();
    let resource = LogRecord { attributes: resource.attributes.clone(), ..project_nothing() };
    let expected = " INFO 9 0\n\nservice.name = \"palisade\"\nservice.version = \"1.2.3\"\n\
                    service.instance.id = \"instance-1\"\n";
    assert_eq!(text(&resource), expected);
    let scope = logs.scope_logs[0].scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("palisade", "1.2.3"));
    assert_eq!(
        (&logs.schema_url, &logs.scope_logs[0].schema_url),
        (&request.resource_logs[0].schema_url, &logs.schema_url)
    );
    assert!(logs.schema_url.ends_with(crate::attributes::VERSION));
}

fn project_nothing() -> LogRecord {
    LogRecord {
        severity_text: "INFO".to_owned(),
        severity_number: 9,
        body: Some(text_value(String::new())),
        ..LogRecord::default()
    }
}

/// Every kind of record that there is, said in full.
fn everything() -> Vec<LogRecord> {
    let entries = [
        Entry::Decision(full_decision()),
        Entry::Outcome(OutcomeEntry {
            decision_id: "d".to_owned(),
            error: "e".to_owned(),
            result_digest: vec![1],
            ..OutcomeEntry::default()
        }),
        Entry::Checkpoint(CheckpointEntry { note: "n".to_owned(), closing: false }),
        Entry::Gap(GapEntry { cause: "c".to_owned(), ..GapEntry::default() }),
        Entry::Retention(RetentionEntry { cause: "age".to_owned(), ..RetentionEntry::default() }),
        Entry::Opened(OpenedEntry {
            software_version: "1".to_owned(),
            verifier_key: "k".to_owned(),
            ..OpenedEntry::default()
        }),
        Entry::Rollout(rollout::full_rollout()),
        Entry::Shadow(rollout::full_shadow()),
    ];
    let mut records: Vec<LogRecord> = entries.into_iter().map(project).collect();
    records.push(projection(Format::Native).record(7, b"", OBSERVED));
    records.push(projection(Format::Native).refused(7, b"", OBSERVED));
    records
}

#[test]
fn records_and_the_table_of_names_say_the_same() {
    let records = everything();
    let used = |name: &str| {
        records.iter().flat_map(|record| &record.attributes).find(|used| used.key == name)
    };
    for row in ATTRIBUTES.iter().filter(|row| row.signals.contains(&Signal::Logs)) {
        let value = used(row.name).unwrap_or_else(|| panic!("{} is never used", row.name));
        let kind = match value.value.as_ref().unwrap().value.as_ref().unwrap() {
            Value::StringValue(_) => Kind::String,
            Value::BoolValue(_) => Kind::Bool,
            Value::IntValue(_) => Kind::Int,
            Value::DoubleValue(_) => Kind::Double,
            Value::ArrayValue(_) => Kind::Strings,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind, row.kind, "{}", row.name);
    }
    for record in &records {
        assert!(EVENTS.iter().any(|(name, _)| *name == record.event_name));
        for attribute in &record.attributes {
            assert!(ATTRIBUTES.iter().any(|row| row.name == attribute.key), "{}", attribute.key);
        }
    }
    assert!(EVENTS.iter().all(|(name, _)| records.iter().any(|record| record.event_name == *name)));
}

#[test]
fn what_is_required_is_there_when_nothing_else_is() {
    // Of a decision that says nothing, text that is always written by the server may be empty.
    let decision = DecisionEntry {
        decision_id: "d".to_owned(),
        tool: "t".to_owned(),
        chain: vec![actor(ActorKind::User, "alice")],
        reason: Some(Reason { code: "no_permit".to_owned(), ..Reason::default() }),
        arguments_digest: vec![0; 32],
        ..DecisionEntry::default()
    };
    let record = project(Entry::Decision(decision));
    let required = ATTRIBUTES.iter().filter(|row| {
        row.requirement == Presence::Required
            && row.signals.contains(&Signal::Logs)
            && (row.meaning.contains("`palisade.decision`")
                || row.meaning.starts_with("All events"))
    });
    let mut names = 0;
    for row in required {
        names += 1;
        assert!(record.attributes.iter().any(|used| used.key == row.name), "{}", row.name);
    }
    assert_eq!(names, record.attributes.len());
}
