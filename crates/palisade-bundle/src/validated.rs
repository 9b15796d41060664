//! A bundle that makes sense as a whole; its own tests have not been run yet.

use palisade_core::{Facts, Problem, Problems, ToolCall};
use palisade_engine::{PolicySnapshot, SourceFile};

use crate::coverage::{self, Coverage};
use crate::error::ActivateError;
use crate::lint;
use crate::test_case::{TestCase, TestKind};
use crate::test_report::TestReport;
use crate::test_run;

/// A bundle that passed strict validation.
#[derive(Debug)]
pub struct ValidatedBundle {
    snapshot: PolicySnapshot,
    tests: Vec<TestCase>,
    /// Where policies stand, for advice about them.
    policies: Vec<SourceFile>,
}

impl ValidatedBundle {
    pub(crate) const fn new(
        snapshot: PolicySnapshot,
        tests: Vec<TestCase>,
        policies: Vec<SourceFile>,
    ) -> Self {
        Self { snapshot, tests, policies }
    }

    /// What the bundle would decide with. For tools that look into a bundle: a server decides only
    /// with what [`activate`](Self::activate) returns.
    #[must_use]
    pub const fn snapshot(&self) -> &PolicySnapshot {
        &self.snapshot
    }

    /// Runs the bundle's tests.
    #[must_use]
    pub fn run_tests(&self) -> TestReport {
        test_run::run(&self.snapshot, &self.tests)
    }

    /// The tool calls of the bundle's tests by name, with the facts they assume; for tools that
    /// send them elsewhere and compare.
    pub fn test_calls(&self) -> impl Iterator<Item = (&str, &ToolCall, &Facts)> {
        self.tests.iter().filter_map(|test| match &test.kind {
            TestKind::Call(case) => Some((test.name.as_str(), &case.call, &case.facts)),
            TestKind::Cedar(_) => None,
        })
    }

    /// What the tests exercise, given what they found. Evaluates every one of them again, part by
    /// part: for tools, not for a server.
    #[must_use]
    pub fn coverage(&self, report: &TestReport) -> Coverage {
        coverage::measure(&self.snapshot, &self.tests, &self.policies, report)
    }

    /// More advice than loading gives: what is legal and works, and still should be looked at.
    #[must_use]
    pub fn lint(&self) -> Problems {
        let report = self.run_tests();
        let mut problems: Vec<Problem> = lint::unconstrained(&self.snapshot, &self.policies);
        problems.extend(lint::duplicate_names(&self.tests));
        problems.extend(lint::coverage(&report, &self.policies));
        problems.extend(lint::clauses(&report, &self.coverage(&report)));
        problems.extend(lint::failures(&report, &self.tests));
        Problems(problems)
    }

    /// What an author should look at after a test run: policies that no test shows at work.
    #[must_use]
    pub fn coverage_advice(&self, report: &TestReport) -> Problems {
        Problems(lint::coverage(report, &self.policies))
    }

    /// Runs the bundle's tests and, if all pass, lets it decide.
    ///
    /// # Errors
    /// A test fails.
    pub fn activate(self) -> Result<PolicySnapshot, ActivateError> {
        let report = self.run_tests();
        self.activate_after(report)
    }

    /// The snapshot, whether or not the bundle's tests pass. Not for a server: for tools that show
    /// an author why a test fails.
    #[must_use]
    pub fn dangerous_into_untested_snapshot(self) -> PolicySnapshot {
        self.snapshot
    }

    /// Lets it decide if all tests of `report` passed.
    pub(crate) fn activate_after(
        self,
        report: TestReport,
    ) -> Result<PolicySnapshot, ActivateError> {
        if report.passed() { Ok(self.snapshot) } else { Err(ActivateError::TestsFailed { report }) }
    }
}
