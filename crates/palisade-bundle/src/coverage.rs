//! What a bundle's tests exercise: which policies determine an answer, and which clauses came out
//! true and which false.
//!
//! Found by evaluating every test again, part by part, so only when somebody asks.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use palisade_core::PolicyId;
use palisade_engine::{
    CedarRequest, ClauseExplanation, PolicyExplanation, PolicyResult, PolicySnapshot, SourceFile,
};

use crate::test_case::{CallCase, TestCase, TestKind};
use crate::test_report::TestReport;

/// What tests exercise.
///
/// A clause is a part of a `when` or `unless` that no `&&`, `||`, `!` or `if` divides further.
/// Parts made of others need no counting of their own: Cedar evaluates from left to right and
/// stops as soon as it can, so once every clause was true and was false, so was everything that
/// they make up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// How many policies there are, those left out that only watch.
    pub policies: usize,
    /// How many of them determined the answer of a test.
    pub policies_covered: usize,
    /// All clauses, by file and place.
    pub clauses: Vec<ClauseCoverage>,
}

/// What one clause came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClauseCoverage {
    /// The file it stands in, relative to the bundle.
    pub file: Arc<str>,
    /// Its line, from 1.
    pub line: usize,
    /// Where it stands in its file, in bytes.
    pub span: Range<usize>,
    /// Its text, on one line.
    pub text: String,
    /// The policies it is part of: several if it stands in a template. Sorted.
    pub policies: Vec<PolicyId>,
    /// Whether some test evaluated it.
    pub evaluated: bool,
    /// Whether it was true in some test.
    pub was_true: bool,
    /// Whether it was false in some test.
    pub was_false: bool,
}

/// What is missing about a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClauseGap {
    /// No test evaluates it.
    NeverEvaluated,
    /// It is never false.
    NeverFalse,
    /// It is never true.
    NeverTrue,
}

impl ClauseGap {
    /// In words: `never true`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverEvaluated => "never evaluated",
            Self::NeverFalse => "never false",
            Self::NeverTrue => "never true",
        }
    }
}

impl ClauseCoverage {
    /// What is missing; `None` if it was both true and false.
    #[must_use]
    pub const fn gap(&self) -> Option<ClauseGap> {
        match (self.evaluated, self.was_true, self.was_false) {
            (_, true, true) => None,
            (false, ..) => Some(ClauseGap::NeverEvaluated),
            (true, false, _) => Some(ClauseGap::NeverTrue),
            (true, true, false) => Some(ClauseGap::NeverFalse),
        }
    }
}

impl Coverage {
    /// The clauses that were not both true and false.
    pub fn gaps(&self) -> impl Iterator<Item = (&ClauseCoverage, ClauseGap)> {
        self.clauses.iter().filter_map(|clause| Some((clause, clause.gap()?)))
    }

    /// Clauses that were both true and false.
    #[must_use]
    pub fn clauses_covered(&self) -> usize {
        self.clauses.len() - self.gaps().count()
    }

    /// Covered policies of a hundred, rounded down; 100 if there are none.
    #[must_use]
    pub fn policies_percent(&self) -> usize {
        percent(self.policies_covered, self.policies)
    }

    /// Covered clauses of a hundred, rounded down; 100 if there are none.
    #[must_use]
    pub fn clauses_percent(&self) -> usize {
        percent(self.clauses_covered(), self.clauses.len())
    }
}

const fn percent(covered: usize, all: usize) -> usize {
    match (covered * 100).checked_div(all) {
        Some(percent) => percent,
        None => 100,
    }
}

/// Evaluates every test and notes what each clause comes to.
pub(crate) fn measure(
    snapshot: &PolicySnapshot,
    tests: &[TestCase],
    files: &[SourceFile],
    report: &TestReport,
) -> Coverage {
    let mut clauses = Clauses::default();
    let outlines = snapshot.outlines();
    for policy in &outlines {
        clauses.add(policy);
    }
    for test in tests {
        match &test.kind {
            TestKind::Call(case) => {
                let CallCase { call, facts, want: _ } = case.as_ref();
                // A call that is refused beforehand meets no policy.
                if let Ok(call) = snapshot.resolve(call).call {
                    clauses.note_all(&snapshot.evaluations(&call, facts));
                }
            }
            TestKind::Cedar(case) => {
                let request = CedarRequest {
                    principal: &case.request.principal,
                    action: &case.request.action,
                    resource: &case.request.resource,
                    context: &case.request.context,
                    entities: &case.entities,
                };
                // One that cannot be asked is a failed test.
                if let Ok(policies) = snapshot.cedar_evaluations(&request) {
                    clauses.note_all(&policies);
                }
            }
        }
    }
    Coverage {
        policies: outlines.len(),
        policies_covered: outlines.len().saturating_sub(report.uncovered.len()),
        clauses: clauses.located(files),
    }
}

/// Clauses by file and place. A template's clause is one, however many links it has.
#[derive(Default)]
struct Clauses(BTreeMap<(Arc<str>, usize, usize), ClauseCoverage>);

impl Clauses {
    fn add(&mut self, policy: &PolicyExplanation) {
        for clause in leaves(&policy.clauses) {
            let Some(span) = clause.span.clone().filter(|_| !is_constant(clause)) else {
                continue;
            };
            let found = self.0.entry((Arc::clone(&policy.file), span.start, span.end));
            let found = found.or_insert_with(|| ClauseCoverage {
                file: Arc::clone(&policy.file),
                line: 0,
                span,
                text: clause.text.clone(),
                policies: Vec::new(),
                evaluated: false,
                was_true: false,
                was_false: false,
            });
            if !found.policies.contains(&policy.policy) {
                found.policies.push(policy.policy.clone());
            }
        }
    }

    fn note_all(&mut self, policies: &[PolicyExplanation]) {
        for policy in policies {
            for clause in leaves(&policy.clauses) {
                let Some(span) = &clause.span else { continue };
                let key = (Arc::clone(&policy.file), span.start, span.end);
                if let Some(found) = self.0.get_mut(&key) {
                    found.evaluated |= clause.result != PolicyResult::NotEvaluated;
                    found.was_true |= clause.result == PolicyResult::Satisfied;
                    found.was_false |= clause.result == PolicyResult::NotSatisfied;
                }
            }
        }
    }

    fn located(self, files: &[SourceFile]) -> Vec<ClauseCoverage> {
        let located = |mut clause: ClauseCoverage| {
            let file = files.iter().find(|file| file.name == clause.file);
            let before = file.and_then(|file| file.text.get(..clause.span.start));
            clause.line = before.map_or(1, |text| text.matches('\n').count() + 1);
            clause
        };
        self.0.into_values().map(located).collect()
    }
}

/// The parts that are divided no further. What was not evaluated has no parts, so of that the
/// parts stay as they are.
fn leaves(clauses: &[ClauseExplanation]) -> Vec<&ClauseExplanation> {
    let mut found = Vec::new();
    let mut open: Vec<&ClauseExplanation> = clauses.iter().rev().collect();
    while let Some(clause) = open.pop() {
        if clause.parts.is_empty() {
            found.push(clause);
        }
        open.extend(clause.parts.iter().rev());
    }
    found
}

/// `true` and `false` come out as what they are.
fn is_constant(clause: &ClauseExplanation) -> bool {
    matches!(clause.text.as_str(), "true" | "false")
}

#[cfg(test)]
mod tests;
