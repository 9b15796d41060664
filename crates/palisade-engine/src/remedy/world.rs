//! A call as it would be decided if something about it were different.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{Entities, Entity, EntityUid, PrincipalConstraint};
use palisade_core::{ActorKind, ErrorChain, Facts, Verdict};

use crate::cedar_core::{Condition, Scene};
use crate::entities::add_parents;
use crate::names::{self, actor_type, entity};
use crate::policy::CompiledPolicy;
use crate::possible::Possible;
use crate::resolve::ResolvedCall;
use crate::scope::{self, Target};
use crate::snapshot::PolicySnapshot;
use crate::verdict::{self, Granted, LinkAnswer};
use crate::{ClauseExplanation, PolicyEffect};

/// A call and what is supposed about it.
#[derive(Clone)]
pub(super) struct World<'a> {
    pub(super) snapshot: &'a PolicySnapshot,
    pub(super) call: &'a ResolvedCall,
    pub(super) facts: Facts,
    entities: Arc<Entities>,
    /// The policies about this action and resource, whoever asks; sorted by id.
    relevant: Vec<&'a CompiledPolicy>,
    /// What policies are supposed to say, by link.
    supposed: Vec<(usize, &'a CompiledPolicy, bool)>,
}

impl<'a> World<'a> {
    /// The call as it is.
    pub(super) fn new(
        snapshot: &'a PolicySnapshot,
        call: &'a ResolvedCall,
        facts: &Facts,
    ) -> Result<Self, String> {
        let (scope, store) = (&call.scope, &snapshot.entities);
        let tool = &scope.tool.tool;
        let of_call = snapshot.entities_of(scope)?;
        let target = Target::Known(&scope.resource);
        let about = |policy: &&CompiledPolicy| {
            scope::matches_call(policy, &scope.tool.action, target, of_call).holds
        };
        let counted = snapshot.policies.counted.iter().map(AsRef::as_ref);
        let relevant: Vec<&CompiledPolicy> = counted.filter(about).collect();
        // What these policies can reach from here, and no more: it is copied for every attempt.
        let own = if tool.resource.is_some() {
            store.mapped_resource(tool.name.service(), &scope.resource)
        } else {
            let stored = store.all().get(&scope.resource).cloned();
            stored.unwrap_or_else(|| Entity::new_no_attrs(scope.resource.clone(), [].into()))
        };
        let segment = entity(&names::SEGMENT, &tool.segment);
        let service = entity(&names::SERVICE, tool.name.service());
        let principals = scope.links.iter().map(|link| &link.principal);
        let from_claims = scope.links.iter().flat_map(|link| &link.groups);
        let roots = principals.chain(from_claims).chain([
            &scope.tool.action,
            &scope.resource,
            &segment,
            &service,
        ]);
        let named = relevant.iter().flat_map(|policy| &policy.names);
        // A template link names its groups in its slots.
        let groups: Vec<EntityUid> = relevant.iter().filter_map(|policy| group(policy)).collect();
        let roots = roots.chain(named).chain(&groups);
        let own: Vec<Entity> = scope.own.iter().cloned().chain([own]).collect();
        let entities = Arc::new(store.slice(roots, &own)?);
        Ok(Self { snapshot, call, facts: facts.clone(), entities, relevant, supposed: Vec::new() })
    }

    /// The same, supposing that the policy holds for a link, or does not.
    pub(super) fn supposing(&self, link: usize, policy: &'a CompiledPolicy, holds: bool) -> Self {
        let mut world = self.clone();
        world.supposed.push((link, policy, holds));
        world
    }

    /// The same with the link's principal in these groups as well.
    pub(super) fn joining(&self, link: usize, groups: &[EntityUid]) -> Result<Self, String> {
        let Some(principal) = self.principal(link).filter(|_| !groups.is_empty()) else {
            return Ok(self.clone());
        };
        let stored = self.entities.get(principal).cloned();
        let member = stored.unwrap_or_else(|| Entity::new_no_attrs(principal.clone(), [].into()));
        let member = joined(&member, groups)?;
        let entities = self.entities.as_ref().clone().upsert_entities([member], None);
        let entities = entities.map_err(|error| ErrorChain(&error).to_string())?;
        Ok(Self { entities: Arc::new(entities), ..self.clone() })
    }

