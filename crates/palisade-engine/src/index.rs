//! Finds the policies whose scope matches a request, without looking at the others.
//!
//! A scope never fails, and Cedar evaluates it before the conditions, so a policy whose scope does
//! not match is neither satisfied nor an error: leaving it out changes nothing.
//!
//! Each policy stands under one key that every matching request has: an entity its scope names, a
//! type, or else "everything". Of the keys it could stand under it takes the one that the fewest
//! policies have, so that a group everybody is in does not gather all policies.

use std::collections::HashMap;

use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, PrincipalConstraint, ResourceConstraint,
};

use crate::policy::CompiledPolicy;

/// Numbers for the entities and types that scopes name; others have none and match nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopeNames {
    entities: HashMap<EntityUid, usize>,
    types: HashMap<EntityTypeName, usize>,
}

/// Where an entity stands, as far as scopes can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    own: Option<usize>,
    /// The entity itself and its ancestors, sorted, without repetition.
    within: Vec<usize>,
    entity_type: Option<usize>,
}

/// One side of a scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Constraint {
    Any,
    Equals(usize),
    Within(usize),
    /// An action within any of these.
    WithinAny(Vec<usize>),
    OfType(usize),
    OfTypeWithin(usize, usize),
}

impl Constraint {
    fn matches(&self, position: &Position) -> bool {
        let within = |entity| position.within.binary_search(entity).is_ok();
        match self {
            Self::Any => true,
            Self::Equals(entity) => position.own == Some(*entity),
            Self::Within(entity) => within(entity),
            Self::WithinAny(entities) => entities.iter().any(within),
            Self::OfType(name) => position.entity_type == Some(*name),
            Self::OfTypeWithin(name, entity) => {
                position.entity_type == Some(*name) && within(entity)
            }
        }
    }
}

#[derive(Debug)]
struct Scope {
    principal: Constraint,
    action: Constraint,
    resource: Constraint,
}

/// What a policy stands under, and what a request looks under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Everything,
    Principal(usize),
    PrincipalType(usize),
    Action(usize),
    Resource(usize),
    ResourceType(usize),
}

/// The index of one set of policies.
#[derive(Debug, Default)]
pub(crate) struct PolicyIndex {
    names: ScopeNames,
    /// In the order of the policies.
    scopes: Vec<Scope>,
    /// The constraints on the action that there are, each with the numbers of its policies.
    by_action: Vec<(Constraint, Vec<usize>)>,
    /// Numbers of policies, ascending.
    by_key: HashMap<Key, Vec<usize>>,
}

impl PolicyIndex {
    /// Indexes policies; they are known by their place in this order from now on. `others` are not
    /// indexed, but positions tell what their scopes name as well. `names`: numbers to go on from.
    pub(crate) fn new<'a>(
        mut names: ScopeNames,
        policies: impl Iterator<Item = &'a CompiledPolicy>,
        others: impl Iterator<Item = &'a CompiledPolicy>,
    ) -> Self {
        let scopes: Vec<Scope> = policies.map(|policy| names.scope(policy)).collect();
        for other in others {
            names.scope(other);
        }
        let mut by_action: HashMap<&Constraint, Vec<usize>> = HashMap::new();
        for (policy, scope) in scopes.iter().enumerate() {
            by_action.entry(&scope.action).or_default().push(policy);
        }
        let by_action = by_action.into_iter();
        let by_action = by_action.map(|(action, policies)| (action.clone(), policies)).collect();
        let mut crowds: HashMap<Key, usize> = HashMap::new();
        for keys in scopes.iter().flat_map(Scope::choices) {
            for key in keys {
                *crowds.entry(key).or_default() += 1;
            }
        }
        let crowd = |keys: &Vec<Key>| -> usize {
            keys.iter().map(|key| crowds.get(key).copied().unwrap_or_default()).sum()
        };
        let mut by_key: HashMap<Key, Vec<usize>> = HashMap::new();
        for (policy, scope) in scopes.iter().enumerate() {
            let keys = scope.choices().into_iter().min_by_key(crowd);
            for key in keys.unwrap_or_else(|| vec![Key::Everything]) {
                by_key.entry(key).or_default().push(policy);
            }
        }
        Self { names, scopes, by_action, by_key }
    }

    /// The numbers by which positions are told.
    pub(crate) const fn names(&self) -> &ScopeNames {
        &self.names
    }

    /// Where an entity stands; `ancestors` without itself.
    pub(crate) fn position<'a>(
        &self,
        entity: &EntityUid,
        ancestors: impl Iterator<Item = &'a EntityUid>,
    ) -> Position {
        let own = self.names.entities.get(entity).copied();
        let ancestors = ancestors.filter_map(|ancestor| self.names.entities.get(ancestor).copied());
        let mut within: Vec<usize> = own.into_iter().chain(ancestors).collect();
        within.sort_unstable();
        within.dedup();
        let entity_type = self.names.types.get(entity.type_name()).copied();
        Position { own, within, entity_type }
    }

    /// The policies whose scope matches, ascending.
    pub(crate) fn candidates(
        &self,
        principal: &Position,
        action: &Position,
        resource: &Position,
    ) -> Vec<usize> {
        let keys = std::iter::once(Key::Everything)
            .chain(principal.within.iter().map(|entity| Key::Principal(*entity)))
            .chain(principal.entity_type.map(Key::PrincipalType))
            .chain(action.within.iter().map(|entity| Key::Action(*entity)))
            .chain(resource.within.iter().map(|entity| Key::Resource(*entity)))
            .chain(resource.entity_type.map(Key::ResourceType));
        let mut found: Vec<usize> = keys
            .filter_map(|key| self.by_key.get(&key))
            .flatten()
            .copied()
            .filter(|policy| {
                self.scopes.get(*policy).is_some_and(|scope| {
                    scope.action.matches(action)
                        && scope.principal.matches(principal)
                        && scope.resource.matches(resource)
                })
            })
            .collect();
        found.sort_unstable();
        // A policy on several actions stands under each of them.
        found.dedup();
        found
    }

    /// The policies whose scope matches this action, whoever asks for whatever; in groups, each
    /// under a number of its own.
    pub(crate) fn on_action(&self, action: &Position) -> impl Iterator<Item = (usize, &[usize])> {
        let groups = self.by_action.iter().enumerate();
        let matching = groups.filter(|(_, (constraint, _))| constraint.matches(action));
        matching.map(|(group, (_, policies))| (group, policies.as_slice()))
    }

    /// The groups that [`on_action`](Self::on_action) tells of, in the order of their numbers.
    pub(crate) fn action_groups(&self) -> impl Iterator<Item = &[usize]> {
        self.by_action.iter().map(|(_, policies)| policies.as_slice())
    }
}

