//! From a bundle's files to a snapshot that may decide, stage by stage.

use std::sync::Arc;

use palisade_core::{
    CandidateStage, EpochMillis, ErrorChain, FactSources, Problem, Problems, Revision, Severity,
};
use palisade_engine::PolicySnapshot;

use crate::error::{ActivateError, LoadBundleError, ReadBundleError};
use crate::raw::RawBundle;

/// Problems that stand in a failure's message; the rest is counted.
// LIMIT: the message stands in status and record; `palisade check` shows all of them.
const PROBLEMS_SHOWN: usize = 5;

/// Calls of the revision in force that a new one answers before it decides.
// LIMIT: some tens of milliseconds; what is asked for all the time is among them.
const WARMED_CALLS_MAX: usize = 4096;

/// Why something did not come into force, or could not be looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Stable.
    pub(super) code: &'static str,
    /// For a person.
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn unreadable(error: &ReadBundleError) -> Self {
        Self::new("unreadable", ErrorChain(error).to_string())
    }

    /// Why a bundle of these files does not load.
    pub(super) fn of(error: &LoadBundleError, raw: &RawBundle) -> Self {
        let chain = ErrorChain(error).to_string();
        match error {
            LoadBundleError::Activate(ActivateError::TestsFailed { report }) => {
                let failed = report.failed().map(|case| {
                    let mismatch = case.mismatches.first().map_or("", String::as_str);
                    format!("{}: {}: {mismatch}", case.file, case.name)
                });
                Self::new("tests_failed", format!("{chain}: {}", some_of(failed)))
            }
            LoadBundleError::Invalid(Problems(problems)) => {
                let errors = problems.iter().filter(|p| p.severity == Severity::Error);
                Self::new("invalid", some_of(errors.map(|problem| with_place(problem, raw))))
            }
            LoadBundleError::Read(error) => Self::unreadable(error),
        }
    }
}

/// `policies/refunds.cedar:12: what is wrong [code]`
fn with_place(problem: &Problem, raw: &RawBundle) -> String {
    let Problem { file, span, message, code, .. } = problem;
    let Some(file) = file else { return format!("{message} [{code}]") };
    let before = span.as_ref().and_then(|span| raw.text(file)?.get(..span.start));
    let line = before.map(|before| before.matches('\n').count() + 1);
    let line = line.map_or_else(String::new, |line| format!(":{line}"));
    format!("{file}{line}: {message} [{code}]")
}

/// The first of them, and how many more there are.
fn some_of(messages: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = messages.collect();
    let mut text = all.iter().take(PROBLEMS_SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if let Some(more) = all.len().checked_sub(PROBLEMS_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("; and {more} more"));
    }
    text
}

/// Parses, validates and tests. Tells of every stage as it begins.
pub(super) fn load(
    raw: &RawBundle,
    facts: FactSources,
    previous: Option<&PolicySnapshot>,
    mut at: impl FnMut(CandidateStage, Option<&Arc<Revision>>),
) -> Result<(PolicySnapshot, Problems), LoadBundleError> {
    at(CandidateStage::Parse, None);
    let (parsed, Problems(mut advice)) = raw.parse().map_err(LoadBundleError::Invalid)?;
    let revision = Arc::new(parsed.revision().clone());
    at(CandidateStage::Validate, Some(&revision));
    let validated = parsed.validate_after(facts, previous);
    let (validated, more) = validated.map_err(LoadBundleError::Invalid)?;
    advice.extend(more.0);
    at(CandidateStage::Test, Some(&revision));
    let report = validated.run_tests();
    advice.extend(validated.coverage_advice(&report).0);
    Ok((validated.activate_after(report)?, Problems(advice)))
}

/// Fills the caches with what is asked most of the revision in force.
pub(super) fn warm(snapshot: &PolicySnapshot, previous: &PolicySnapshot, now: EpochMillis) {
    let calls = snapshot.warm_from(previous, now, WARMED_CALLS_MAX);
    tracing::debug!(calls, "the caches of the new revision were filled");
}
