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
    let lines = Lines::of(files);
    report.uncovered.iter().map(|policy| uncovered(policy, &lines)).collect()
}

fn uncovered(policy: &PolicyInfo, lines: &Lines<'_>) -> Problem {
    let message = format!("policy `{}` determines the answer of no test", policy.id);
    let problem = Problem::advice("tests.uncovered_policy", message)
        .with_help("add a case to `tests/` in which it is the reason of the answer");
    at_policy(problem, policy, lines)
}

/// The problem, at the line a policy stands in.
fn at_policy(mut problem: Problem, policy: &PolicyInfo, lines: &Lines<'_>) -> Problem {
    let (name, line) = match policy.location.rsplit_once(':') {
        Some((name, line)) => (name, line.parse().ok()),
        None => (policy.location.as_str(), None),
    };
    if let Some((file, lines)) = lines.0.get(name) {
        problem = problem.in_file(&file.name);
        problem.span = line.and_then(|line: usize| lines.get(line.checked_sub(1)?).cloned());
    }
    problem
}

/// Permits that let anybody do anything.
pub(crate) fn unconstrained(snapshot: &PolicySnapshot, files: &[SourceFile]) -> Vec<Problem> {
    let open = snapshot.unconstrained_permits();
    let policies = snapshot.policies();
    let lines = Lines::of(files);
    let advice = |policy: &PolicyInfo| {
        let message = format!("the permit `{}` lets anybody do anything", policy.id);
        let problem = Problem::advice("policy.unconstrained_permit", message)
            .with_help("name a principal, an action or a resource, or write a condition");
        at_policy(problem, policy, &lines)
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

/// The lines of files by the files' names. Found once for all policies: there may be thousands in
/// a file.
struct Lines<'a>(BTreeMap<&'a str, (&'a SourceFile, Vec<Range<usize>>)>);

impl<'a> Lines<'a> {
    fn of(files: &'a [SourceFile]) -> Self {
        let of = |file: &'a SourceFile| (file.name.as_ref(), (file, line_spans(&file.text)));
        Self(files.iter().map(of).collect())
    }
}

/// The bytes of each line, without its line break.
fn line_spans(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let span = |line: &str| {
        let span = start..start + line.len();
        start = span.end + 1;
        span
    };
    text.split('\n').map(span).collect()
}

#[cfg(test)]
mod tests;