impl ScopeNames {
    fn scope(&mut self, policy: &CompiledPolicy) -> Scope {
        let principal = match policy.cedar.principal_constraint() {
            PrincipalConstraint::Any => Constraint::Any,
            PrincipalConstraint::Eq(uid) => Constraint::Equals(self.entity(uid)),
            PrincipalConstraint::In(uid) => Constraint::Within(self.entity(uid)),
            PrincipalConstraint::Is(name) => Constraint::OfType(self.entity_type(name)),
            PrincipalConstraint::IsIn(name, uid) => {
                Constraint::OfTypeWithin(self.entity_type(name), self.entity(uid))
            }
        };
        let action = match policy.cedar.action_constraint() {
            ActionConstraint::Any => Constraint::Any,
            ActionConstraint::Eq(uid) => Constraint::Equals(self.entity(uid)),
            ActionConstraint::In(uids) => {
                Constraint::WithinAny(uids.into_iter().map(|uid| self.entity(uid)).collect())
            }
        };
        let resource = match policy.cedar.resource_constraint() {
            ResourceConstraint::Any => Constraint::Any,
            ResourceConstraint::Eq(uid) => Constraint::Equals(self.entity(uid)),
            ResourceConstraint::In(uid) => Constraint::Within(self.entity(uid)),
            ResourceConstraint::Is(name) => Constraint::OfType(self.entity_type(name)),
            ResourceConstraint::IsIn(name, uid) => {
                Constraint::OfTypeWithin(self.entity_type(name), self.entity(uid))
            }
        };
        Scope { principal, action, resource }
    }

    fn entity(&mut self, uid: EntityUid) -> usize {
        let next = self.entities.len();
        *self.entities.entry(uid).or_insert(next)
    }

    fn entity_type(&mut self, name: EntityTypeName) -> usize {
        let next = self.types.len();
        *self.types.entry(name).or_insert(next)
    }
}

impl Scope {
    /// The keys this scope could stand under: under all of one of these lists.
    fn choices(&self) -> Vec<Vec<Key>> {
        let keys =
            |constraint: &Constraint, entity: fn(usize) -> Key, of_type: fn(usize) -> Key| {
                match constraint {
                    Constraint::Any => None,
                    Constraint::Equals(uid) | Constraint::Within(uid) => Some(vec![entity(*uid)]),
                    Constraint::OfTypeWithin(_, uid) => Some(vec![entity(*uid)]),
                    Constraint::WithinAny(uids) => Some(uids.iter().copied().map(entity).collect()),
                    Constraint::OfType(name) => Some(vec![of_type(*name)]),
                }
            };
        [
            keys(&self.principal, Key::Principal, Key::PrincipalType),
            // Actions have no type constraint.
            keys(&self.action, Key::Action, Key::Action),
            keys(&self.resource, Key::Resource, Key::ResourceType),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests;
