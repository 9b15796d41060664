//! Says why an answer is what it is.

use palisade_core::Facts;

use crate::call_scope::LinkScope;
use crate::cedar_core::{Condition, Scene};
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
        let decided = self.decide(call, facts);
        let links = self.entities_of(&call.scope).and_then(|entities| {
            let context = call.context(facts, Granted::NOTHING)?;
            let explain = |link: &LinkScope| {
                let request = call.request(&link.principal, &context)?;
                let scene = Scene {
                    request: &request,
                    entities,
                    unknown_context: &[],
                    unknown_resource: false,
                };
                Ok(self.explain_link(call, link, &scene))
            };
            call.scope.links.iter().map(explain).collect()
        });
        // Where the policies cannot be asked at all, the verdict says so and there is no more.
        let links = links.unwrap_or_else(|_: String| Vec::new());
        Explanation { decided, links }
    }

    fn explain_link(
        &self,
        call: &ResolvedCall,
        link: &LinkScope,
        scene: &Scene<'_>,
    ) -> LinkExplanation {
        let policies = self.policies_of(link).map(|policy| explain_policy(policy, scene));
        LinkExplanation {
            principal: link.principal.to_string(),
            action: call.scope.tool.action.to_string(),
            resource: call.resource(),
            policies: policies.collect(),
            out_of_scope: self.policies.counted.len().saturating_sub(link.candidates.len()),
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
