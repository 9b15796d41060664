use std::time::Duration;

use palisade_core::{Cure, EpochMillis, Outcome, PolicyId, Problem, ReasonCode, Requirement};
use palisade_engine::SourceFile;

use super::{CallCase, TestCase, TestKind, read_cedar_json, read_yaml};
use crate::test_case::cedar_json::CedarDecision;

fn yaml(text: &str) -> (Vec<TestCase>, Vec<Problem>) {
    let file = SourceFile { name: "tests/a.yaml".into(), text: text.into() };
    let mut problems = Vec::new();
    (read_yaml(&file, &mut problems), problems)
}

fn cedar(text: &str) -> (Vec<TestCase>, Vec<Problem>) {
    let file = SourceFile { name: "tests/a.json".into(), text: text.into() };
    let mut problems = Vec::new();
    (read_cedar_json(&file, &mut problems), problems)
}

fn call(case: &TestCase) -> &CallCase {
    match &case.kind {
        TestKind::Call(call) => call,
        TestKind::Cedar(_) => panic!("a plain Cedar request"),
    }
}

#[test]
fn a_test_says_everything_about_a_call() {
    let text = "\
tests:
  - name: whole
    now: 1970-01-01T00:00:01Z
    chain: [user:corp:alice, 'agent:corp:ns:bot']
    tool: crm.read
    tool_digest: 0000000000000000000000000000000000000000000000000000000000000001
    arguments: { id: T-1, amount: 49.90, tags: [a], nothing: null }
    resource: { type: Document, id: x }
    source_address: 10.0.0.1
    cures:
      - approval: { approvers: boss, people: 2, age: 1m }
      - confirmation: { age: 5s }
      - step_up: { acr: phr, age: 0s }
    want:
      outcome: challenge
      reason: requirements_unmet
      determining: [b, a]
      requirements:
        - step_up: { acr: phr }
        - approval: { approvers: boss, expires: 15m }
";
    let (cases, problems) = yaml(text);
    assert_eq!(problems, []);
    let [case] = cases.as_slice() else { panic!("one case") };
    assert_eq!((case.name.as_str(), case.line), ("whole", Some(2)));
    let CallCase { call, facts, want } = call(case);
    assert_eq!(call.chain.links()[1].subject.as_str(), "ns:bot");
    let arguments: serde_json::Value = serde_json::from_slice(&call.arguments).unwrap();
    let expected = serde_json::json!({"id": "T-1", "amount": 49.9, "tags": ["a"], "nothing": null});
    assert_eq!(arguments, expected);
    assert_eq!(call.tool_digest.unwrap().as_bytes()[31], 1);
    assert_eq!(call.resource.as_ref().unwrap().entity_type, "Document");
    assert_eq!(call.environment.source_address.unwrap().to_string(), "10.0.0.1");
    assert_eq!(facts.now, EpochMillis::new(1000));
    assert_eq!(facts.cures.len(), 3);
    let minute = Duration::from_secs(60);
    assert_eq!(
        facts.cures[0],
        Cure::Approval { approvers: "boss".to_owned(), people: 2, age: minute }
    );
    assert_eq!(want.outcome, Outcome::Challenge);
    assert_eq!(want.reason, Some(ReasonCode::RequirementsUnmet));
    assert_eq!(want.determining, Some(vec![PolicyId::new("a"), PolicyId::new("b")]));
    let expires = Some(minute * 15);
    let approval = Requirement::Approval { approvers: "boss".to_owned(), quorum: 1, expires };
    let step_up = Requirement::StepUp { acr: Some("phr".to_owned()), max_age: None };
    assert_eq!(want.requirements, Some(vec![approval, step_up]));
}

