//! One call, one answer, one record.

use palisade_client::Enforcement;
use palisade_core::{Effect, Outcome, Tier};
use palisade_proto::v1;
use palisade_tests::bundle::WrittenBundle;
use palisade_tests::{NOON, TestServer, authorize_request, chain};
use tonic::Code;

use crate::answers::{determining, failure, verdict};

/// The definition digest of `notes.read` in the fixture's catalog.
const REVIEWED: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn duration(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

async fn authorize(server: &TestServer, request: v1::AuthorizeRequest) -> v1::AuthorizeResponse {
    server.raw_client().await.authorize(request).await.expect("a decision").into_inner()
}

#[tokio::test]
async fn an_allow_says_everything_an_enforcement_point_needs() {
    let server = TestServer::start().await;
    let mut request = authorize_request("notes.read", r#"{"id":"n-1"}"#);
    request.tool_digest = REVIEWED.to_owned();
    let answer = authorize(&server, request).await;
    let reason = answer.reason.clone().unwrap();
    let revision = answer.revision.clone().unwrap();
    assert_eq!(revision.digest.len(), 64);
    let want = v1::AuthorizeResponse {
        // UUID version 7 of 2026-01-01T12:00:00Z with the sequential source's first bits.
        decision_id: "019b796d-d600-7000-8000-000000000001".to_owned(),
        outcome: v1::Outcome::Allow.into(),
        reason: Some(v1::Reason {
            code: "permitted".to_owned(),
            sentence: reason.sentence,
            determining_policies: vec!["agents-call-tools".into(), "staff-call-tools".into()],
        }),
        revision: Some(v1::Revision { bundle: "desk".to_owned(), version: 7, ..revision }),
        obligations: Some(v1::Obligations {
            deadline: Some(duration(30)),
            redact_result: vec!["/author/email".to_owned()],
        }),
        valid_for: Some(duration(10)),
        ..Default::default()
    };
    assert_eq!(answer, want);
}

#[tokio::test]
async fn a_forbid_denies_and_says_its_reason() {
    let server = TestServer::start().await;
    let request = authorize_request("notes.write", r#"{"text":"the secret"}"#);
    let answer = authorize(&server, request).await;
    assert_eq!(verdict(&answer), (v1::Outcome::Deny, "policy_forbid"));
    assert_eq!(determining(&answer), ["no-secrets-in-notes"]);
    assert_eq!(answer.reason.unwrap().sentence, "notes never carry secrets");
    assert_eq!(answer.obligations, None);
    assert_eq!(answer.valid_for, None);
}

#[tokio::test]
async fn whoever_no_policy_permits_is_denied() {
    let server = TestServer::start().await;
    for actors in [
        &["user:corp:mallory", "agent:corp:bot"][..],
        // Identified by issuer and subject together.
        &["user:corp:Alice", "agent:corp:bot"],
        &["service:corp:alice"],
    ] {
        let mut request = authorize_request("notes.read", r#"{"id":"n-1"}"#);
        request.chain = chain(actors);
        let answer = authorize(&server, request).await;
        assert_eq!(verdict(&answer), (v1::Outcome::Deny, "no_permit"), "{actors:?}");
        let sentence = answer.reason.unwrap().sentence;
        let head = actors[0].rsplit_once(':').unwrap().1;
        assert!(sentence.contains(&format!("corp:{head}")), "{sentence}");
    }
}

#[tokio::test]
async fn an_issuer_is_named_by_alias_or_by_identifier() {
    let server = TestServer::start().await;
    for (issuer, want) in [
        ("corp", (v1::Outcome::Allow, "permitted")),
        ("https://idp.example.com", (v1::Outcome::Allow, "permitted")),
        ("https://idp.example.com/", (v1::Outcome::Deny, "unknown_issuer")),
        ("evil", (v1::Outcome::Deny, "unknown_issuer")),
    ] {
        let mut request = authorize_request("notes.read", r#"{"id":"n-1"}"#);
        for link in &mut request.chain {
            if let Some(v1::link::Link::Asserted(actor)) = &mut link.link {
                actor.issuer = issuer.to_owned();
            }
        }
        assert_eq!(verdict(&authorize(&server, request).await), want, "{issuer}");
    }
}

#[tokio::test]
async fn a_challenge_lists_every_requirement_with_its_parameters() {
    let server = TestServer::start().await;
    let request = authorize_request("bank.transfer", r#"{"to":"DE1","amount":100.01}"#);
    let answer = authorize(&server, request).await;
    assert_eq!(verdict(&answer), (v1::Outcome::Challenge, "requirements_unmet"));
    assert_eq!(determining(&answer), ["large-transfers-need-step-up", "transfers-need-approval"]);
    use v1::requirement::Requirement as Kind;
    let want = [
        v1::Requirement {
            requirement: Some(Kind::Approval(v1::ApprovalRequirement {
                approvers: "treasury".to_owned(),
                quorum: 2,
                expires: Some(duration(900)),
                ..Default::default()
            })),
            policies: vec!["transfers-need-approval".to_owned()],
        },
        v1::Requirement {
            requirement: Some(Kind::StepUp(v1::StepUpRequirement {
                acr: "phr".to_owned(),
                max_age: Some(duration(300)),
                www_authenticate: "Bearer error=\"insufficient_user_authentication\", \
                                   acr_values=\"phr\", max_age=300"
                    .to_owned(),
            })),
            policies: vec!["large-transfers-need-step-up".to_owned()],
        },
    ];
    assert_eq!(answer.requirements, want);
    assert_eq!(answer.obligations, None);
}

#[tokio::test]
async fn policies_decide_on_the_exact_amount() {
    let server = TestServer::start().await;
    for (amount, requirements, want) in [
        ("100", 1, (v1::Outcome::Challenge, "requirements_unmet")),
        ("100.0001", 2, (v1::Outcome::Challenge, "requirements_unmet")),
        ("1000.0000", 2, (v1::Outcome::Challenge, "requirements_unmet")),
        ("1000.0001", 0, (v1::Outcome::Deny, "policy_forbid")),
    ] {
        let arguments = format!(r#"{{"to":"DE1","amount":{amount}}}"#);
        let answer = authorize(&server, authorize_request("bank.transfer", &arguments)).await;
        assert_eq!(verdict(&answer), want, "{amount}");
        assert_eq!(answer.requirements.len(), requirements, "{amount}");
    }
}

#[tokio::test]
async fn policies_see_the_time_of_the_decision() {
    let server = TestServer::start().await;
    for (now, want) in [
        ("2026-01-01T17:59:59.999Z", (v1::Outcome::Challenge, "requirements_unmet")),
        ("2026-01-01T18:00:00Z", (v1::Outcome::Deny, "policy_forbid")),
    ] {
        server.clock().set(now);
        let request = authorize_request("bank.transfer", r#"{"to":"DE1","amount":1}"#);
        assert_eq!(verdict(&authorize(&server, request).await), want, "{now}");
    }
}

#[tokio::test]
async fn policies_see_the_source_address() {
    let server = TestServer::start().await;
    for (address, want) in [
        ("10.255.0.1", (v1::Outcome::Allow, "permitted")),
        ("11.0.0.1", (v1::Outcome::Deny, "policy_forbid")),
        ("2001:db8::1", (v1::Outcome::Deny, "policy_forbid")),
        // Absent is not safe by accident.
        ("", (v1::Outcome::Deny, "policy_forbid")),
    ] {
        let mut request = authorize_request("docs.open", r#"{"path":"/a"}"#);
        request.environment = Some(v1::Environment {
            source_address: address.to_owned(),
            pep_request_id: String::new(),
        });
        assert_eq!(verdict(&authorize(&server, request).await), want, "{address}");
    }
}

#[tokio::test]
async fn a_tool_that_was_redefined_is_denied() {
    let server = TestServer::start().await;
    let changed = REVIEWED.replacen('0', "1", 1);
    for (tool, arguments, digest, want) in [
        ("notes.read", r#"{"id":"n"}"#, REVIEWED, (v1::Outcome::Allow, "permitted")),
        ("notes.read", r#"{"id":"n"}"#, &changed, (v1::Outcome::Deny, "tool_changed")),
        // Nobody reviewed a definition of this one.
        ("notes.write", r#"{"text":"t"}"#, REVIEWED, (v1::Outcome::Deny, "tool_changed")),
    ] {
        let mut request = authorize_request(tool, arguments);
        request.tool_digest = digest.to_owned();
        assert_eq!(verdict(&authorize(&server, request).await), want, "{tool} {digest}");
    }
}

#[tokio::test]
async fn a_resource_other_than_the_derived_one_is_denied() {
    let server = TestServer::start().await;
    for (tool, arguments, (entity_type, id), want) in [
        ("notes.read", r#"{"id":"n"}"#, ("Tool", "notes.read"), "permitted"),
        ("notes.read", r#"{"id":"n"}"#, ("Tool", "notes.write"), "resource_mismatch"),
        ("docs.open", r#"{"path":"/a/./b"}"#, ("Document", "/a/b"), "permitted"),
        ("docs.open", r#"{"path":"/a/b"}"#, ("Document", "/a/./b"), "resource_mismatch"),
        ("docs.open", r#"{"path":"/a/b"}"#, ("Tool", "docs.open"), "resource_mismatch"),
    ] {
        let mut request = authorize_request(tool, arguments);
        request.resource = Some(v1::Resource { r#type: entity_type.to_owned(), id: id.to_owned() });
        request.environment = Some(v1::Environment {
            source_address: "10.0.0.1".to_owned(),
            pep_request_id: String::new(),
        });
        let answer = authorize(&server, request).await;
        assert_eq!(verdict(&answer).1, want, "{tool} {entity_type} {id}");
    }
}

#[tokio::test]
async fn only_a_bundle_as_new_as_asked_for_decides() {
    let server = TestServer::start().await;
    let request = |minimum_version| v1::AuthorizeRequest {
        options: Some(v1::Options { minimum_version, ..Default::default() }),
        ..authorize_request("notes.read", r#"{"id":"n"}"#)
    };
    assert_eq!(authorize(&server, request(7)).await.outcome(), v1::Outcome::Allow);
    let refused = server.raw_client().await.authorize(request(8)).await.unwrap_err();
    assert_eq!(failure(&refused), (Code::FailedPrecondition, "revision_not_held".to_owned()));
    assert_eq!(server.log().records().len(), 1);
}

#[tokio::test]
async fn a_dry_run_is_decided_marked_and_recorded_as_such() {
    let server = TestServer::start().await;
    let mut request = authorize_request("notes.read", r#"{"id":"n"}"#);
    request.options = Some(v1::Options { dry_run: true, ..Default::default() });
    let answer = authorize(&server, request.clone()).await;
    assert_eq!(verdict(&answer), (v1::Outcome::Allow, "permitted"));
    assert!(answer.dry_run);
    assert_eq!(answer.valid_for, None);
    assert!(server.log().only_record().decision.dry_run);
    // Our client never lets one be enforced.
    let enforcement = server.client().await.authorize(request).await.unwrap();
    assert!(matches!(enforcement, Enforcement::Deny(_)), "{enforcement:?}");
}

#[tokio::test]
async fn the_decision_is_on_record_before_the_answer() {
    let server = TestServer::start().await;
    let mut request = authorize_request("bank.transfer", r#"{"to":"DE1","amount":1}"#);
    request.request_id = "r-1".to_owned();
    request.environment = Some(v1::Environment {
        source_address: String::new(),
        pep_request_id: "gateway-9".to_owned(),
    });
    let answer = authorize(&server, request.clone()).await;
    let record = server.log().only_record();
    assert_eq!(record.decision.id.to_string(), answer.decision_id);
    assert_eq!(record.decision.verdict.outcome, Outcome::Challenge);
    assert_eq!(record.decision.revision.digest.to_string(), answer.revision.unwrap().digest);
    assert_eq!(record.time, NOON);
    assert_eq!(record.request_id, palisade_core::RequestId::new("r-1"));
    assert_eq!(record.environment.pep_request_id.as_deref(), Some("gateway-9"));
    let links: Vec<String> =
        record.chain.as_ref().expect("a chain").links().iter().map(ToString::to_string).collect();
    assert_eq!(links, [r#"User::"corp:alice""#, r#"Agent::"corp:bot""#]);
    assert!(!record.identity.as_ref().expect("its links").is_proven());
    assert_eq!(record.tool, "bank.transfer");
    assert_eq!((record.tier, record.effect), (Some(Tier::HighImpact), Some(Effect::Write)));
    assert_eq!(record.resource.as_deref(), Some(r#"Tool::"bank.transfer""#));
    // The same arguments in another layout have the same digest, others another.
    let digest_of = |arguments: &'static str| {
        let server = &server;
        async move {
            authorize(server, authorize_request("bank.transfer", arguments)).await;
            server.log().records().pop().unwrap().arguments_digest
        }
    };
    let relaid = digest_of(r#"{ "amount" : 1.0, "to" : "DE1" }"#).await;
    assert_eq!(relaid, record.arguments_digest);
    let other = digest_of(r#"{"to":"DE1","amount":2}"#).await;
    assert_ne!(other, record.arguments_digest);
}

#[tokio::test]
async fn denials_of_unknown_tools_are_on_record_too() {
    let server = TestServer::start().await;
    let answer = authorize(&server, authorize_request("no.such_tool", "{}")).await;
    assert_eq!(verdict(&answer), (v1::Outcome::Deny, "unknown_tool"));
    let record = server.log().only_record();
    assert_eq!(record.tool, "no.such_tool");
    assert_eq!((record.tier, record.effect, record.resource), (None, None, None));
}

#[tokio::test]
async fn an_answer_may_be_used_again_until_time_could_flip_it() {
    let bundle = |policies: &str| {
        WrittenBundle::new(&[
            (
                "bundle.yaml",
                "{ format: 1, name: again, version: 1, issuers: { corp: https://idp.example } }",
            ),
            (
                "catalog.yaml",
                "{ format: 1, segments: [s], services: { notes: { segment: s } }, tools: {
                    notes.read: { tier: 1, effect: read, valid_for: 10s },
                    notes.list: { tier: 1, effect: read } } }",
            ),
            ("policies/all.cedar", policies),
        ])
    };
    let everything = r#"@id("all") permit (principal, action, resource);"#;
    let by_day = format!(
        r#"{everything} @id("by-day") @reason("-") forbid (principal, action, resource)
        when {{ context.now.toTime() >= duration("18h") }};"#
    );
    let by_day_elsewhere = by_day.replace(
        "principal, action, resource)\n",
        "principal, action == Action::\"notes.list\", resource)\n",
    );
    assert_ne!(by_day, by_day_elsewhere);
    let while_young = by_day.replace(
        "context.now.toTime() >=",
        "context.now.durationSince(datetime(\"2030-01-01\")) >=",
    );
    assert_ne!(by_day, while_young);
    let (noon, evening) = ("2026-03-01T12:00:00Z", "2026-03-01T17:59:57Z");
    for (policies, tool, now, want) in [
        (everything, "notes.read", evening, Some(duration(10))),
        (&by_day_elsewhere, "notes.read", evening, Some(duration(10))),
        (everything, "notes.list", noon, None),
        (&by_day, "notes.read", noon, Some(duration(10))),
        (&by_day, "notes.read", evening, Some(duration(3))),
    ] {
        let bundle = bundle(policies);
        let server = TestServer::start_with_bundle(bundle.path()).await;
        server.clock().set(now);
        let answer = authorize(&server, authorize_request(tool, "{}")).await;
        assert_eq!(answer.outcome(), v1::Outcome::Allow);
        assert_eq!(answer.valid_for, want, "{tool} {now} {policies}");
    }
    // When that flips is not known, so it might be at once.
    let bundle = bundle(&while_young);
    let server = TestServer::start_with_bundle(bundle.path()).await;
    let answer = authorize(&server, authorize_request("notes.read", "{}")).await;
    assert_eq!(answer.valid_for, None);
}

#[tokio::test]
async fn our_client_tells_the_outcomes_apart() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let enforcement = |tool, arguments| client.authorize(authorize_request(tool, arguments));
    let allow = enforcement("notes.read", r#"{"id":"n"}"#).await.unwrap();
    assert!(matches!(allow, Enforcement::Allow(_)), "{allow:?}");
    let deny = enforcement("notes.write", r#"{"text":"secret"}"#).await.unwrap();
    assert!(matches!(deny, Enforcement::Deny(_)), "{deny:?}");
    let challenge = enforcement("bank.transfer", r#"{"to":"x","amount":1}"#).await.unwrap();
    assert!(matches!(challenge, Enforcement::Challenge(_)), "{challenge:?}");
}
