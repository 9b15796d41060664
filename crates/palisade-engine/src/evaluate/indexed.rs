//! Only the policies whose scope matches, and only the facts they read.

use cedar_policy::EntityUid;
use palisade_core::Facts;

use super::{Evaluate, broken};
use crate::PolicyEffect;
use crate::cedar_core::{ContextReads, PolicyEvaluator};
use crate::entities::Reachable;
use crate::policy::CompiledPolicy;
use crate::resolve::ResolvedCall;
use crate::snapshot::PolicySnapshot;
use crate::verdict::{Granted, LinkAnswer};

/// The candidates of every link, found once, evaluated as often as cure facts change.
pub(crate) struct Indexed<'a> {
    call: &'a ResolvedCall,
    facts: &'a Facts,
    /// One list for each link.
    candidates: Vec<Vec<&'a CompiledPolicy>>,
    /// What any candidate can read.
    reads: ContextReads<'a>,
    entities: Result<Reachable<'a>, String>,
}

impl<'a> Indexed<'a> {
    pub(crate) fn new(
        snapshot: &'a PolicySnapshot,
        call: &'a ResolvedCall,
        facts: &'a Facts,
    ) -> Self {
        let candidates: Vec<Vec<&CompiledPolicy>> = snapshot.candidates(call);
        let reads = ContextReads::of(candidates.iter().flatten().map(|policy| &policy.reads));
        let entities = snapshot.reachable(call, candidates.iter().flatten().copied());
        Self { call, facts, candidates, reads, entities }
    }

    fn answer(
        &self,
        evaluator: &PolicyEvaluator<'_>,
        principal: &'a EntityUid,
        candidates: &[&'a CompiledPolicy],
    ) -> LinkAnswer<'a> {
        let mut answer = LinkAnswer::of(principal);
        for policy in candidates {
            match (evaluator.is_satisfied(&policy.body), policy.effect) {
                (Ok(true), PolicyEffect::Permit) => answer.permits.push(policy),
                (Ok(true), PolicyEffect::Forbid) => answer.forbids.push(policy),
                (Ok(false), PolicyEffect::Permit | PolicyEffect::Forbid) => {}
                (Err(error), PolicyEffect::Permit | PolicyEffect::Forbid) => {
                    answer.failures.push((policy, error));
                }
            }
        }
        answer
    }
}

impl Evaluate for Indexed<'_> {
    fn evaluate(&self, granted: Granted) -> Vec<LinkAnswer<'_>> {
        let entities = match &self.entities {
            Ok(entities) => entities.get(),
            Err(error) => return broken(self.call, error),
        };
        let links = self.call.context(self.facts, granted, &self.reads).and_then(|context| {
            let links = self.call.principals.iter().zip(&self.candidates);
            links
                .map(|(principal, candidates)| {
                    let request = self.call.request(principal, &context)?;
                    let evaluator = PolicyEvaluator::new(&request, entities);
                    Ok(self.answer(&evaluator, principal, candidates))
                })
                .collect()
        });
        links.unwrap_or_else(|error: String| broken(self.call, &error))
    }
}
