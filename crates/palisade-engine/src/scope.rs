//! Whether a policy's scope matches a request, as far as the request is known.

use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, PrincipalConstraint, ResourceConstraint,
};

use crate::policy::CompiledPolicy;
use crate::possible::Possible;

/// What stands where a policy's scope says `resource`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    /// This entity.
    Known(&'a EntityUid),
    /// Some entity of this type within this one.
    Some { entity_type: &'a EntityTypeName, within: &'a EntityUid },
}

/// Whether the policy's scope matches a principal.
pub(crate) fn matches_principal(
    policy: &CompiledPolicy,
    principal: &EntityUid,
    entities: &Entities,
) -> bool {
    match policy.cedar.principal_constraint() {
        PrincipalConstraint::Any => true,
        PrincipalConstraint::Eq(uid) => *principal == uid,
        PrincipalConstraint::In(uid) => is_in(entities, principal, &uid),
        PrincipalConstraint::Is(name) => *principal.type_name() == name,
        PrincipalConstraint::IsIn(name, uid) => {
            *principal.type_name() == name && is_in(entities, principal, &uid)
        }
    }
}

/// Whether one entity is in another.
fn is_in(entities: &Entities, entity: &EntityUid, group: &EntityUid) -> bool {
    // Cedar's `in` is reflexive, and its `is_ancestor_of` takes entities it does not know.
    entity == group || entities.is_ancestor_of(group, entity)
}

/// Whether the policy's scope matches.
pub(crate) fn matches(
    policy: &CompiledPolicy,
    principal: &EntityUid,
    action: &EntityUid,
    target: Target<'_>,
    entities: &Entities,
) -> Possible {
    if !matches_principal(policy, principal, entities) {
        return Possible::known(false);
    }
    matches_call(policy, action, target, entities)
}

/// Whether the policy's scope matches an action and a resource, whoever asks.
pub(crate) fn matches_call(
    policy: &CompiledPolicy,
    action: &EntityUid,
    target: Target<'_>,
    entities: &Entities,
) -> Possible {
    let known = |holds: bool| Possible::known(holds);
    let is_in = |entity: &EntityUid, group: &EntityUid| is_in(entities, entity, group);
    let action = match policy.cedar.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => *action == uid,
        ActionConstraint::In(groups) => groups.iter().any(|group| is_in(action, group)),
    };
    let resource = match (policy.cedar.resource_constraint(), target) {
        (ResourceConstraint::Any, _) => Possible::HOLDS,
        (ResourceConstraint::Eq(uid), Target::Known(target)) => known(*target == uid),
        (ResourceConstraint::In(uid), Target::Known(target)) => known(is_in(target, &uid)),
        (ResourceConstraint::Is(name), Target::Known(target)) => known(*target.type_name() == name),
        (ResourceConstraint::IsIn(name, uid), Target::Known(target)) => {
            known(*target.type_name() == name && is_in(target, &uid))
        }
        (ResourceConstraint::Eq(uid), Target::Some { entity_type, .. }) => {
            if uid.type_name() == entity_type { Possible::OPEN } else { known(false) }
        }
        (ResourceConstraint::Is(name), Target::Some { entity_type, .. }) => {
            known(*entity_type == name)
        }
        (ResourceConstraint::In(uid), Target::Some { within, .. }) => {
            if is_in(within, &uid) {
                Possible::HOLDS
            } else {
                Possible::OPEN
            }
        }
        (ResourceConstraint::IsIn(name, uid), Target::Some { entity_type, within }) => {
            if *entity_type != name {
                known(false)
            } else if is_in(within, &uid) {
                Possible::HOLDS
            } else {
                Possible::OPEN
            }
        }
    };
    known(action).and_then(|| resource)
}
