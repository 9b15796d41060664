//! Says why an answer is what it is.

use cedar_policy::EntityUid;
use palisade_core::Facts;

use crate::cedar_core::{Condition, ContextReads, Scene};
use crate::policy::CompiledPolicy;
use crate::resolve::ResolvedCall;
use crate::snapshot::PolicySnapshot;
use crate::verdict::Granted;
use crate::{ClauseJoin, Explanation, LinkExplanation, PolicyExplanation, PolicyResult};

impl PolicySnapshot {
    /// Decides a call and says why: which policies apply to which link, and clause by clause what
    /// they saw, with no approval, confirmation or step-up granted.
    #[must_use]
    pub fn explain(&self, call: &ResolvedCall, facts: &Facts) -> Explanation {
        let verdict = self.decide(call, facts);
        let candidates = self.candidates(call);
        let entities = self.reachable(call, candidates.iter().flatten().copied());
        let links = entities.and_then(|entities| {
            let context = call.context(facts, Granted::NOTHING, &ContextReads::EVERYTHING)?;
            let explain = |(principal, candidates): (&EntityUid, Vec<&CompiledPolicy>)| {
                let request = call.request(principal, &context)?;
                let scene = Scene {
                    request: &request,
                    entities: entities.get(),
                    unknown_context: &[],
                    unknown_resource: false,
                };
                Ok(self.explain_link(call, principal, &candidates, &scene))
            };
            call.principals.iter().zip(candidates).map(explain).collect()
        });
        // Where the policies cannot be asked at all, the verdict says so and there is no more.
        let links = links.unwrap_or_else(|_: String| Vec::new());
        Explanation { verdict, links }
    }

    fn explain_link(
        &self,
        call: &ResolvedCall,
        principal: &EntityUid,
        candidates: &[&CompiledPolicy],
        scene: &Scene<'_>,
    ) -> LinkExplanation {
        LinkExplanation {
            principal: principal.to_string(),
            action: call.action.to_string(),
            resource: call.resource.to_string(),
            policies: candidates.iter().map(|policy| explain_policy(policy, scene)).collect(),
            out_of_scope: self.policies.counted.len().saturating_sub(candidates.len()),
        }
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
