//! Advice about a bundle's tests, and what `palisade lint` says beyond what loading says. Advice
//! about policies is the engine's.

use std::collections::BTreeMap;
use std::ops::Range;

use palisade_catalog::Catalog;
use palisade_core::Problem;
use palisade_engine::{PolicyInfo, PolicySnapshot, SourceFile};

use crate::coverage::{ClauseGap, Coverage};
use crate::test_case::{TestCase, TestKind};
use crate::test_report::{CaseReport, TestReport};

/// What is odd about tests before they are run.
pub(crate) fn tests(tests: &[TestCase], catalog: &Catalog) -> Vec<Problem> {
    if tests.is_empty() {
        return vec![
            Problem::advice("tests.none", "the bundle has no tests")
                .with_help("add cases to `tests/*.yaml`: they run whenever the bundle is loaded"),
        ];
    }
    let mut problems = Vec::new();
    for test in tests {
        let TestKind::Call(call) = &test.kind else {
            continue;
        };
        if catalog.tool(&call.call.tool).is_none() {
            let message =
                format!("test `{}` calls `{}`, which the catalog lacks", test.name, call.call.tool);
            let mut problem = Problem::advice("tests.unknown_tool", message)
                .with_help("right if the test is about unknown tools, a misspelling otherwise")
                .in_file(&test.file);
            problem.span.clone_from(&test.span);
            problems.push(problem);
        }
    }
    problems
}

/// Policies that determined the answer of no test.
pub(crate) fn coverage(report: &TestReport, files: &[SourceFile]) -> Vec<Problem> {
    // Without tests there is one advice already.
    if report.cases.is_empty() {
        return Vec::new();
    }
    report.uncovered.iter().map(|policy| uncovered(policy, files)).collect()
}

fn uncovered(policy: &PolicyInfo, files: &[SourceFile]) -> Problem {
    let message = format!("policy `{}` determines the answer of no test", policy.id);
    let problem = Problem::advice("tests.uncovered_policy", message)
        .with_help("add a case to `tests/` in which it is the reason of the answer");
    at_policy(problem, policy, files)
}

/// The problem, at the line a policy stands in.
fn at_policy(mut problem: Problem, policy: &PolicyInfo, files: &[SourceFile]) -> Problem {
    let (name, line) = match policy.location.rsplit_once(':') {
        Some((name, line)) => (name, line.parse().ok()),
        None => (policy.location.as_str(), None),
    };
    if let Some(file) = files.iter().find(|file| *file.name == *name) {
        problem = problem.in_file(&file.name);
        problem.span = line.and_then(|line| line_span(&file.text, line));
    }
    problem
}

/// Permits that let anybody do anything.
pub(crate) fn unconstrained(snapshot: &PolicySnapshot, files: &[SourceFile]) -> Vec<Problem> {
    let open = snapshot.unconstrained_permits();
    let policies = snapshot.policies();
    let advice = |policy: &PolicyInfo| {
        let message = format!("the permit `{}` lets anybody do anything", policy.id);
        let problem = Problem::advice("policy.unconstrained_permit", message)
            .with_help("name a principal, an action or a resource, or write a condition");
        at_policy(problem, policy, files)
    };
    policies.iter().filter(|policy| open.contains(&policy.id)).map(advice).collect()
}

/// Tests that share a name: a report could mean either.
pub(crate) fn duplicate_names(tests: &[TestCase]) -> Vec<Problem> {
    let mut first: BTreeMap<&str, &TestCase> = BTreeMap::new();
    let mut problems = Vec::new();
    for test in tests {
        let Some(other) = first.get(test.name.as_str()) else {
            first.insert(&test.name, test);
            continue;
        };
        let place = other.line.map(|line| format!(":{line}")).unwrap_or_default();
        let message =
            format!("the name `{}` is that of a test in {}{place}, too", test.name, other.file);
        let problem = Problem::advice("tests.duplicate_name", message)
            .with_help("say in the name what is different");
        problems.push(at_test(problem, test));
    }
    problems
}

/// Clauses that no test shows both true and false.
pub(crate) fn clauses(report: &TestReport, coverage: &Coverage) -> Vec<Problem> {
    // Without tests there is one advice already.
    if report.cases.is_empty() {
        return Vec::new();
    }
    let advice = |(clause, gap): (&crate::coverage::ClauseCoverage, ClauseGap)| {
        let message = format!("no test sees `{}` {}", clause.text, missing(gap));
        Problem::advice("tests.uncovered_clause", message)
            .with_help("add a case to `tests/`; `palisade test --coverage` shows them all")
            .in_file(&clause.file)
            .at(clause.span.clone())
    };
    coverage.gaps().map(advice).collect()
}

const fn missing(gap: ClauseGap) -> &'static str {
    match gap {
        ClauseGap::NeverEvaluated => "evaluated",
        ClauseGap::NeverFalse => "false",
        ClauseGap::NeverTrue => "true",
    }
}

/// Tests that fail: with them the bundle does not come into force.
pub(crate) fn failures(report: &TestReport, tests: &[TestCase]) -> Vec<Problem> {
    let cases = report.cases.iter().zip(tests).filter(|(case, _)| !case.passed());
    let error = |(case, test): (&CaseReport, &TestCase)| {
        let message = format!("test `{}` fails: {}", case.name, case.mismatches.join("; "));
        at_test(Problem::error("tests.failed", message), test)
    };
    cases.map(error).collect()
}

/// The problem, where a test stands.
fn at_test(problem: Problem, test: &TestCase) -> Problem {
    let mut problem = problem.in_file(&test.file);
    problem.span.clone_from(&test.span);
    problem
}

/// The bytes of a line, counted from 1, without its line break.
fn line_span(text: &str, line: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for (index, content) in text.split('\n').enumerate() {
        if index + 1 == line {
            return Some(start..start + content.len());
        }
        start += content.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests;
