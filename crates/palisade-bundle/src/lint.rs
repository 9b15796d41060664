//! Advice about a bundle's tests. Advice about policies is the engine's.

use std::ops::Range;

use palisade_catalog::Catalog;
use palisade_core::Problem;
use palisade_engine::{PolicyInfo, SourceFile};

use crate::test_case::{TestCase, TestKind};
use crate::test_report::TestReport;

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
    let mut problem = Problem::advice("tests.uncovered_policy", message)
        .with_help("add a case to `tests/` in which it is the reason of the answer");
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
