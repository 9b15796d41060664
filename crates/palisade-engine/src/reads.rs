//! What the policies on a tool can read, and which policies do.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{PrincipalConstraint, ResourceConstraint};
use palisade_core::PolicyId;

use crate::ReadBy;
use crate::policy::CompiledPolicy;
use crate::snapshot::PolicySnapshot;

/// Something that policies can read of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRead {
    /// As a policy writes it, e.g. `context.args.amount`. `context` alone: a policy uses it as a
    /// whole, so everything in it counts as read.
    pub path: String,
    /// What they look at.
    pub by: ReadBy,
    /// The policies that do, sorted.
    pub policies: Vec<PolicyId>,
}

impl PolicySnapshot {
    /// Everything that the policies whose scope matches a tool's action can read, in scope and
    /// conditions, sorted by path; the action itself left out. Conservative: what cannot be
    /// followed counts as read. `None`: there is no such tool.
    #[must_use]
    pub fn reads(&self, tool: &str) -> Option<Vec<PolicyRead>> {
        let tool = self.tool(tool)?;
        let action = self.entities.position(&self.policies.index, &tool.action);
        let on_action = self.policies.index.on_action(&action).flat_map(|(_, policies)| policies);
        let mut found: BTreeMap<(String, ReadBy), BTreeSet<PolicyId>> = BTreeMap::new();
        for policy in on_action.filter_map(|number| self.policies.counted.get(*number)) {
            let conditions = policy.reads.iter().map(|read| (read.to_string(), read.by));
            let scope = scope_reads(policy).into_iter().map(|(root, by)| (root.to_owned(), by));
            for read in conditions.chain(scope) {
                found.entry(read).or_default().insert(policy.id.clone());
            }
        }
        let read = |((path, by), policies): (_, BTreeSet<_>)| PolicyRead {
            path,
            by,
            policies: policies.into_iter().collect(),
        };
        Some(found.into_iter().map(read).collect())
    }
}

/// What a scope looks at, other than the action.
fn scope_reads(policy: &CompiledPolicy) -> Vec<(&'static str, ReadBy)> {
    let principal = match policy.cedar.principal_constraint() {
        PrincipalConstraint::Any => None,
        PrincipalConstraint::Eq(_) | PrincipalConstraint::Is(_) => Some(ReadBy::Value),
        PrincipalConstraint::In(_) | PrincipalConstraint::IsIn(..) => Some(ReadBy::Ancestors),
    };
    let resource = match policy.cedar.resource_constraint() {
        ResourceConstraint::Any => None,
        ResourceConstraint::Eq(_) | ResourceConstraint::Is(_) => Some(ReadBy::Value),
        ResourceConstraint::In(_) | ResourceConstraint::IsIn(..) => Some(ReadBy::Ancestors),
    };
    let principal = principal.map(|by| ("principal", by));
    principal.into_iter().chain(resource.map(|by| ("resource", by))).collect()
}
