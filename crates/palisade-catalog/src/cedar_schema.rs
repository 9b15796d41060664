//! The Cedar schema generated from a catalog, in Cedar's JSON schema format.
//!
//! It holds the whole vocabulary that policies may use, whether or not something provides the
//! facts yet; what may be read is the engine's to decide. No namespace.

mod arguments;
mod fragment;
mod vocabulary;

use std::collections::BTreeSet;

use palisade_core::{Effect, Tier};
use serde_json::{Map, Value, json};

use crate::catalog::Catalog;
use crate::tool::Tool;

pub use self::fragment::merge_fragment;
pub(crate) use self::vocabulary::is_free_entity_type;

/// The schema of a catalog: `{"": {entityTypes, actions, commonTypes}}`.
#[must_use]
pub fn cedar_schema(catalog: &Catalog) -> Value {
    json!({
        "": {
            "entityTypes": entity_types(catalog),
            "actions": actions(catalog),
            "commonTypes": vocabulary::common_types(),
        }
    })
}

fn entity_types(catalog: &Catalog) -> Map<String, Value> {
    let mut types = vocabulary::entity_types();
    let mapped: BTreeSet<&str> = catalog
        .tools()
        .filter_map(|tool| tool.resource.as_ref())
        .map(|resource| resource.entity_type.as_str())
        .collect();
    for name in mapped {
        types.insert(name.to_owned(), json!({ "memberOfTypes": ["Service"] }));
    }
    types
}

fn actions(catalog: &Catalog) -> Map<String, Value> {
    let effects = Effect::ALL.map(Effect::as_str);
    let tiers = Tier::ALL.map(tier_group);
    let groups = effects.into_iter().chain(tiers).chain(["irreversible", "egress"]);
    let mut actions: Map<String, Value> =
        groups.map(|group| (group.to_owned(), json!({}))).collect();
    for tool in catalog.tools() {
        actions.insert(tool.name.as_str().to_owned(), action(tool));
    }
    actions
}

/// The action of one tool.
fn action(tool: &Tool) -> Value {
    let resource = tool.resource.as_ref().map_or("Tool", |resource| resource.entity_type.as_str());
    let member_of: Vec<Value> =
        action_groups(tool).into_iter().map(|group| json!({ "id": group })).collect();
    json!({
        "memberOf": member_of,
        "appliesTo": {
            "principalTypes": ["Agent", "Service", "User"],
            "resourceTypes": [resource],
            "context": vocabulary::context(tool.arguments.record()),
        },
    })
}

/// The groups a tool's action is a member of.
fn action_groups(tool: &Tool) -> Vec<&'static str> {
    let mut groups = vec![tool.effect.as_str(), tier_group(tool.tier)];
    if !tool.reversible {
        groups.push("irreversible");
    }
    if tool.egress {
        groups.push("egress");
    }
    groups
}

const fn tier_group(tier: Tier) -> &'static str {
    match tier {
        Tier::ReadOnly => "tier1",
        Tier::LowImpact => "tier2",
        Tier::HighImpact => "tier3",
    }
}

#[cfg(test)]
mod tests;
