//! Permits that stand wide open.

use cedar_policy::{ActionConstraint, PrincipalConstraint, ResourceConstraint};
use palisade_core::PolicyId;

use crate::PolicyEffect;
use crate::cedar_core::Condition;
use crate::policy::CompiledPolicy;
use crate::snapshot::PolicySnapshot;

impl PolicySnapshot {
    /// Permits that let anybody do anything: neither principal nor action nor resource is
    /// restricted, and there is no condition. Sorted by id.
    #[must_use]
    pub fn unconstrained_permits(&self) -> Vec<PolicyId> {
        let open = |policy: &&CompiledPolicy| {
            policy.effect == PolicyEffect::Permit
                && matches!(policy.cedar.principal_constraint(), PrincipalConstraint::Any)
                && matches!(policy.cedar.action_constraint(), ActionConstraint::Any)
                && matches!(policy.cedar.resource_constraint(), ResourceConstraint::Any)
                && Condition::of_policy(&policy.cedar).is_none()
        };
        let counted = self.policies.counted.iter().map(AsRef::as_ref);
        counted.filter(open).map(|policy: &CompiledPolicy| policy.id.clone()).collect()
    }
}
