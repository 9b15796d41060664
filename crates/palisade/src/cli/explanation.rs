//! Shows an explanation as a tree: link, policy, clause, values.

use palisade_proto::v1;
use serde_json::{Value, json};

use super::answer;
use super::failure::Failure;
use crate::output::Output;
use crate::wording;

/// Shows the links to people.
pub(super) fn show(links: &[v1::LinkExplanation], output: &mut Output) -> Result<(), Failure> {
    for link in links {
        let v1::LinkExplanation { principal, action, resource, policies, out_of_scope } = link;
        output.line(format_args!("\n{principal} → {action} on {resource}"))?;
        for policy in policies {
            show_policy(policy, output)?;
        }
        let more = match (policies.len(), out_of_scope) {
            (0, count) => format!("  no policy applies: all {count} are about something else"),
            (_, count) => format!("  {count} more policies are about something else"),
        };
        output.line(more)?;
    }
    Ok(())
}

/// Shows what would change the answer.
pub(super) fn show_remedies(remedies: &[v1::Remedy], output: &mut Output) -> Result<(), Failure> {
    if remedies.is_empty() {
        return Ok(());
    }
    output.line("\nwhat would change it:")?;
    for remedy in remedies {
        let v1::Remedy { sentence, sufficient, .. } = remedy;
        let then = match (remedy.kind(), wording::outcome(remedy.then())) {
            (v1::RemedyKind::Blocked, _) => String::new(),
            (_, then) if *sufficient => format!(" → {then}"),
            (_, then) => format!(" → {then}, together with the others that are needed"),
        };
        output.line(format_args!("  - {sentence}{then}"))?;
    }
    Ok(())
}

fn show_policy(policy: &v1::PolicyExplanation, output: &mut Output) -> Result<(), Failure> {
    let effect = effect(policy.effect());
    let mark = mark(policy.result());
    let result = result(policy.result());
    let v1::PolicyExplanation { policy: id, location, .. } = policy;
    output.line(format_args!("  {mark} {effect} {id} — {result}  ({location})"))?;
    if let Some(requirement) = &policy.requirement {
        let needs = wording::requirement(requirement);
        output.line(format_args!("      lifted by {needs}"))?;
    }
    if let Some(v1::ExceptionUse { id, ticket, .. }) = &policy.lifted_by {
        output.line(format_args!("      lifted by the exception {id} ({ticket})"))?;
    }
    if !policy.error.is_empty() {
        output.line(format_args!("      error: {}", policy.error))?;
    }
    for clause in &policy.clauses {
        show_clause(clause, 3, output)?;
    }
    Ok(())
}

/// Recursion is bounded by the server: parts are nested at most 32 deep, and by the decoder.
fn show_clause(
    clause: &v1::ClauseExplanation,
    depth: usize,
    output: &mut Output,
) -> Result<(), Failure> {
    let indent = "  ".repeat(depth);
    let mark = mark(clause.result());
    let text = clause.text.split_whitespace().collect::<Vec<_>>().join(" ");
    output.line(format_args!("{indent}{mark} {text}"))?;
    // Values belong to the innermost clause that reads them; above, they would be said twice.
    if clause.parts.is_empty() {
        for v1::ObservedValue { expression, value } in &clause.values {
            output.line(format_args!("{indent}    {expression} = {value}"))?;
        }
    }
    if !clause.error.is_empty() {
        output.line(format_args!("{indent}    error: {}", clause.error))?;
    }
    for part in &clause.parts {
        show_clause(part, depth + 1, output)?;
    }
    Ok(())
}

/// An explanation as JSON; names are those of the wire contract.
pub(super) fn as_json(explained: &v1::ExplainResponse) -> Value {
    let link = |link: &v1::LinkExplanation| {
        json!({
            "principal": link.principal,
            "action": link.action,
            "resource": link.resource,
            "policies": link.policies.iter().map(policy).collect::<Vec<_>>(),
            "out_of_scope": link.out_of_scope,
        })
    };
    let response = explained.response.clone().unwrap_or_default();
    json!({
        "response": answer::as_json(&response),
        "links": explained.links.iter().map(link).collect::<Vec<_>>(),
        "remedies": explained.remedies.iter().map(remedy).collect::<Vec<_>>(),
        "evaluation_time": explained.evaluation_time.as_ref().map(ToString::to_string),
    })
}

fn remedy(remedy: &v1::Remedy) -> Value {
    let policy = Some(&remedy.policy).filter(|policy| !policy.is_empty());
    json!({
        "link": remedy.link,
        "policy": policy,
        "kind": match remedy.kind() {
            v1::RemedyKind::Blocked => "blocked",
            v1::RemedyKind::Condition => "condition",
            v1::RemedyKind::Principal => "principal",
            v1::RemedyKind::Requirement => "requirement",
            v1::RemedyKind::Unspecified => "unknown",
        },
        "sentence": remedy.sentence,
        "then": wording::outcome(remedy.then()),
        "sufficient": remedy.sufficient,
    })
}

fn policy(policy: &v1::PolicyExplanation) -> Value {
    json!({
        "policy": policy.policy,
        "effect": effect(policy.effect()),
        "result": result(policy.result()),
        "location": policy.location,
        "error": policy.error,
        "requirement": policy.requirement.as_ref().map(answer::requirement),
        "lifted_by": policy.lifted_by.as_ref().map(|used| {
            json!({ "id": used.id, "policy": used.policy, "ticket": used.ticket })
        }),
        "clauses": policy.clauses.iter().map(clause).collect::<Vec<_>>(),
    })
}

fn clause(of: &v1::ClauseExplanation) -> Value {
    let value = |observed: &v1::ObservedValue| json!({ "expression": observed.expression, "value": observed.value });
    json!({
        "text": of.text,
        "result": result(of.result()),
        "join": join(of.join()),
        "values": of.values.iter().map(value).collect::<Vec<_>>(),
        "error": of.error,
        "parts": of.parts.iter().map(clause).collect::<Vec<_>>(),
    })
}

const fn effect(effect: v1::PolicyEffect) -> &'static str {
    match effect {
        v1::PolicyEffect::Permit => "permit",
        v1::PolicyEffect::Forbid => "forbid",
        v1::PolicyEffect::Unspecified => "unknown",
    }
}

const fn result(result: v1::PolicyResult) -> &'static str {
    match result {
        v1::PolicyResult::Satisfied => "satisfied",
        v1::PolicyResult::NotSatisfied => "not satisfied",
        v1::PolicyResult::Error => "error",
        v1::PolicyResult::NotEvaluated => "not evaluated",
        v1::PolicyResult::Unspecified => "unknown",
    }
}

const fn mark(result: v1::PolicyResult) -> char {
    match result {
        v1::PolicyResult::Satisfied => '✓',
        v1::PolicyResult::NotSatisfied => '✗',
        v1::PolicyResult::Error => '!',
        v1::PolicyResult::NotEvaluated => '·',
        v1::PolicyResult::Unspecified => '?',
    }
}

const fn join(join: v1::ClauseJoin) -> Option<&'static str> {
    match join {
        v1::ClauseJoin::All => Some("all"),
        v1::ClauseJoin::Any => Some("any"),
        v1::ClauseJoin::Not => Some("not"),
        v1::ClauseJoin::If => Some("if"),
        v1::ClauseJoin::Leaf | v1::ClauseJoin::Unspecified => None,
    }
}
