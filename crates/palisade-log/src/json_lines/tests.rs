use std::fs;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};

use palisade_core::{
    Actor, ActorChain, ActorKind, BundleName, Decision, DecisionId, DigestKey, Effect, EpochMillis,
    IssuerName, Obligations, Outcome, PolicyId, PostedRequirement, Reason, ReasonCode,
    RecordedLatency, RequestId, Requirement, Revision, Sha256Digest, Subject, Tier, Verdict,
};

use super::*;

fn record(tool: &str) -> DecisionRecord {
    let time = EpochMillis::new(1_767_225_600_042);
    DecisionRecord {
        time,
        decision: Decision {
            id: DecisionId::new(time, [7; 10]),
            verdict: Arc::new(Verdict {
                outcome: Outcome::Challenge,
                reason: Reason::new(ReasonCode::RequirementsUnmet, "ask finance"),
                determining: vec![PolicyId::new("tier3-needs-approval")],
                requirements: vec![PostedRequirement {
                    requirement: Requirement::Approval {
                        approvers: "finance".to_owned(),
                        quorum: 2,
                        expires: Some(Duration::from_mins(15)),
                    },
                    policies: vec![PolicyId::new("tier3-needs-approval")],
                }],
            }),
            revision: Arc::new(Revision {
                bundle: BundleName::new("support").unwrap(),
                version: 3,
                digest: Sha256Digest::of(b""),
            }),
            dry_run: false,
            obligations: Obligations::default(),
            valid_for: Duration::ZERO,
        },
        request_id: RequestId::new("r-1"),
        pep_request_id: None,
        chain: ActorChain::new(vec![Actor {
            kind: ActorKind::User,
            issuer: IssuerName::new("corp").unwrap(),
            subject: Subject::new("alice").unwrap(),
        }])
        .unwrap(),
        actors_proven: false,
        tool: tool.to_owned(),
        tier: Some(Tier::HighImpact),
        effect: Some(Effect::Write),
        resource: Some("Tool::\"payments.refund\"".into()),
        arguments_digest: DigestKey::new([1; 32]).digest(b"{}"),
        latency: RecordedLatency { decide: Duration::from_micros(250) },
    }
}

/// The future of an append never waits, so one poll finishes it.
fn append(log: &JsonLinesLog, record: &DecisionRecord) -> Result<(), LogError> {
    let mut future = log.append(record);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("an append waited"),
    }
}

fn tools(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|line| line["tool"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_record_is_one_line_with_these_fields() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("decisions.jsonl");
    let log = JsonLinesLog::open(&path, true).unwrap();
    append(&log, &record("payments.refund")).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        line,
        json!({
            "time": "2026-01-01T00:00:00.042Z",
            "decision_id": record("").decision.id.to_string(),
            "outcome": "challenge",
            "reason": {
                "code": "requirements_unmet",
                "sentence": "ask finance",
                "determining_policies": ["tier3-needs-approval"],
            },
            "revision": {
                "bundle": "support",
                "version": 3,
                "digest": Sha256Digest::of(b"").to_string(),
            },
            "dry_run": false,
            "requirements": [{
                "kind": "approval",
                "approvers": "finance",
                "quorum": 2,
                "expires_ms": 900_000,
                "policies": ["tier3-needs-approval"],
            }],
            "obligations": { "deadline_ms": null, "redact_result": [] },
            "valid_for_ms": 0,
            "request_id": "r-1",
            "pep_request_id": null,
            "chain": [{ "kind": "User", "issuer": "corp", "subject": "alice" }],
            "actors_proven": false,
            "tool": "payments.refund",
            "tier": 3,
            "effect": "write",
            "resource": "Tool::\"payments.refund\"",
            "arguments_digest": record("").arguments_digest.to_string(),
            "latency": { "decide_us": 250 },
        })
    );
}

#[test]
fn a_name_with_a_line_break_stays_on_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("decisions.jsonl");
    let log = JsonLinesLog::open(&path, false).unwrap();
    append(&log, &record("a\nb")).unwrap();
    assert_eq!(tools(&fs::read_to_string(&path).unwrap()), ["a\nb"]);
}

#[test]
fn an_existing_file_is_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("decisions.jsonl");
    for tool in ["one", "two"] {
        append(&JsonLinesLog::open(&path, false).unwrap(), &record(tool)).unwrap();
    }
    assert_eq!(tools(&fs::read_to_string(&path).unwrap()), ["one", "two"]);
}

#[test]
fn a_torn_line_of_an_earlier_process_is_ended_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("decisions.jsonl");
    fs::write(&path, "{\"tool\":\"lo").unwrap();
    append(&JsonLinesLog::open(&path, false).unwrap(), &record("next")).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\"tool\":\"lo\n{"), "{text}");
    assert_eq!(tools(&text), ["next"]);
}

#[test]
fn after_a_failed_write_the_next_record_has_its_own_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("decisions.jsonl");
    let log = JsonLinesLog::open(&path, false).unwrap();
    append(&log, &record("before")).unwrap();
    let working = std::mem::replace(
        &mut log.lock().file,
        OpenOptions::new().append(true).open("/dev/full").unwrap(),
    );
    append(&log, &record("lost")).unwrap_err();
    // What a write that fails half-way leaves behind.
    fs::write(&path, format!("{}{{\"tool\":", fs::read_to_string(&path).unwrap())).unwrap();
    log.lock().file = working;
    append(&log, &record("after")).unwrap();
    append(&log, &record("later")).unwrap();
    assert_eq!(tools(&fs::read_to_string(&path).unwrap()), ["before", "after", "later"]);
}

#[test]
fn a_full_disk_is_an_error() {
    let log = JsonLinesLog::open(Path::new("/dev/full"), false).unwrap();
    let error = append(&log, &record("lost")).unwrap_err();
    assert_eq!(error.0.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_file_that_cannot_be_created_is_an_error_that_names_it() {
    let error = JsonLinesLog::open(Path::new("/proc/none/decisions.jsonl"), false).unwrap_err();
    assert_eq!(error.to_string(), "cannot open the decision log `/proc/none/decisions.jsonl`");
}