#[test]
fn what_a_test_leaves_out_has_a_default() {
    let (cases, problems) =
        yaml("tests: [{ name: a, chain: [user:corp:x], tool: crm.read, want: { outcome: deny } }]");
    assert_eq!(problems, []);
    let CallCase { call, facts, want } = call(&cases[0]);
    assert_eq!(call.arguments, b"");
    assert_eq!(facts.now, EpochMillis::parse_rfc3339("2026-01-01T00:00:00Z").unwrap());
    assert!(facts.cures.is_empty());
    assert_eq!((&want.reason, &want.determining, &want.requirements), (&None, &None, &None));
}

#[test]
fn raw_arguments_are_sent_as_they_stand() {
    let (cases, _) = yaml(
        "tests: [{ name: a, chain: [user:corp:x], tool: t, arguments_text: '{\"a\":1,\"a\":2}', \
         want: { outcome: deny } }]",
    );
    assert_eq!(call(&cases[0]).call.arguments, br#"{"a":1,"a":2}"#);
}

#[test]
fn all_that_is_wrong_with_a_test_is_reported_in_place() {
    let text = "\
tests:
  - name: bad
    now: yesterday
    chain: [alice, robot:corp:x]
    tool: crm.read
    tool_digest: abc
    arguments: {}
    arguments_text: '{}'
    source_address: home
    cures:
      - confirmation: { age: soon }
    want:
      outcome: maybe
      reason: because
      requirements: [{ confirmation: { expires: '5' } }]
  - name: empty chain
    chain: []
    tool: crm.read
    want: { outcome: deny }
";
    let (cases, problems) = yaml(text);
    assert!(cases.is_empty());
    let places: Vec<_> =
        problems.iter().map(|problem| text.get(problem.span.clone().unwrap()).unwrap()).collect();
    assert_eq!(
        places,
        [
            "yesterday",
            "alice",
            "robot:corp:x",
            "abc",
            "home",
            "'{}'",
            "soon",
            "maybe",
            "because",
            "'5'",
            "[",
        ]
    );
}

#[test]
fn a_chain_of_nine_is_no_test() {
    let chain = ["user:corp:x"; 9].join(", ");
    let text = |chain: &str| {
        format!("tests: [{{ name: a, chain: [{chain}], tool: t, want: {{ outcome: deny }} }}]")
    };
    assert_eq!(yaml(&text(&chain)).1.len(), 1);
    assert_eq!(yaml(&text(&["user:corp:x"; 8].join(", "))).1, []);
}

#[test]
fn unknown_keys_of_a_test_are_refused() {
    let (cases, problems) =
        yaml("tests: [{ name: a, chain: [user:corp:x], tool: t, wants: { outcome: deny } }]");
    assert!(cases.is_empty());
    assert_eq!(problems.len(), 1);
}

#[test]
fn cedars_own_tests_are_read_as_they_are() {
    let (cases, problems) = cedar(
        r#"[
          {
            "name": "named",
            "request": {
              "principal": "User::\"corp:alice\"", "action": "Action::\"crm.read\"",
              "resource": "Tool::\"crm.read\"", "context": {}
            },
            "entities": [], "decision": "allow", "reason": ["all"], "num_errors": 1
          },
          {
            "request": { "principal": "a", "action": "b", "resource": "c" },
            "decision": "deny"
          }
        ]"#,
    );
    assert_eq!(problems, []);
    let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["named", "test 2"]);
    let TestKind::Cedar(first) = &cases[0].kind else { panic!("a tool call") };
    assert_eq!(first.decision, CedarDecision::Allow);
    assert_eq!(first.reason, ["all"]);
    assert_eq!(first.num_errors, 1);
}

#[test]
fn what_is_no_list_of_cedars_tests_is_refused_in_place() {
    let text = "[\n  { \"decision\": \"maybe\" }\n]";
    let (cases, problems) = cedar(text);
    assert!(cases.is_empty());
    assert_eq!(problems[0].code, "tests.invalid");
    assert!(text.get(problems[0].span.clone().unwrap().start..).unwrap().len() < text.len() - 10);
}
