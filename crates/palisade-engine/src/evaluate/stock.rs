//! Cedar's own authorizer over all policies and all entities: the oracle.

use std::borrow::Cow;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Response,
};
use palisade_core::{Actor, ExceptionUse, Facts, PolicyId};

use super::{Evaluate, broken};
use crate::Exception;
use crate::call_scope::LinkScope;
use crate::policy::{CedarSets, CompiledPolicy, Policies};
use crate::resolve::ResolvedCall;
use crate::snapshot::PolicySnapshot;
use crate::verdict::{Granted, LinkAnswer};

/// Evaluates all policies once for each link through Cedar's public API: permits and forbids
/// apart, because Cedar does not name the permits of a denial.
pub(crate) struct Stock<'a> {
    pub(crate) snapshot: &'a PolicySnapshot,
    pub(crate) call: &'a ResolvedCall,
    pub(crate) facts: &'a Facts,
    /// Those of `snapshot`, as answers name them.
    pub(crate) exceptions: Vec<(&'a Exception, ExceptionUse)>,
}

impl<'a> Stock<'a> {
    pub(crate) fn new(
        snapshot: &'a PolicySnapshot,
        call: &'a ResolvedCall,
        facts: &'a Facts,
    ) -> Self {
        let used = |exception: &'a Exception| {
            let Exception { id, policy, ticket, .. } = exception;
            let (id, ticket) = (Arc::clone(id), Arc::clone(ticket));
            (exception, ExceptionUse { id, policy: policy.clone(), ticket })
        };
        let exceptions = snapshot.exceptions.written().iter().map(used).collect();
        Self { snapshot, call, facts, exceptions }
    }
}

impl Evaluate for Stock<'_> {
    fn evaluate(&self, granted: Granted) -> Vec<LinkAnswer<'_>> {
        let Self { snapshot: _, call, facts, exceptions: _ } = self;
        let links = self.entities().and_then(|entities| {
            let context = call.context(facts, granted)?;
            let links = call.scope.links.iter();
            links.map(|link| self.answer(link, &context, &entities)).collect()
        });
        links.unwrap_or_else(|error: String| broken(call, &error))
    }
}

impl Stock<'_> {
    fn answer<'a>(
        &'a self,
        link: &'a LinkScope,
        context: &Context,
        entities: &Entities,
    ) -> Result<LinkAnswer<'a>, String> {
        let policies = &self.snapshot.policies;
        let request = self.call.request(&link.principal, context)?;
        let ask = |set: &PolicySet| Authorizer::new().is_authorized(&request, set, entities);
        let CedarSets { permits, forbids } = policies.cedar_sets().map_err(ToString::to_string)?;
        let (permits, forbids) = (ask(permits), ask(forbids));
        let mut answer = LinkAnswer::of(&link.principal);
        add_failures(policies, &mut answer, &permits);
        add_failures(policies, &mut answer, &forbids);
        answer.permits = satisfied(policies, &permits, Decision::Allow);
        for forbid in satisfied(policies, &forbids, Decision::Deny) {
            let before = answer.lifted.len();
            answer.lifted.extend(self.exceptions_for(link, forbid));
            if answer.lifted.len() == before {
                answer.forbids.push(forbid);
            }
        }
        Ok(answer)
    }

    /// The exceptions that lift a forbid, each looked at as it was written.
    fn exceptions_for<'a>(
        &'a self,
        link: &'a LinkScope,
        forbid: &'a CompiledPolicy,
    ) -> impl Iterator<Item = &'a ExceptionUse> {
        let lifts = move |(exception, _): &&'a (&Exception, ExceptionUse)| {
            let Exception { id: _, policy, principal, tool, until, reason: _, ticket: _, place: _ } =
                exception;
            *policy == forbid.id
                && *tool == self.call.scope.tool.tool.name.as_str()
                && self.facts.now < *until
                && is_principal(principal, &link.principal)
        };
        self.exceptions.iter().filter(lifts).map(|(_, used)| used)
    }

    /// All entities, as this call sees them.
    fn entities(&self) -> Result<Cow<'_, Entities>, String> {
        let (entities, scope) = (&self.snapshot.entities, &self.call.scope);
        let tool = &scope.tool.tool;
        let mapped = || entities.mapped_resource(tool.name.service(), &scope.resource);
        let resource = tool.resource.as_ref().map(|_| mapped());
        let own: Vec<Entity> = scope.own.iter().cloned().chain(resource).collect();
        if own.is_empty() {
            return Ok(Cow::Borrowed(entities.all()));
        }
        entities.everything(&own).map(Cow::Owned)
    }
}

fn is_principal(actor: &Actor, principal: &EntityUid) -> bool {
    let id = principal.id().unescaped();
    principal.type_name().to_string() == actor.kind.entity_type()
        && id.split_once(':') == Some((actor.issuer.as_str(), actor.subject.as_str()))
}

/// The policies a response names as reasons, if it decided as satisfied ones do.
fn satisfied<'a>(
    policies: &'a Policies,
    response: &Response,
    decision: Decision,
) -> Vec<&'a CompiledPolicy> {
    if response.decision() != decision {
        return Vec::new();
    }
    response.diagnostics().reason().filter_map(|id| compiled(policies, id)).collect()
}

fn add_failures<'a>(policies: &'a Policies, answer: &mut LinkAnswer<'a>, response: &Response) {
    for error in response.diagnostics().errors() {
        let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
        match compiled(policies, error.policy_id()) {
            Some(policy) => answer.failures.push((policy, error.inner().to_string())),
            // FAIL-CLOSED: a failure nobody can be blamed for is a failure all the same.
            None => answer.broken = Some(error.to_string()),
        }
    }
}

fn compiled<'a>(policies: &'a Policies, id: &cedar_policy::PolicyId) -> Option<&'a CompiledPolicy> {
    policies.by_id.get(&PolicyId::new(id.as_ref())).map(Arc::as_ref)
}
