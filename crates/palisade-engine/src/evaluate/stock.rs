//! Cedar's own authorizer over all policies and all entities: the oracle.

use std::sync::Arc;

use cedar_policy::{Authorizer, Decision, PolicySet, Response};
use palisade_core::{Facts, PolicyId};

use super::{Evaluate, broken};
use crate::cedar_core::ContextReads;
use crate::policy::{CompiledPolicy, Policies};
use crate::resolve::ResolvedCall;
use crate::snapshot::PolicySnapshot;
use crate::verdict::{Granted, LinkAnswer};

/// Evaluates all policies once for each link through Cedar's public API: permits and forbids
/// apart, because Cedar does not name the permits of a denial.
pub(crate) struct Stock<'a> {
    pub(crate) snapshot: &'a PolicySnapshot,
    pub(crate) call: &'a ResolvedCall,
    pub(crate) facts: &'a Facts,
}

impl Evaluate for Stock<'_> {
    fn evaluate(&self, granted: Granted) -> Vec<LinkAnswer<'_>> {
        let Self { snapshot, call, facts } = self;
        let links =
            snapshot.entities.everything(call.resource_entity.as_ref()).and_then(|entities| {
                let context = call.context(facts, granted, &ContextReads::EVERYTHING)?;
                let authorizer = Authorizer::new();
                let answer = |principal| {
                    let request = call.request(principal, &context)?;
                    let ask = |policies: &PolicySet| {
                        authorizer.is_authorized(&request, policies, entities.get())
                    };
                    let policies = &snapshot.policies;
                    let (permits, forbids) = (ask(&policies.permits), ask(&policies.forbids));
                    let mut answer = LinkAnswer::of(principal);
                    add_failures(policies, &mut answer, &permits);
                    add_failures(policies, &mut answer, &forbids);
                    answer.permits = satisfied(policies, &permits, Decision::Allow);
                    answer.forbids = satisfied(policies, &forbids, Decision::Deny);
                    Ok(answer)
                };
                call.principals.iter().map(answer).collect()
            });
        links.unwrap_or_else(|error: String| broken(call, &error))
    }
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
