//! Strict validation of all policies.
//!
//! Cedar's validator checks every policy in every request environment, which with many policies
//! and many tools takes minutes. So a policy is first checked once for each kind of request; only
//! one in which something may be wrong goes to Cedar's validator, which then says what. The
//! problems are those that it reports of the whole set.

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use palisade_core::{Problem, Problems};

use crate::cedar_core::RequestKinds;
use crate::policy::{Policies, cedar_problem};

/// Validates all policies strictly; warnings count as errors, because Cedar only warns of a
/// policy that can never apply.
pub(crate) fn validate(schema: &Schema, policies: &Policies, problems: &mut Problems) {
    let doubtful = doubtful(schema, policies, problems);
    if doubtful.is_empty() {
        return;
    }
    problems.0.extend(findings(schema, policies, &doubtful));
}

/// The policies that Cedar may find something wrong with.
fn doubtful(schema: &Schema, policies: &Policies, problems: &mut Problems) -> PolicySet {
    // A template has environments of its own for each type its slots may have, and its links are
    // only known to the set that they are in.
    let mut doubtful = policies.templated.clone();
    let kinds = RequestKinds::of(schema);
    for policy in policies.by_id.values() {
        if policy.cedar.template_id().is_some() || kinds.finds_nothing(&policy.cedar) {
            continue;
        }
        if let Err(error) = doubtful.add(policy.cedar.clone()) {
            let problem = Problem::error("policy.rejected", error.to_string());
            problems.0.push(policy.place.mark(problem));
        }
    }
    doubtful
}

/// What Cedar's validator finds, each thing once.
fn findings(schema: &Schema, policies: &Policies, set: &PolicySet) -> Vec<Problem> {
    let result = Validator::new(schema.clone()).validate(set, ValidationMode::Strict);
    let errors =
        result.validation_errors().map(|error| (error.policy_id(), error as &dyn Diagnostic));
    let warnings = result
        .validation_warnings()
        .map(|warning| (warning.policy_id(), warning as &dyn Diagnostic));
    let mut found: Vec<Problem> =
        errors.chain(warnings).map(|(id, found)| located(policies, id.as_ref(), found)).collect();
    // Cedar checks a policy once per action and reports what is wrong each time, in any order.
    let place = |problem: &Problem| {
        let span = problem.span.as_ref().map(|span| (span.start, span.end));
        (problem.file.clone(), span)
    };
    found.sort_by(|a, b| (place(a), &a.message, &a.help).cmp(&(place(b), &b.message, &b.help)));
    found.dedup_by(|a, b| a.span.is_some() && place(a) == place(b));
    found
}

/// What Cedar says of a policy, at the place it says, or else at the policy.
fn located(policies: &Policies, id: &str, diagnostic: &dyn Diagnostic) -> Problem {
    let Some(place) = policies.place(id) else {
        return Problem::error("policy.validation", diagnostic.to_string());
    };
    let problem = cedar_problem("policy.validation", diagnostic, &place.file);
    if problem.span.is_some() { problem } else { place.mark(problem) }
}

#[cfg(test)]
mod tests;
