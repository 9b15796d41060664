use std::sync::Arc;

use palisade_catalog::Catalog;
use palisade_core::{PolicyId, Severity};
use palisade_engine::{PolicyEffect, PolicyInfo, SourceFile};

use super::{coverage, line_span, tests};
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
fn a_line_is_found_by_its_number() {
    assert_eq!(line_span("ab\nc", 1), Some(0..2));
    assert_eq!(line_span("ab\nc", 2), Some(3..4));
    assert_eq!(line_span("ab\nc", 3), None);
    assert_eq!(line_span("ab\nc", 0), None);
}
