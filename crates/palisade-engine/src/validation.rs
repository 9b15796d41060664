//! Strict validation of all policies.
//!
//! Cedar's validator checks every policy in every request environment, which with many policies
//! and many tools takes minutes. So a policy is first checked once for each kind of request; only
//! one in which something may be wrong goes to Cedar's validator, which then says what. The
//! problems are those that it reports of the whole set.

use std::sync::Arc;

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use palisade_core::{Problem, Problems};

use crate::cedar_core::{RequestKinds, policy_text};
use crate::policy::{CompiledPolicy, Policies, cedar_problem};

/// Validates all policies strictly; warnings count as errors, because Cedar only warns of a
/// policy that can never apply. `validated`: policies that were validated by the same schema.
pub(crate) fn validate(
    schema: &Schema,
    policies: &Policies,
    validated: Option<&Policies>,
    problems: &mut Problems,
) {
    let doubtful = doubtful(schema, policies, validated, problems);
    if doubtful.is_empty() {
        return;
    }
    problems.0.extend(findings(schema, policies, &doubtful));
}

/// The policies that Cedar may find something wrong with.
///
/// Not those that are known to be right. Cedar takes the policies of a set one by one: it
/// type-checks each in every request environment of the schema, looks for names that the schema
/// lacks, and for characters that look alike. What it finds in one depends on the schema and on
/// that policy's text, and the previous snapshot exists only because it found nothing. That a
/// policy has the same text and is no link is enough, then. Templates and links are always checked.
fn doubtful(
    schema: &Schema,
    policies: &Policies,
    validated: Option<&Policies>,
    problems: &mut Problems,
) -> PolicySet {
    // A template has environments of its own for each type its slots may have, and its links are
    // only known to the set that they are in.
    let mut doubtful = PolicySet::clone(&policies.templated);
    let is_new = |policy: &&Arc<CompiledPolicy>| {
        let before = validated.and_then(|validated| validated.by_id.get(&policy.id));
        before.is_none_or(|before| !is_same(policy, before))
    };
    let fixed = policies.by_id.values().filter(|policy| policy.cedar.template_id().is_none());
    let new: Vec<_> = fixed.filter(is_new).collect();
    if new.is_empty() {
        return doubtful;
    }
    let kinds = RequestKinds::of(schema);
    for policy in new {
        if kinds.finds_nothing(&policy.cedar) {
            continue;
        }
        if let Err(error) = doubtful.add(policy.cedar.clone()) {
            let problem = Problem::error("policy.rejected", error.to_string());
            problems.0.push(policy.place.mark(problem));
        }
    }
    doubtful
}

/// Whether two policies of one id read the same.
fn is_same(one: &Arc<CompiledPolicy>, other: &Arc<CompiledPolicy>) -> bool {
    let one_text = policy_text(&one.cedar);
    let is_static = other.cedar.template_id().is_none();
    Arc::ptr_eq(one, other)
        || (is_static && one_text.is_some() && one_text == policy_text(&other.cedar))
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
    let mut problem = cedar_problem("policy.validation", diagnostic, &place.file);
    if problem.help.is_none() && problem.message.contains("expected Long but saw decimal") {
        problem = problem.with_help(
            "an argument of type `number` is a decimal: write \
             `context.args.amount.greaterThan(decimal(\"100.0\"))`, or make it an `integer`",
        );
    }
    if problem.span.is_some() { problem } else { place.mark(problem) }
}

#[cfg(test)]
mod tests;
