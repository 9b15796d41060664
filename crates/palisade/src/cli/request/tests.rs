//! Requests from files: strict, and nothing of them lost.

use super::*;

fn document(text: &str) -> Result<v1::AuthorizeRequest, String> {
    read_document(text.as_bytes()).map_err(|failure| format!("{failure:?}"))
}

fn asserted_link(kind: v1::ActorKind, subject: &str) -> v1::Link {
    let asserted = v1::AssertedActor {
        kind: kind.into(),
        issuer: "corp".to_owned(),
        subject: subject.to_owned(),
        attributes: None,
    };
    v1::Link { link: Some(v1::link::Link::Asserted(asserted)), possession: None }
}

#[test]
fn every_field_arrives() {
    let request = document(
        r#"{
            "request_id": "r1",
            "chain": ["user:corp:alice", {"kind": "agent", "issuer": "corp", "subject": "a:b"}, {"token": "t"}],
            "tool": "crm.read_ticket",
            "tool_digest": "00",
            "arguments": {"a": [1, 2.5, null]},
            "resource": {"type": "Document", "id": "d"},
            "session_id": "s",
            "transaction_id": "x",
            "environment": {"source_address": "10.0.0.1", "pep_request_id": "p"},
            "options": {"minimum_version": 3, "dry_run": true, "grant": true}
        }"#,
    );
    let expected = v1::AuthorizeRequest {
        request_id: "r1".to_owned(),
        chain: vec![
            asserted_link(v1::ActorKind::User, "alice"),
            asserted_link(v1::ActorKind::Agent, "a:b"),
            v1::Link { link: Some(v1::link::Link::Token("t".to_owned())), possession: None },
        ],
        tool: "crm.read_ticket".to_owned(),
        tool_digest: "00".to_owned(),
        arguments: br#"{"a":[1,2.5,null]}"#.to_vec(),
        resource: Some(v1::Resource { r#type: "Document".to_owned(), id: "d".to_owned() }),
        session_id: "s".to_owned(),
        transaction_id: "x".to_owned(),
        presented: None,
        evidence: Vec::new(),
        environment: Some(v1::Environment {
            source_address: "10.0.0.1".to_owned(),
            pep_request_id: "p".to_owned(),
        }),
        options: Some(v1::Options { grant: true, minimum_version: 3, dry_run: true }),
    };
    assert_eq!(request, Ok(expected));
}

#[test]
fn arguments_as_text_are_sent_as_they_are() {
    let request = document(r#"{"tool": "a.b", "arguments": "{\"a\":1,\"a\":1e99}"}"#);
    assert_eq!(request.map(|request| request.arguments), Ok(br#"{"a":1,"a":1e99}"#.to_vec()));
}

#[test]
fn what_would_be_changed_on_the_way_is_refused() {
    for text in [
        r#"{"tool": "a.b", "arguments": {"a": 1, "a": 2}}"#,
        r#"{"tool": "a.b", "tool": "a.c"}"#,
        r#"{"tool": "a.b", "arguments": {"a": 9007199254740993}}"#,
        r#"{"tool": "a.b", "unknown": 1}"#,
        r#"{"tool": "a.b", "options": {"dryrun": true}}"#,
        r#"{"tool": "a.b", "chain": ["alice"]}"#,
        r#"{"tool": "a.b", "chain": [{"kind": "robot", "issuer": "corp", "subject": "a"}]}"#,
        r#"{"chain": []}"#,
        "[]",
        "",
    ] {
        assert!(document(text).is_err(), "{text}");
    }
}
