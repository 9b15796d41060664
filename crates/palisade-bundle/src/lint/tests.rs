use std::sync::Arc;

use palisade_catalog::Catalog;
use palisade_core::{PolicyId, Severity};
use palisade_engine::{PolicyEffect, PolicyInfo, SourceFile};

use super::{coverage, line_spans, tests};
use crate::{CaseReport, TestReport};

fn policy(location: &str) -> PolicyInfo {
    PolicyInfo {
        id: PolicyId::new("p"),
        effect: PolicyEffect::Permit,
        location: location.to_owned(),
        requirement: None,
        shadow: false,
        reason: None,
    }
}

fn report(cases: usize, uncovered: Vec<PolicyInfo>) -> TestReport {
    let case = CaseReport {
        name: "a".to_owned(),
        file: Arc::from("tests/a.yaml"),
        line: None,
        mismatches: Vec::new(),
    };
    TestReport { cases: vec![case; cases], uncovered }
}

#[test]
fn a_bundle_without_tests_gets_one_advice() {
    let (catalog, _) = Catalog::parse(&"catalog.yaml".into(), "format: 1").unwrap();
    let problems = tests(&[], &catalog);
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].severity, problems[0].code), (Severity::Advice, "tests.none"));
    assert!(coverage(&report(0, vec![policy("policies/a.cedar:1")]), &[]).is_empty());
}

#[test]
fn an_uncovered_policy_is_pointed_at() {
    let text = "// one\n@id(\"p\")\npermit (principal, action, resource);\n";
    let file = SourceFile { name: "policies/a.cedar".into(), text: text.into() };
    let problems = coverage(&report(1, vec![policy("policies/a.cedar:2")]), &[file]);
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!((problem.severity, problem.code), (Severity::Advice, "tests.uncovered_policy"));
    assert_eq!(problem.file.as_deref(), Some("policies/a.cedar"));
    assert_eq!(text.get(problem.span.clone().unwrap()), Some("@id(\"p\")"));
}

#[test]
fn lines_are_found_without_their_breaks() {
    assert_eq!(line_spans("ab\nc"), [0..2, 3..4]);
    assert_eq!(line_spans("ab\n"), [0..2, 3..3]);
}

const CATALOG: &str = "\
format: 1
segments: [office]
services: { crm: { segment: office } }
tools:
  crm.read:
    tier: 1
    effect: read
    arguments: { type: object, properties: { n: { type: integer } }, required: [n] }
";

/// The codes and the texts pointed at of what `palisade lint` adds.
fn lint(policies: &str, tests: &str) -> Vec<(&'static str, String)> {
    let files = [
        ("bundle.yaml", "format: 1\nname: sample\nversion: 1\nissuers: { corp: https://idp }\n"),
        ("catalog.yaml", CATALOG),
        ("policies/a.cedar", policies),
        ("tests/a.yaml", tests),
    ];
    let raw = crate::RawBundle::of(&files);
    let (parsed, _) = raw.parse().unwrap();
    let (bundle, _) = parsed.validate(palisade_core::FactSources::default()).unwrap();
    let pointed = |problem: palisade_core::Problem| {
        let text = problem.file.as_deref().and_then(|file| raw.text(file)).unwrap_or_default();
        let text = problem.span.and_then(|span| text.get(span)).unwrap_or_default();
        (problem.code, text.to_owned())
    };
    bundle.lint().0.into_iter().map(pointed).collect()
}

fn case(name: &str, n: i64, outcome: &str) -> String {
    format!(
        "  - {{ name: {name}, chain: [user:corp:ann], tool: crm.read, arguments: {{ n: {n} }}, \
         want: {{ outcome: {outcome} }} }}\n"
    )
}

#[test]
fn a_permit_for_everything_is_pointed_at_and_one_with_a_condition_is_not() {
    let tests = format!("tests:\n{}{}", case("a", 1, "allow"), case("b", 9, "allow"));
    let open = "@id(\"all\")\npermit (principal, action, resource);\n";
    assert_eq!(lint(open, &tests), [("policy.unconstrained_permit", "@id(\"all\")".to_owned())]);
    for narrow in [
        "@id(\"all\") permit (principal is User, action, resource);",
        "@id(\"all\") permit (principal, action in Action::\"read\", resource);",
        "@id(\"all\") permit (principal, action, resource is Tool);",
        "@id(\"all\") forbid (principal, action, resource);",
    ] {
        let tests =
            tests.replace("allow", if narrow.contains("forbid") { "deny" } else { "allow" });
        assert_eq!(lint(narrow, &tests), [], "{narrow}");
    }
    let when = "@id(\"all\") permit (principal, action, resource) when { context.tool.tier == 1 };";
    let found = lint(when, &tests);
    assert_eq!(found, [("tests.uncovered_clause", "context.tool.tier == 1".to_owned())]);
}

const READ: &str = "@id(\"read\")
permit (principal, action == Action::\"crm.read\", resource) when { context.args.n < 5 };
";

#[test]
fn a_clause_that_is_never_false_is_pointed_at() {
    let tests = format!("tests:\n{}", case("a", 1, "allow"));
    assert_eq!(lint(READ, &tests), [("tests.uncovered_clause", "context.args.n < 5".to_owned())]);
    let tests = format!("tests:\n{}{}", case("a", 1, "allow"), case("b", 5, "deny"));
    assert_eq!(lint(READ, &tests), []);
}

#[test]
fn tests_of_one_name_and_tests_that_fail_are_pointed_at() {
    let tests = format!("tests:\n{}{}", case("a", 1, "allow"), case("a", 5, "allow"));
    let found = lint(READ, &tests);
    assert_eq!(found, [("tests.duplicate_name", "a".to_owned()), ("tests.failed", "a".to_owned())]);
}

#[test]
fn a_bundle_without_tests_is_not_told_what_none_of_them_covers() {
    assert_eq!(lint(READ, "tests: []\n"), []);
}
