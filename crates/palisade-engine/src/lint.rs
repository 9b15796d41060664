//! What is legal in a bundle, and most likely a mistake.

pub(crate) mod names;

use std::collections::BTreeMap;

use cedar_policy::{ActionConstraint, EntityUid, ResourceConstraint, Schema};
use palisade_catalog::{Catalog, Tool};
use palisade_core::{Problem, Problems, Requirement, RequirementKind, Tier};

use crate::PolicyEffect;
use crate::cedar_core::ContextPart;
use crate::names as vocabulary;
use crate::names::entity;
use crate::policy::{CompiledPolicy, Policies};

/// Looks for what an author will most likely regret.
pub(crate) fn check(
    catalog: &Catalog,
    policies: &Policies,
    schema: &Schema,
    problems: &mut Problems,
) {
    for policy in policies.by_id.values() {
        check_requirement(policy, problems);
        check_cure_without_requirement(policy, problems);
        check_permit_never_asks(policy, problems);
        check_reason(policy, problems);
    }
    let groups = action_groups(catalog, schema);
    check_high_impact(catalog, policies, &groups, problems);
    check_escapes(catalog, policies, &groups, problems);
}

/// The `context` attribute that tells a policy that a requirement is met.
const fn cure_fact(kind: RequirementKind) -> ContextPart {
    match kind {
        RequirementKind::Approval => ContextPart::Approval,
        RequirementKind::Attestation => ContextPart::Attestation,
        RequirementKind::Confirmation => ContextPart::Confirmation,
        RequirementKind::StepUp => ContextPart::StepUp,
    }
}

/// A forbid that does not look at its cure can never be lifted.
fn check_requirement(policy: &CompiledPolicy, problems: &mut Problems) {
    let Some(kind) = policy.requirement.as_ref().map(Requirement::kind) else { return };
    let part = cure_fact(kind);
    if policy.reads.reads(part) {
        return;
    }
    let fact = part.name();
    let message = format!(
        "the forbid requires {} but does not read `context.{fact}`, so nothing can lift it",
        kind.as_str()
    );
    let help = match kind {
        RequirementKind::Approval | RequirementKind::Confirmation | RequirementKind::StepUp => {
            format!("add `unless {{ context.{fact}.granted }}`")
        }
        // No switch: what satisfies is the author's to say.
        RequirementKind::Attestation => {
            format!("add `unless {{ context has {fact} && context.{fact}.tier == \"affirming\" }}`")
        }
    };
    let problem = Problem::error("policy.requirement_never_lifts", message).with_help(help);
    problems.0.push(policy.place.mark(problem));
}

fn check_cure_without_requirement(policy: &CompiledPolicy, problems: &mut Problems) {
    for kind in [RequirementKind::Approval, RequirementKind::Confirmation, RequirementKind::StepUp]
    {
        let part = cure_fact(kind);
        let asked = policy.requirement.as_ref().map(Requirement::kind) == Some(kind);
        if asked || !policy.reads.names(part) {
            continue;
        }
        let fact = part.name();
        let message = format!("the policy reads `context.{fact}` but does not require it");
        let help = match policy.effect {
            PolicyEffect::Forbid => format!(
                "add `@require(\"{}\")`, or the forbid is never offered as a challenge",
                kind.as_str()
            ),
            PolicyEffect::Permit => {
                "a permit is first evaluated with nothing granted; put the condition on a forbid \
                 with `@require`"
                    .to_owned()
            }
        };
        let problem = Problem::advice("policy.cure_without_requirement", message).with_help(help);
        problems.0.push(policy.place.mark(problem));
    }
}

/// A permit that is not satisfied denies; only a forbid with `@require` makes a challenge.
fn check_permit_never_asks(policy: &CompiledPolicy, problems: &mut Problems) {
    if policy.effect != PolicyEffect::Permit {
        return;
    }
    for (part, asks) in [
        (ContextPart::Attestation, RequirementKind::Attestation),
        (ContextPart::Auth, RequirementKind::StepUp),
    ] {
        if !policy.reads.names(part) {
            continue;
        }
        let message = format!(
            "the permit reads `context.{}`, so a call without it is denied and never asked for it",
            part.name()
        );
        let problem = Problem::advice("policy.permit_never_asks", message).with_help(format!(
            "put the condition on a forbid with `@require(\"{}\")`, which asks",
            asks.as_str()
        ));
        problems.0.push(policy.place.mark(problem));
    }
}

