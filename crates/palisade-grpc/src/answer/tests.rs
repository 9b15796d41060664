use std::sync::Arc;

use palisade_core::{BundleName, DecisionId, ReasonCode, Sha256Digest};

use super::*;

fn allow() -> Decision {
    Decision {
        id: DecisionId::new(EpochMillis::new(0), [0; 10]),
        verdict: Arc::new(Verdict {
            outcome: Outcome::Allow,
            reason: Reason::new(ReasonCode::Permitted, "every link is permitted"),
            determining: vec![PolicyId::new("agents-read")],
            requirements: Vec::new(),
            exceptions: Vec::new(),
        }),
        revision: Arc::new(Revision {
            bundle: BundleName::new("support").unwrap(),
            version: 7,
            digest: Sha256Digest::of(b"bundle"),
        }),
        dry_run: true,
        obligations: Obligations {
            deadline: Some(Duration::from_millis(1500)),
            redact_result: vec!["/ssn".to_owned()],
        },
        valid_for: Duration::from_secs(30),
        attestation_challenge: None,
    }
}

#[test]
fn an_allow_says_everything_that_was_decided() {
    let decided = allow();
    assert_eq!(
        decision(decided.clone()),
        v1::AuthorizeResponse {
            decision_id: decided.id.to_string(),
            outcome: v1::Outcome::Allow.into(),
            reason: Some(v1::Reason {
                code: "permitted".to_owned(),
                sentence: "every link is permitted".to_owned(),
                determining_policies: vec!["agents-read".to_owned()],
            }),
            revision: Some(v1::Revision {
                bundle: "support".to_owned(),
                version: 7,
                digest: Sha256Digest::of(b"bundle").to_string(),
            }),
            dry_run: true,
            replayed: false,
            requirements: Vec::new(),
            grant: String::new(),
            obligations: Some(v1::Obligations {
                deadline: Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }),
                redact_result: vec!["/ssn".to_owned()],
            }),
            valid_for: Some(prost_types::Duration { seconds: 30, nanos: 0 }),
        }
    );
}

#[test]
fn only_an_allow_has_obligations_and_zero_validity_is_left_out() {
    for (decided, wire) in
        [(Outcome::Challenge, v1::Outcome::Challenge), (Outcome::Deny, v1::Outcome::Deny)]
    {
        let mut refused = allow();
        refused.verdict =
            Arc::new(Verdict { outcome: decided, ..Verdict::clone(&refused.verdict) });
        refused.valid_for = Duration::ZERO;
        let response = decision(refused);
        assert_eq!(response.outcome(), wire);
        assert_eq!((response.obligations, response.valid_for), (None, None));
    }
}

#[test]
fn requirements_keep_their_parameters_and_no_id_is_invented() {
    let posted = |requirement| {
        super::requirement(&PostedRequirement { requirement, policies: vec![PolicyId::new("p")] })
    };
    let approval = posted(Requirement::Approval {
        approvers: "finance".to_owned(),
        quorum: 2,
        expires: Some(Duration::from_mins(15)),
    });
    assert_eq!(approval.policies, ["p"]);
    let expected = v1::ApprovalRequirement {
        approvers: "finance".to_owned(),
        quorum: 2,
        expires: Some(prost_types::Duration { seconds: 900, nanos: 0 }),
        approval_id: String::new(),
        url: String::new(),
    };
    assert_eq!(approval.requirement, Some(v1::requirement::Requirement::Approval(expected)));
    let step_up = posted(Requirement::StepUp { acr: None, max_age: None });
    let expected = v1::StepUpRequirement {
        www_authenticate: "Bearer error=\"insufficient_user_authentication\"".to_owned(),
        ..v1::StepUpRequirement::default()
    };
    assert_eq!(step_up.requirement, Some(v1::requirement::Requirement::StepUp(expected)));
}

#[test]
fn a_text_is_cut_past_1024_bytes_between_characters() {
    let exact = "x".repeat(1024);
    assert_eq!(cut(exact.clone()), exact);
    let long = cut("é".repeat(513));
    assert!(long.len() <= 1024 && long.ends_with("é…"), "{} bytes", long.len());
}

#[test]
fn clauses_are_cut_below_depth_32() {
    let leaf = || ClauseExplanation {
        text: "x".to_owned(),
        span: None,
        result: PolicyResult::Satisfied,
        values: Vec::new(),
        join: ClauseJoin::Leaf,
        parts: Vec::new(),
        error: None,
    };
    let nested =
        (1..40).fold(leaf(), |inner, _| ClauseExplanation { parts: vec![inner], ..leaf() });
    let mut depth = 0;
    let mut clauses = clause_explanations(vec![nested], 1);
    while let Some(clause) = clauses.pop() {
        depth += 1;
        clauses = clause.parts;
    }
    assert_eq!(depth, 32);
}

#[test]
fn instants_before_and_after_the_epoch_are_exact() {
    assert_eq!(
        timestamp(EpochMillis::new(1_500)),
        prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }
    );
    assert_eq!(
        timestamp(EpochMillis::new(-1)),
        prost_types::Timestamp { seconds: -1, nanos: 999_000_000 }
    );
}

#[test]
fn a_duration_is_at_most_what_protobuf_can_say() {
    assert_eq!(duration(Duration::MAX).seconds, DURATION_SECONDS_MAX);
}
