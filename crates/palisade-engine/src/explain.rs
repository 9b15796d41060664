//! Says why an answer is what it is.

use cedar_policy::{Entities, EntityUid};
use palisade_core::Facts;

use crate::condition::{Condition, Scene};
use crate::policy::CompiledPolicy;
use crate::resolve::ResolvedCall;
use crate::scope::{self, Target};
use crate::snapshot::PolicySnapshot;
use crate::verdict::Granted;
use crate::{ClauseJoin, Explanation, LinkExplanation, PolicyExplanation, PolicyResult, context};

impl PolicySnapshot {
    /// Decides a call and says why: which policies apply to which link, and clause by clause what
    /// they saw, with no approval, confirmation or step-up granted.
    #[must_use]
    pub fn explain(&self, call: &ResolvedCall, facts: &Facts) -> Explanation {
        let verdict = self.decide(call, facts);
        let links = self.slice(call).and_then(|entities| {
            let explain = |principal| self.explain_link(call, facts, principal, &entities);
            call.principals.iter().map(explain).collect::<Result<Vec<_>, _>>()
        });
        // Where the policies cannot be asked at all, the verdict says so and there is no more.
        Explanation { verdict, links: links.unwrap_or_default() }
    }

    fn explain_link(
        &self,
        call: &ResolvedCall,
        facts: &Facts,
        principal: &EntityUid,
        entities: &Entities,
    ) -> Result<LinkExplanation, String> {
        let context = context::whole(&call.context, facts.now, Granted::NOTHING)?;
        let request = call.request(principal, &context)?;
        let scene =
            Scene { request: &request, entities, unknown_context: &[], unknown_resource: false };
        let target = Target::Known(&call.resource);
        let (candidates, others): (Vec<_>, Vec<_>) = self.policies.counted().partition(|policy| {
            scope::matches(policy, principal, &call.action, target, entities).holds
        });
        Ok(LinkExplanation {
            principal: principal.to_string(),
            action: call.action.to_string(),
            resource: call.resource.to_string(),
            policies: candidates.into_iter().map(|policy| explain_policy(policy, &scene)).collect(),
            out_of_scope: others.len(),
        })
    }
}

fn explain_policy(policy: &CompiledPolicy, scene: &Scene<'_>) -> PolicyExplanation {
    let clause = Condition::of_policy(&policy.cedar).map(|condition| condition.explain(scene));
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
        clauses,
        error,
        requirement: policy.requirement.clone(),
    }
}