    pub(super) fn principal(&self, link: usize) -> Option<&'a EntityUid> {
        self.call.scope.links.get(link).map(|link| &link.principal)
    }

    /// Whether the group is meant for such principals as the link's: nobody is in it yet, or one of
    /// that type is. A user would not be put among agents.
    pub(super) fn is_meant_for(&self, link: usize, group: &EntityUid) -> bool {
        let Some(principal) = self.principal(link) else { return false };
        let all = self.snapshot.entities.all();
        let mut members = all.iter().map(Entity::uid).filter(|uid| {
            ActorKind::ALL.iter().any(|kind| actor_type(*kind) == uid.type_name())
                && all.is_ancestor_of(group, uid)
        });
        let Some(first) = members.next() else { return true };
        std::iter::once(first).chain(members).any(|uid| uid.type_name() == principal.type_name())
    }

    /// The permits about this action and resource.
    pub(super) fn permits(&self) -> impl Iterator<Item = &'a CompiledPolicy> {
        self.relevant.iter().copied().filter(|policy| policy.effect == PolicyEffect::Permit)
    }

    /// Whether the policy's scope matches the link's principal.
    pub(super) fn is_about(&self, link: usize, policy: &CompiledPolicy) -> bool {
        let matches = |uid| scope::matches_principal(policy, uid, &self.entities);
        self.principal(link).is_some_and(matches)
    }

    /// The conditions of a policy with every part evaluated for a link; `None` if it has none.
    pub(super) fn conditions(
        &self,
        link: usize,
        policy: &CompiledPolicy,
        granted: Granted,
    ) -> Result<Option<ClauseExplanation>, String> {
        let (Some(principal), Some(condition)) =
            (self.principal(link), Condition::of_policy(&policy.cedar))
        else {
            return Ok(None);
        };
        let context = self.call.context(&self.facts, granted)?;
        let request = self.call.request(principal, &context)?;
        Ok(Some(condition.every_part(Some(&self.scene(&request)))))
    }

    /// What the policies would say.
    pub(super) fn answers(&self, granted: Granted) -> Vec<LinkAnswer<'a>> {
        let principals = self.call.scope.links.iter().map(|link| &link.principal);
        let answer = |(link, principal)| {
            let broken = |error| LinkAnswer { broken: Some(error), ..LinkAnswer::of(principal) };
            self.answer(link, principal, granted).unwrap_or_else(broken)
        };
        principals.enumerate().map(answer).collect()
    }

    /// What would be decided.
    pub(super) fn decide(&self) -> Verdict {
        let action = self.call.scope.tool.tool.name.as_str();
        verdict::decide(|granted| self.answers(granted), &self.facts, action)
    }

    fn answer(
        &self,
        link: usize,
        principal: &'a EntityUid,
        granted: Granted,
    ) -> Result<LinkAnswer<'a>, String> {
        let mut answer = LinkAnswer::of(principal);
        let context = self.call.context(&self.facts, granted)?;
        let request = self.call.request(principal, &context)?;
        let scene = self.scene(&request);
        let mut supposed = BTreeSet::new();
        for (_, policy, holds) in self.supposed.iter().filter(|(of, ..)| *of == link) {
            supposed.insert(&policy.id);
            match policy.effect {
                PolicyEffect::Permit if *holds => answer.permits.push(policy),
                PolicyEffect::Forbid if *holds => answer.forbids.push(policy),
                PolicyEffect::Permit | PolicyEffect::Forbid => {}
            }
        }
        for policy in self.relevant.iter().copied() {
            if supposed.contains(&policy.id) || !self.is_about(link, policy) {
                continue;
            }
            let condition = Condition::of_policy(&policy.cedar);
            let result = condition.map_or(Possible::HOLDS, |condition| condition.possible(&scene));
            match policy.effect {
                _ if result.fails => answer.failures.push((policy, "it fails".to_owned())),
                PolicyEffect::Permit if result.holds => answer.permits.push(policy),
                PolicyEffect::Forbid if result.holds => answer.forbids.push(policy),
                PolicyEffect::Permit | PolicyEffect::Forbid => {}
            }
        }
        Ok(answer)
    }

    fn scene<'s>(&'s self, request: &'s cedar_policy::Request) -> Scene<'s> {
        Scene { request, entities: &self.entities, unknown_context: &[], unknown_resource: false }
    }
}

/// The group that a policy's scope asks the principal to be in.
fn group(policy: &CompiledPolicy) -> Option<EntityUid> {
    match policy.cedar.principal_constraint() {
        PrincipalConstraint::In(group) | PrincipalConstraint::IsIn(_, group) => Some(group),
        PrincipalConstraint::Any | PrincipalConstraint::Eq(_) | PrincipalConstraint::Is(_) => None,
    }
}

/// The entity with more parents; through JSON, because only that keeps its tags.
fn joined(member: &Entity, groups: &[EntityUid]) -> Result<Entity, String> {
    let mut value = member.to_json_value().map_err(|error| ErrorChain(&error).to_string())?;
    add_parents(&mut value, groups);
    Entity::from_json_value(value, None).map_err(|error| ErrorChain(&error).to_string())
}
