use std::time::Duration;

use palisade_core::{
    FactSources, Outcome, PolicyId, PostedRequirement, Reason, ReasonCode, Requirement, Verdict,
};

use super::compare;
use crate::raw::RawBundle;
use crate::test_case::Want;
use crate::{ActivateError, TestReport, ValidatedBundle};

const POLICIES: &str = "\
@id(\"read\")
permit (principal == User::\"corp:alice\", action == Action::\"crm.read\", resource);

@id(\"never-used\") @reason(\"nobody deletes\")
forbid (principal, action == Action::\"crm.delete\", resource);

@id(\"shadow\") @reason(\"watching\") @mode(\"shadow\")
forbid (principal, action == Action::\"crm.read\", resource);
";

fn bundle(tests: &[(&str, &str)]) -> ValidatedBundle {
    let mut files = vec![
        ("bundle.yaml", "format: 1\nname: sample\nversion: 1\nissuers: { corp: https://idp }\n"),
        (
            "catalog.yaml",
            "\
format: 1
segments: [office]
services: { crm: { segment: office } }
tools:
  crm.read: { tier: 1, effect: read }
  crm.delete: { tier: 2, effect: write }
",
        ),
        ("policies/a.cedar", POLICIES),
    ];
    files.extend(tests);
    let (parsed, _) = RawBundle::of(&files).parse().unwrap();
    parsed.validate(FactSources::default()).unwrap().0
}

fn case(user: &str, want: &str) -> String {
    format!(
        "tests:\n  - {{ name: a, chain: [user:corp:{user}], tool: crm.read, want: {{ {want} }} }}\n"
    )
}

fn run(test: &str) -> TestReport {
    bundle(&[("tests/a.yaml", test)]).run_tests()
}

#[test]
fn a_test_passes_if_everything_is_as_wanted() {
    let report = run(&case("alice", "outcome: allow, reason: permitted, determining: [read]"));
    assert!(report.passed(), "{report:?}");
    assert_eq!(report.cases.len(), 1);
    assert_eq!(report.cases[0].line, Some(2));
}

#[test]
fn a_test_that_fails_says_what_came_instead_and_why() {
    let report = run(&case("mallory", "outcome: allow, determining: [read]"));
    assert_eq!(report.failed().count(), 1);
    let [outcome, determining] = report.cases[0].mismatches.as_slice() else {
        panic!("{report:?}")
    };
    assert!(
        outcome.starts_with("want outcome allow, got deny (no_permit: no policy permits"),
        "{outcome}"
    );
    assert_eq!(determining, "want determining policies [read], got []");
}

#[test]
fn a_refusal_before_the_policies_is_an_answer_like_any_other() {
    let text = case("alice", "outcome: deny, reason: unknown_tool").replace("crm.read", "crm.nope");
    let report = run(&text);
    assert!(report.passed(), "{report:?}");
}

#[test]
fn policies_that_determine_no_answer_are_uncovered_unless_they_only_watch() {
    let report = run(&case("alice", "outcome: allow"));
    let uncovered: Vec<_> = report.uncovered.iter().map(|policy| policy.id.as_str()).collect();
    assert_eq!(uncovered, ["never-used"]);
}

#[test]
fn a_bundle_whose_tests_fail_does_not_become_active() {
    let bundle = bundle(&[("tests/a.yaml", &case("mallory", "outcome: allow"))]);
    let error = bundle.activate().unwrap_err();
    assert_eq!(error.to_string(), "1 of 1 tests of the bundle failed");
    let ActivateError::TestsFailed { report } = error;
    assert!(!report.passed());
}

#[test]
fn a_bundle_whose_tests_pass_becomes_active() {
    let bundle = bundle(&[("tests/a.yaml", &case("alice", "outcome: allow"))]);
    assert_eq!(bundle.activate().unwrap().revision().version, 1);
}

fn cedar_case(principal: &str, rest: &str) -> String {
    format!(
        r#"[{{
          "request": {{
            "principal": "User::\"corp:{principal}\"", "action": "Action::\"crm.read\"",
            "resource": "Tool::\"crm.read\"",
            "context": {{
              "args": {{}}, "argsInfo": {{ "unknown": false, "counts": {{}} }},
              "tool": {{
                "tier": 1, "effects": ["read"], "reversible": true, "egress": false,
                "service": {{ "__entity": {{ "type": "Service", "id": "crm" }} }},
                "segment": {{ "__entity": {{ "type": "Segment", "id": "office" }} }}
              }},
              "chain": {{
                "depth": 1, "users": [], "agents": [], "services": [], "proof": "asserted"
              }},
              "ungrounded": [], "data": [],
              "approval": {{ "granted": false }}, "confirmation": {{ "granted": false }},
              "stepUp": {{ "granted": false }},
              "now": {{ "__extn": {{ "fn": "datetime", "arg": "2026-01-01" }} }}
            }}
          }},
          {rest}
        }}]"#
    )
}

#[test]
fn cedars_own_tests_are_answered_by_the_same_policies() {
    let pass = cedar_case("alice", r#""decision": "allow", "reason": ["read"]"#);
    let report = bundle(&[("tests/a.json", &pass)]).run_tests();
    assert!(report.passed(), "{report:?}");

    let fail = cedar_case("mallory", r#""decision": "allow", "reason": ["read"], "num_errors": 1"#);
    let report = bundle(&[("tests/a.json", &fail)]).run_tests();
    assert_eq!(
        report.cases[0].mismatches,
        [
            "want decision allow, got deny",
            "want [read] among the reasons, got []",
            "want 1 policies to fail, got 0",
        ]
    );
}

#[test]
fn a_cedar_request_that_does_not_fit_the_schema_is_a_failed_test() {
    let text = cedar_case("alice", r#""decision": "deny""#).replace("argsInfo", "argInfo");
    let report = bundle(&[("tests/a.json", &text)]).run_tests();
    let [mismatch] = report.cases[0].mismatches.as_slice() else { panic!("{report:?}") };
    assert!(mismatch.starts_with("the request cannot be asked: "), "{mismatch}");
}

#[test]
fn requirements_are_compared_exactly() {
    let asked = |people| Requirement::Approval {
        approvers: "boss".to_owned(),
        quorum: people,
        expires: Some(Duration::from_secs(900)),
    };
    let verdict = Verdict {
        outcome: Outcome::Challenge,
        reason: Reason::new(ReasonCode::RequirementsUnmet, "ask"),
        determining: vec![PolicyId::new("a")],
        requirements: vec![PostedRequirement {
            requirement: asked(1),
            policies: vec![PolicyId::new("a")],
        }],
        exceptions: Vec::new(),
    };
    let want = |requirements| Want {
        outcome: Outcome::Challenge,
        reason: None,
        determining: None,
        requirements: Some(requirements),
        exceptions: None,
    };
    assert!(compare(&want(vec![asked(1)]), &verdict).is_empty());
    assert_eq!(
        compare(&want(vec![asked(2)]), &verdict),
        ["want requirements [approval {approvers: boss, quorum: 2, expires: 15m}], \
          got [approval {approvers: boss, quorum: 1, expires: 15m}]"]
    );
    assert_eq!(compare(&want(Vec::new()), &verdict).len(), 1);
}
