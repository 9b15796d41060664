//! What policies say apart from how they are written, to find which ones differ between bundles.

use std::collections::BTreeMap;

use palisade_core::PolicyId;

use crate::snapshot::PolicySnapshot;

impl PolicySnapshot {
    /// Every policy, template links included, in a form that only its meaning and its annotations
    /// change, not its layout, comments or place. To be compared, not to be shown.
    #[must_use]
    pub fn policy_forms(&self) -> BTreeMap<PolicyId, String> {
        let form = |policy: &crate::policy::CompiledPolicy| {
            let json = policy.cedar.to_json().map(|json| json.to_string());
            // The text says more than is needed, never less.
            json.unwrap_or_else(|_| policy.cedar.to_string())
        };
        let policies = self.policies.by_id.iter();
        policies.map(|(id, policy)| (id.clone(), form(policy))).collect()
    }
}
