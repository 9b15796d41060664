//! Says why an answer is what it is.

use std::sync::Arc;

use cedar_policy::{Entities, Request};
use palisade_core::{EpochMillis, Facts, Requirement, RequirementKind};

use crate::call_scope::LinkScope;
use crate::cedar_core::{Condition, Scene};
use crate::exceptions::lifting;
use crate::policy::CompiledPolicy;
use crate::resolve::ResolvedCall;
use crate::scope::{self, Target};
use crate::snapshot::PolicySnapshot;
use crate::verdict::Granted;
use crate::{
    CedarRequest, CedarRequestError, ClauseExplanation, ClauseJoin, Explanation, LinkExplanation,
    PolicyEffect, PolicyExplanation, PolicyResult,
};

impl PolicySnapshot {
    /// Decides a call and says why: which policies apply to which link, and clause by clause what
    /// they saw, with no approval, confirmation or step-up granted.
    #[must_use]
    pub fn explain(&self, call: &ResolvedCall, facts: &Facts) -> Explanation {
        let decided = self.decide(call, facts);
        let links = self.entities_of(&call.scope).and_then(|entities| {
            let context = call.context(facts, Granted::NOTHING)?;
            let explain = |link: &LinkScope| {
                let request = call.request(&link.principal, &context)?;
                Ok(self.explain_link(call, link, &scene(&request, entities), facts.now))
            };
            call.scope.links.iter().map(explain).collect()
        });
        // Where the policies cannot be asked at all, the verdict says so and there is no more.
        let links = links.unwrap_or_else(|_: String| Vec::new());
        let remedies = self.remedies(call, facts, &decided.verdict);
        Explanation { decided, links, remedies }
    }

    /// Every policy that counts with all parts of its conditions, none of them evaluated; sorted
    /// by id.
    #[must_use]
    pub fn outlines(&self) -> Vec<PolicyExplanation> {
        let outline = |policy: &CompiledPolicy| {
            let clause = Condition::of_policy(&policy.cedar).map(|clause| clause.every_part(None));
            self.policy_explanation(policy, clause)
        };
        self.policies.counted.iter().map(|policy| outline(policy)).collect()
    }

    /// What the policies that apply said in each evaluation that a decision rests on: with nothing
    /// granted, and with what the call's own approvals, confirmations and logins grant. For tools
    /// that measure what tests exercise.
    #[must_use]
    pub fn evaluations(&self, call: &ResolvedCall, facts: &Facts) -> Vec<PolicyExplanation> {
        let mut seen = self.evaluated(call, facts, Granted::NOTHING);
        let asked = seen.iter().filter(|policy| policy.result == PolicyResult::Satisfied);
        let asked: Vec<&Requirement> =
            asked.filter_map(|policy| policy.requirement.as_ref()).collect();
        let met = |kind| {
            let of_kind = || asked.iter().filter(|requirement| requirement.kind() == kind);
            of_kind().next().is_some() && of_kind().all(|requirement| facts.satisfy(requirement))
        };
        let granted = Granted {
            approval: met(RequirementKind::Approval),
            confirmation: met(RequirementKind::Confirmation),
            step_up: met(RequirementKind::StepUp),
        };
        if granted != Granted::NOTHING {
            seen.extend(self.evaluated(call, facts, granted));
        }
        seen
    }

    /// What the policies that apply say to a plain Cedar request. For tools that measure what
    /// tests exercise.
    ///
    /// # Errors
    /// A part cannot be read or does not fit the schema.
    pub fn cedar_evaluations(
        &self,
        request: &CedarRequest<'_>,
    ) -> Result<Vec<PolicyExplanation>, CedarRequestError> {
        let (request, entities) = self.cedar_question(request)?;
        let (Some(principal), Some(action), Some(resource)) =
            (request.principal(), request.action(), request.resource())
        else {
            return Ok(Vec::new());
        };
        let scene = scene(&request, &entities);
        let target = Target::Known(resource);
        let applies = |policy: &&Arc<CompiledPolicy>| {
            scope::matches(policy, principal, action, target, &entities).holds
        };
        let policies = self.policies.counted.iter().filter(applies);
        Ok(policies.map(|policy| self.explain_policy(policy, &scene)).collect())
    }

    fn evaluated(
        &self,
        call: &ResolvedCall,
        facts: &Facts,
        granted: Granted,
    ) -> Vec<PolicyExplanation> {
        let (Ok(entities), Ok(context)) =
            (self.entities_of(&call.scope), call.context(facts, granted))
        else {
            return Vec::new();
        };
        let of_link = |link: &LinkScope| {
            let request = call.request(&link.principal, &context).ok()?;
            let scene = scene(&request, entities);
            let policies = self.policies_of(link);
            Some(policies.map(|policy| self.explain_policy(policy, &scene)).collect::<Vec<_>>())
        };
        call.scope.links.iter().filter_map(of_link).flatten().collect()
    }

    fn explain_link(
        &self,
        call: &ResolvedCall,
        link: &LinkScope,
        scene: &Scene<'_>,
        now: EpochMillis,
    ) -> LinkExplanation {
        let explain = |policy: &CompiledPolicy| lift(link, self.explain_policy(policy, scene), now);
        let policies = self.policies_of(link).map(explain);
        LinkExplanation {
            principal: link.principal.to_string(),
            action: call.scope.tool.action.to_string(),
            resource: call.resource(),
            policies: policies.collect(),
            out_of_scope: self.policies.counted.len().saturating_sub(link.candidates.len()),
        }
    }

    fn explain_policy(&self, policy: &CompiledPolicy, scene: &Scene<'_>) -> PolicyExplanation {
        let clause = Condition::of_policy(&policy.cedar).map(|condition| condition.explain(scene));
        self.policy_explanation(policy, clause)
    }

    fn policy_explanation(
        &self,
        policy: &CompiledPolicy,
        clause: Option<ClauseExplanation>,
    ) -> PolicyExplanation {
        let (result, error, clauses) = match clause {
            None => (PolicyResult::Satisfied, None, Vec::new()),
            // `when { a } unless { b }` reads better as two clauses than as one conjunction.
            Some(clause) if clause.join == ClauseJoin::All => {
                (clause.result, clause.error, clause.parts)
            }
            Some(clause) => (clause.result, clause.error.clone(), vec![clause]),
        };
        PolicyExplanation {
            policy: policy.id.clone(),
            effect: policy.effect,
            result,
            location: policy.place.location(),
            file: Arc::clone(&self.policies.conditions_place(policy).file),
            clauses,
            error,
            requirement: policy.requirement.clone(),
            lifted_by: None,
        }
    }
}

const fn scene<'a>(request: &'a Request, entities: &'a Entities) -> Scene<'a> {
    Scene { request, entities, unknown_context: &[], unknown_resource: false }
}

/// Says of a satisfied forbid which exception lifts it.
fn lift(link: &LinkScope, explanation: PolicyExplanation, now: EpochMillis) -> PolicyExplanation {
    let counts =
        explanation.effect == PolicyEffect::Forbid && explanation.result == PolicyResult::Satisfied;
    let lifted_by = counts.then(|| lifting(&link.lifts, &explanation.policy, now).next().cloned());
    PolicyExplanation { lifted_by: lifted_by.flatten(), ..explanation }
}
