//! What a record says, and what it never says.

mod rollout;

use std::sync::Arc;

use palisade_core::{
    ActorChain, ArgumentsRecord, BundleName, DecisionId, DigestKey, Environment, IssuerName,
    Sha256Digest, SpanId, Subject, TraceId,
};
use prost::Message as _;

use super::*;

/// A token of a known form, in two parts so that nobody takes this file for a leak.
const TOKEN: &str = concat!("ghp_", "x7Rk2mQ9vTz4Lw8Ns1Yc6Bd3Hf5Jg0Pa4Ue7");
const CARD: &str = "4111 1111 1111 1111";
const MAIL: &str = "jane.doe@example.org";

fn actor_named(kind: ActorKind, subject: &str) -> Actor {
    Actor {
        kind,
        issuer: IssuerName::new("corp").unwrap(),
        subject: Subject::new(subject).unwrap(),
    }
}

fn record_of(tool: &str, tier: Option<Tier>) -> DecisionRecord {
    let verdict = Verdict {
        outcome: Outcome::Challenge,
        reason: Reason::new(ReasonCode::RequirementsUnmet, "money moves with consent"),
        determining: vec![PolicyId::new("finance-needs-approval")],
        requirements: vec![PostedRequirement {
            requirement: Requirement::Approval {
                approvers: "finance".to_owned(),
                quorum: 2,
                expires: Some(Duration::from_secs(900)),
            },
            policies: vec![PolicyId::new("finance-needs-approval")],
        }],
        exceptions: Vec::new(),
    };
    let revision = Revision {
        bundle: BundleName::new("desk").unwrap(),
        version: 7,
        digest: Sha256Digest::of(b"bundle"),
    };
    let now = EpochMillis::new(1_700_000_000_123);
    DecisionRecord {
        time: now,
        decision: Decision {
            id: DecisionId::new(now, [5; 10]),
            verdict: Arc::new(verdict),
            revision: Arc::new(revision),
            dry_run: true,
            obligations: Obligations::default(),
            valid_for: Duration::ZERO,
            attestation_challenge: None,
        },
        request_id: RequestId::new("r-1"),
        environment: Environment {
            source_address: Some([192, 0, 2, 7].into()),
            pep_request_id: Some("gateway-9".to_owned()),
        },
        chain: ActorChain::new(vec![
            actor_named(ActorKind::User, MAIL),
            actor_named(ActorKind::Agent, "bot"),
        ])
        .ok(),
        pep: None,
        identity: None,
        authentication: None,
        attestation: None,
        tool: tool.to_owned(),
        tool_digest: Some(Sha256Digest::of(b"tool")),
        tier,
        effect: tier.map(|_| Effect::Write),
        resource: Some(r#"Tool::"payments.refund""#.into()),
        named_resource: None,
        minimum_version: 3,
        arguments_digest: DigestKey::new([1; 32]).digest(b"arguments"),
        arguments: None,
        trace: Some(TraceContext {
            trace: TraceId::new([7; 16]).unwrap(),
            span: SpanId::new([8; 8]).unwrap(),
            sampled: true,
        }),
        latency: RecordedLatency { decide: Duration::from_nanos(4_321) },
    }
}

fn entry_of(record_: &DecisionRecord) -> v1::DecisionEntry {
    let message = record(LogEntry::Decision(record_));
    // What is stored is what is decoded.
    let stored = message.encode_to_vec();
    assert_eq!(v1::Record::decode(stored.as_slice()).unwrap(), message);
    assert_eq!(message.time_unix_ms, record_.time.as_millis());
    let Some(Entry::Decision(entry)) = message.entry else { panic!("a decision") };
    entry
}

fn kinds(entry: &v1::DecisionEntry) -> Vec<(&str, &str)> {
    let pair = |it: &'_ v1::Redaction| (it.pointer.clone(), it.kind.clone());
    let pairs: Vec<_> = entry.redactions.iter().map(pair).collect();
    pairs.leak().iter().map(|(pointer, kind)| (pointer.as_str(), kind.as_str())).collect()
}

#[test]
fn everything_of_a_decision_is_said() {
    let record = record_of("payments.refund", Some(Tier::HighImpact));
    let entry = entry_of(&record);
    assert_eq!(entry.decision_id, record.decision.id.to_string());
    assert_eq!((entry.request_id.as_str(), entry.pep_request_id.as_str()), ("r-1", "gateway-9"));
    assert_eq!(entry.source_address, "192.0.2.7");
    assert_eq!(
        (entry.tool.as_str(), entry.tier(), entry.effect()),
        ("payments.refund", v1::Tier::Tier3, v1::Effect::Write)
    );
    assert_eq!(entry.tool_digest, Sha256Digest::of(b"tool").to_string());
    assert_eq!(entry.outcome(), v1::Outcome::Challenge);
    let reason = entry.reason.clone().unwrap();
    assert_eq!(reason.code, "requirements_unmet");
    assert_eq!(reason.determining_policies, ["finance-needs-approval"]);
    let revision = entry.revision.clone().unwrap();
    assert_eq!((revision.bundle.as_str(), revision.version), ("desk", 7));
    assert!(entry.dry_run && !entry.actors_proven);
    assert_eq!((entry.minimum_version, entry.decide_ns, entry.valid_for_ms), (3, 4_321, 0));
    assert_eq!(entry.arguments_digest, record.arguments_digest.as_bytes());
    let trace = entry.trace.clone().unwrap();
    assert_eq!((trace.trace_id, trace.span_id, trace.sampled), (vec![7; 16], vec![8; 8], true));
    let [requirement] = entry.requirements.as_slice() else { panic!("one requirement") };
    let Some(v1::requirement::Requirement::Approval(approval)) = &requirement.requirement else {
        panic!("an approval")
    };
    assert_eq!((approval.approvers.as_str(), approval.quorum), ("finance", 2));
    assert_eq!(approval.expires.unwrap().seconds, 900);
    // Who asked is who the log is about, be it an address.
    assert_eq!(entry.chain[0].subject, MAIL);
    assert_eq!(entry.chain[1].kind(), v1::ActorKind::Agent);
    assert_eq!(kinds(&entry), []);
    assert_eq!(entry.obligations, None);
}

#[test]
fn secrets_are_masked_wherever_a_caller_may_write_them() {
    let mut record = record_of(&format!("x.{TOKEN}"), None);
    record.request_id = RequestId::new(TOKEN);
    record.environment.pep_request_id = Some(format!("id {TOKEN}"));
    record.chain = ActorChain::new(vec![actor_named(ActorKind::Agent, TOKEN)]).ok();
    record.resource = Some(format!("Document::\"{TOKEN}\"").into());
    record.named_resource =
        Some(ResourceName { entity_type: TOKEN.to_owned(), id: TOKEN.to_owned() });
    let reason = Reason::new(ReasonCode::UnknownTool, format!("no tool `{TOKEN}`"));
    record.decision.verdict = Arc::new(Verdict::deny(reason));
    let entry = entry_of(&record);
    let bytes = v1::Record { entry: Some(Entry::Decision(entry.clone())), ..Default::default() }
        .encode_to_vec();
    assert!(!bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()), "{entry:#?}");
    let places: Vec<_> = kinds(&entry).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(
        places,
        [
            "/chain/0/subject",
            "/named_resource/id",
            "/named_resource/type",
            "/pep_request_id",
            "/reason/sentence",
            "/request_id",
            "/resource",
            "/tool",
        ]
    );
}

