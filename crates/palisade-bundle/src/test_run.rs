//! Runs a bundle's tests against its snapshot.

use std::collections::BTreeSet;

use palisade_core::{PolicyId, PostedRequirement, Requirement, Verdict, format_duration};
use palisade_engine::{CedarRequest, PolicySnapshot};

use crate::test_case::{CallCase, CedarCase, TestCase, TestKind, Want};
use crate::test_report::{CaseReport, TestReport};

/// Runs every test and notes which policies they show at work.
pub(crate) fn run(snapshot: &PolicySnapshot, tests: &[TestCase]) -> TestReport {
    let mut covered = BTreeSet::new();
    let mut cases = Vec::with_capacity(tests.len());
    for test in tests {
        let mismatches = match &test.kind {
            TestKind::Call(case) => run_call(snapshot, case, &mut covered),
            TestKind::Cedar(case) => run_cedar(snapshot, case, &mut covered),
        };
        cases.push(CaseReport {
            name: test.name.clone(),
            file: std::sync::Arc::clone(&test.file),
            line: test.line,
            mismatches,
        });
    }
    let mut uncovered = snapshot.policies();
    uncovered.retain(|policy| !policy.shadow && !covered.contains(&policy.id));
    TestReport { cases, uncovered }
}

fn run_call(
    snapshot: &PolicySnapshot,
    case: &CallCase,
    covered: &mut BTreeSet<PolicyId>,
) -> Vec<String> {
    let CallCase { call, facts, want } = case;
    let answer = snapshot.answer(call, facts);
    covered.extend(answer.verdict.determining.iter().cloned());
    compare(want, &answer.verdict)
}

fn run_cedar(
    snapshot: &PolicySnapshot,
    case: &CedarCase,
    covered: &mut BTreeSet<PolicyId>,
) -> Vec<String> {
    let request = CedarRequest {
        principal: &case.request.principal,
        action: &case.request.action,
        resource: &case.request.resource,
        context: &case.request.context,
        entities: &case.entities,
    };
    let answer = match snapshot.cedar_answer(&request) {
        Ok(answer) => answer,
        Err(error) => return vec![format!("the request cannot be asked: {error}")],
    };
    let mut mismatches = Vec::new();
    let got = if answer.allowed { "allow" } else { "deny" };
    let want = case.decision.as_str();
    if got != want {
        mismatches
            .push(format!("want decision {want}, got {got}{}", because(&list(&answer.reasons))));
    }
    let missing: Vec<_> = case
        .reason
        .iter()
        .map(|id| PolicyId::new(id))
        .filter(|id| !answer.reasons.contains(id))
        .collect();
    if !missing.is_empty() {
        mismatches.push(format!(
            "want {} among the reasons, got {}",
            names(&missing),
            names(&answer.reasons)
        ));
    }
    if answer.errors.len() != case.num_errors {
        mismatches.push(format!(
            "want {} policies to fail, got {}{}",
            case.num_errors,
            answer.errors.len(),
            because(&answer.errors.join("; "))
        ));
    }
    covered.extend(answer.reasons);
    mismatches
}

/// What of a verdict is not as wanted.
fn compare(want: &Want, got: &Verdict) -> Vec<String> {
    let Want { outcome, reason, determining, requirements, exceptions } = want;
    let Verdict { outcome: got_outcome, reason: got_reason, .. } = got;
    let mut mismatches = Vec::new();
    if outcome != got_outcome {
        mismatches.push(format!(
            "want outcome {outcome}, got {got_outcome} ({}: {})",
            got_reason.code, got_reason.sentence
        ));
    }
    if let Some(reason) = reason
        && *reason != got_reason.code
    {
        mismatches.push(format!(
            "want reason {reason}, got {}: {}",
            got_reason.code, got_reason.sentence
        ));
    }
    if let Some(determining) = determining
        && *determining != got.determining
    {
        mismatches.push(format!(
            "want determining policies {}, got {}",
            names(determining),
            names(&got.determining)
        ));
    }
    if let Some(requirements) = requirements {
        let mut asked: Vec<&Requirement> = got
            .requirements
            .iter()
            .map(|PostedRequirement { requirement, .. }| requirement)
            .collect();
        asked.sort_unstable();
        if !requirements.iter().eq(asked.iter().copied()) {
            mismatches.push(format!(
                "want requirements {}, got {}",
                describe_all(requirements.iter()),
                describe_all(asked.into_iter())
            ));
        }
    }
    if let Some(exceptions) = exceptions {
        mismatches.extend(compare_exceptions(exceptions, got));
    }
    mismatches
}

fn compare_exceptions(want: &[String], got: &Verdict) -> Option<String> {
    let used: BTreeSet<&str> = got.exceptions.iter().map(|used| used.id.as_ref()).collect();
    let is_same = want.iter().map(String::as_str).eq(used.iter().copied());
    let used = || used.into_iter().collect::<Vec<_>>().join(", ");
    (!is_same).then(|| format!("want exceptions [{}], got [{}]", want.join(", "), used()))
}

fn because(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

fn names(ids: &[PolicyId]) -> String {
    format!("[{}]", list(ids))
}

fn list(ids: &[PolicyId]) -> String {
    let ids: Vec<_> = ids.iter().map(PolicyId::as_str).collect();
    ids.join(", ")
}

fn describe_all<'a>(requirements: impl Iterator<Item = &'a Requirement>) -> String {
    let requirements: Vec<_> = requirements.map(describe).collect();
    format!("[{}]", requirements.join(", "))
}

/// A requirement as it stands in tests.
fn describe(requirement: &Requirement) -> String {
    let mut parameters = Vec::new();
    match requirement {
        Requirement::Approval { approvers, quorum, expires } => {
            parameters.push(format!("approvers: {approvers}, quorum: {quorum}"));
            parameters.extend(expires.map(|age| format!("expires: {}", format_duration(age))));
        }
        Requirement::Attestation { max_age } => {
            parameters.extend(max_age.map(|age| format!("max_age: {}", format_duration(age))));
        }
        Requirement::Confirmation { expires } => {
            parameters.extend(expires.map(|age| format!("expires: {}", format_duration(age))));
        }
        Requirement::StepUp { acr, max_age } => {
            parameters.extend(acr.as_ref().map(|acr| format!("acr: {acr}")));
            parameters.extend(max_age.map(|age| format!("max_age: {}", format_duration(age))));
        }
    }
    format!("{} {{{}}}", requirement.kind().as_str(), parameters.join(", "))
}

#[cfg(test)]
mod tests;
