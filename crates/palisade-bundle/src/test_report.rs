//! What a bundle's tests found.

use std::sync::Arc;

use palisade_engine::PolicyInfo;

/// The result of running all tests of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestReport {
    /// One entry per test: YAML files first, then Cedar's JSON files, each in order.
    pub cases: Vec<CaseReport>,
    /// Policies that determined the answer of no test, sorted by id. Shadow policies decide
    /// nothing and are left out.
    pub uncovered: Vec<PolicyInfo>,
}

impl TestReport {
    /// Whether every test passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The tests that did not pass.
    pub fn failed(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter(|case| !case.passed())
    }
}

/// The result of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseReport {
    /// The test's name.
    pub name: String,
    /// The file it stands in, relative to the bundle.
    pub file: Arc<str>,
    /// The line it starts in, from 1; `None` in Cedar's JSON format.
    pub line: Option<u64>,
    /// What was not as wanted, each a sentence; empty if the test passed.
    pub mismatches: Vec<String>,
}

impl CaseReport {
    /// Whether everything was as wanted.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.mismatches.is_empty()
    }
}