#[test]
fn personal_data_is_masked_but_for_actors() {
    let mut record = record_of(MAIL, None);
    record.resource = Some(format!("Mailbox::\"{MAIL}\"").into());
    let reason = Reason::new(ReasonCode::UnknownTool, format!("no tool `{MAIL}`"));
    record.decision.verdict = Arc::new(Verdict::deny(reason));
    let entry = entry_of(&record);
    assert_eq!(entry.chain[0].subject, MAIL);
    assert_eq!(
        kinds(&entry),
        [("/reason/sentence", "email"), ("/resource", "email"), ("/tool", "email"),]
    );
    let sentence = format!("no policy permits User::\"corp:{MAIL}\" to call `x.y`");
    let reason = Reason::new(ReasonCode::NoPermit, sentence.clone());
    record.decision.verdict = Arc::new(Verdict::deny(reason));
    assert_eq!(entry_of(&record).reason.unwrap().sentence, sentence);
}

#[test]
fn arguments_are_kept_without_what_may_not_be() {
    let mut record = record_of("payments.refund", Some(Tier::HighImpact));
    let json = format!(
        r#"{{"amount":250,"card":"{CARD}","note":"call {MAIL}","pin":1234,"deep":[{{"key":"{TOKEN}"}}]}}"#
    );
    record.arguments =
        Some(ArgumentsRecord { json: json.into_bytes(), redact: ["/pin".to_owned()].into() });
    let entry = entry_of(&record);
    let kept: serde_json::Value = serde_json::from_str(&entry.arguments).unwrap();
    assert_eq!(kept["amount"], 250);
    assert_eq!(kept["pin"], "[redacted:catalogued]");
    for gone in [CARD, MAIL, TOKEN, "1234"] {
        assert!(!entry.arguments.contains(gone), "{gone} is in {}", entry.arguments);
    }
    let places: Vec<_> = kinds(&entry).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(
        places,
        ["/arguments/card", "/arguments/deep/0/key", "/arguments/note", "/arguments/pin"]
    );
}

#[test]
fn arguments_that_could_be_read_in_two_ways_are_not_kept() {
    for bad in [r#"{"a":1,"a":2}"#, "[1]", "{", r#"{"a":1e999}"#] {
        let mut record = record_of("payments.refund", Some(Tier::HighImpact));
        let json = bad.as_bytes().to_vec();
        record.arguments = Some(ArgumentsRecord { json, redact: Arc::default() });
        let entry = entry_of(&record);
        assert_eq!(entry.arguments, "", "{bad}");
        assert_eq!(kinds(&entry), [("/arguments", "unreadable")], "{bad}");
    }
}

#[test]
fn a_report_joins_its_decision() {
    let id = DecisionId::new(EpochMillis::new(5), [1; 10]);
    let report = CallOutcome {
        time: EpochMillis::new(9),
        pep: None,
        decision: id,
        status: CallStatus::Failure,
        duration: Duration::from_millis(250),
        error: format!("timeout {TOKEN}"),
        result_bytes: 12,
        result_digest: Some(DigestKey::new([1; 32]).digest(b"result")),
        trace: None,
    };
    let Some(Entry::Outcome(entry)) = record(LogEntry::Outcome(&report)).entry else {
        panic!("an outcome")
    };
    assert_eq!(entry.decision_id, id.to_string());
    assert_eq!((entry.status(), entry.duration_ms), (v1::CallStatus::Failure, 250));
    assert!(!entry.error.contains(TOKEN), "{}", entry.error);
    assert_eq!(entry.redactions.len(), 1);
    assert_eq!(entry.result_digest.len(), 32);
}