fn check_reason(policy: &CompiledPolicy, problems: &mut Problems) {
    if policy.effect == PolicyEffect::Forbid && policy.reason.is_none() {
        let message = format!("the forbid `{}` does not say why", policy.id);
        let problem = Problem::advice("policy.no_reason", message)
            .with_help("add `@reason(\"…\")`: the agent and its user are shown this sentence");
        problems.0.push(policy.place.mark(problem));
    }
}

/// The groups each tool's action is in, itself included.
fn action_groups<'a>(catalog: &'a Catalog, schema: &Schema) -> BTreeMap<&'a str, Vec<EntityUid>> {
    let actions = schema.action_entities().ok();
    let groups = |tool: &'a Tool| {
        let action = entity(&vocabulary::ACTION, tool.name.as_str());
        let ancestors = actions.as_ref().and_then(|actions| {
            actions.ancestors(&action).map(|found| found.cloned().collect::<Vec<_>>())
        });
        let mut groups = ancestors.unwrap_or_default();
        groups.push(action);
        (tool.name.as_str(), groups)
    };
    catalog.tools().map(groups).collect()
}

fn applies_to(policy: &CompiledPolicy, groups: &[EntityUid]) -> bool {
    match policy.cedar.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(action) => groups.contains(&action),
        ActionConstraint::In(wanted) => wanted.iter().any(|group| groups.contains(group)),
    }
}

/// A tier 3 tool needs a step-up, an approval or both; at least one forbid has to ask.
fn check_high_impact(
    catalog: &Catalog,
    policies: &Policies,
    groups: &BTreeMap<&str, Vec<EntityUid>>,
    problems: &mut Problems,
) {
    for tool in catalog.tools().filter(|tool| tool.tier == Tier::HighImpact) {
        let name = tool.name.as_str();
        let own = groups.get(name).map_or(&[][..], Vec::as_slice);
        let guarded = policies
            .counted
            .iter()
            .any(|policy| policy.requirement.is_some() && applies_to(policy, own));
        if !guarded {
            let message =
                format!("no forbid asks for anything before tier 3 tool `{name}` is called");
            problems.0.push(Problem::advice("catalog.unguarded_tool", message).with_help(
                "add a forbid with `@require` (approval, confirmation or step_up) for \
                 `action in Action::\"tier3\"`",
            ));
        }
    }
}

/// A forbid written on `Tool` does not hold for a tool whose resource is mapped.
fn check_escapes(
    catalog: &Catalog,
    policies: &Policies,
    groups: &BTreeMap<&str, Vec<EntityUid>>,
    problems: &mut Problems,
) {
    for policy in policies.counted.iter().filter(|policy| policy.effect == PolicyEffect::Forbid) {
        let on_tool = match policy.cedar.resource_constraint() {
            ResourceConstraint::Any => false,
            ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) => {
                *uid.type_name() == *vocabulary::TOOL
            }
            ResourceConstraint::Is(name) | ResourceConstraint::IsIn(name, _) => {
                name == *vocabulary::TOOL
            }
        };
        if !on_tool {
            continue;
        }
        let escaping: Vec<&str> = catalog
            .tools()
            .filter(|tool| tool.resource.is_some())
            .map(|tool| tool.name.as_str())
            .filter(|name| groups.get(name).is_some_and(|own| applies_to(policy, own)))
            .collect();
        if escaping.is_empty() {
            continue;
        }
        let message = format!(
            "the forbid is written on `Tool`, so it does not hold for {}, whose resource is mapped",
            escaping.join(", ")
        );
        let problem = Problem::advice("policy.resource_escapes", message)
            .with_help("write it on `context.tool`, on the action, or on the `Service`");
        problems.0.push(policy.place.mark(problem));
    }
}
