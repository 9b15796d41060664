//! Index and evaluator against Cedar's own authorizer, over any policies and entities at all.
//!
//! Sets that no bundle could have: any types in any namespaces, nothing validated, so that what
//! strict validation keeps away from the engine is met here: missing attributes, wrong types,
//! overflows, entities nobody stored. Each set is asked alone, and joined with many others into
//! one. A schema would only narrow what is asked. `CEDAR_TEST_SETS` and `CEDAR_TEST_SEED` ask more.
//!
//! That an error denies, which Cedar's authorizer does not do, is the verdict's and not tested here.

mod expression;
mod set;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{AuthorizationError, Authorizer, Decision, Entities, PolicySet, Request};
use fastrand::Rng;
use palisade_core::Problems;

use self::set::GeneratedSet;
use crate::cedar_core::{CoreContext, CoreEntity, CoreVariables, PolicyEvaluator};
use crate::policy::{CedarSets, Policies};
use crate::{PolicyEffect, SourceFile};

/// Sets joined into one.
const JOINED: usize = 20;

/// The kinds of errors that have to come up, by what they say.
const ERRORS: [&str; 6] = [
    "does not exist",
    "does not have the attribute",
    "does not have the tag",
    "error while evaluating `",
    "overflow",
    "type error",
];

/// What an authorizer says.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    allowed: bool,
    reasons: BTreeSet<String>,
    /// By the policy that failed.
    errors: BTreeMap<String, String>,
}

/// How often what came up, so that a generator that has run dry is seen.
#[derive(Debug, Default)]
struct Met {
    allowed: usize,
    denied_by_forbid: usize,
    denied_without_reason: usize,
    links_as_reasons: usize,
    errors: BTreeMap<&'static str, usize>,
    candidates: usize,
    policies: usize,
}

/// The narrow way in: what index and evaluator say of a request, as Cedar's authorizer would
/// report it, and how many policies were looked at.
fn ours(policies: &Policies, entities: &Entities, request: &Request) -> (Answer, usize) {
    let position = |uid| {
        let ancestors = entities.ancestors(uid).into_iter().flatten();
        policies.index.position(uid, ancestors)
    };
    let known = "nothing in these requests is unknown";
    let candidates = policies.index.candidates(
        &position(request.principal().expect(known)),
        &position(request.action().expect(known)),
        &position(request.resource().expect(known)),
    );
    let [principal, action, resource] = [request.principal(), request.action(), request.resource()]
        .map(|uid| CoreEntity::new(uid.expect(known)));
    let variables = CoreVariables { principal: &principal, action: &action, resource: &resource };
    let evaluator = PolicyEvaluator::new(variables, &CoreContext::of_request(request), entities);
    let (mut permits, mut forbids) = (BTreeSet::new(), BTreeSet::new());
    let mut errors = BTreeMap::new();
    for number in &candidates {
        let policy = &policies.counted[*number];
        let id = policy.id.as_str().to_owned();
        match (evaluator.is_satisfied(&policy.body), policy.effect) {
            (Ok(true), PolicyEffect::Permit) => drop(permits.insert(id)),
            (Ok(true), PolicyEffect::Forbid) => drop(forbids.insert(id)),
            (Ok(false), PolicyEffect::Permit | PolicyEffect::Forbid) => {}
            (Err(error), PolicyEffect::Permit | PolicyEffect::Forbid) => {
                drop(errors.insert(id, error));
            }
        }
    }
    let allowed = forbids.is_empty() && !permits.is_empty();
    let reasons = if allowed { permits } else { forbids };
    (Answer { allowed, reasons, errors }, candidates.len())
}

/// What Cedar's authorizer says of all policies.
fn theirs(policies: &PolicySet, entities: &Entities, request: &Request) -> Answer {
    let response = Authorizer::new().is_authorized(request, policies, entities);
    let errors = response.diagnostics().errors().map(|error| {
        let AuthorizationError::PolicyEvaluationError(error) = error;
        (error.policy_id().to_string(), error.inner().to_string())
    });
    Answer {
        allowed: response.decision() == Decision::Allow,
        reasons: response.diagnostics().reason().map(ToString::to_string).collect(),
        errors: errors.collect(),
    }
}

fn read(set: &GeneratedSet) -> (Policies, Entities) {
    let file = SourceFile { name: "policies/a.cedar".into(), text: set.policies.clone().into() };
    let mut problems = Problems::default();
    let policies = Policies::read(&[file], &set.links, None, &mut problems);
    assert!(!problems.has_errors(), "{problems}\n{}", set.policies);
    let entities = Entities::from_json_value(set.entities.clone().into(), None);
    (policies, entities.unwrap_or_else(|error| panic!("{error:?}: {:?}", set.entities)))
}

/// Asks everything both ways.
fn compare(set: &GeneratedSet, met: &mut Met) {
    let (policies, entities) = read(set);
    let CedarSets { permits, forbids } = policies.cedar_sets().expect("sets of all policies");
    let mut all = permits.clone();
    all.merge(forbids, false).expect("their ids are unique");
    for request in &set.requests {
        let (mut ours, candidates) = ours(&policies, &entities, request);
        let theirs = theirs(&all, &entities, request);
        for (policy, error) in &mut ours.errors {
            // Of a condition that is no Bool, the evaluator speaks in its own words: the
            // authorizer fails where it joins the condition to the scope.
            if error.starts_with("the condition is no Bool")
                && let Some(theirs) = theirs.errors.get(policy)
            {
                assert!(theirs.starts_with("type error: expected bool"), "{theirs}");
                error.clone_from(theirs);
            }
        }
        assert_eq!(
            ours, theirs,
            "index and evaluator, then Cedar, on {request}\n{}\n{:?}",
            set.policies, set.links
        );
        met.add(&theirs, candidates, policies.counted.len());
    }
}

impl Met {
    fn add(&mut self, answer: &Answer, candidates: usize, policies: usize) {
        self.allowed += usize::from(answer.allowed);
        self.denied_by_forbid += usize::from(!answer.allowed && !answer.reasons.is_empty());
        self.denied_without_reason += usize::from(!answer.allowed && answer.reasons.is_empty());
        self.links_as_reasons += answer.reasons.iter().filter(|id| id.contains("link")).count();
        for error in answer.errors.values() {
            let kind = ERRORS.iter().find(|kind| error.contains(**kind));
            *self.errors.entry(kind.unwrap_or_else(|| panic!("{error}"))).or_default() += 1;
        }
        self.candidates += candidates;
        self.policies += policies;
    }

    fn answers(&self) -> usize {
        self.allowed + self.denied_by_forbid + self.denied_without_reason
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that fails has to say with which seed")]
fn any_set_is_answered_as_cedar_answers_it_alone_and_joined_with_others() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let sets = number("CEDAR_TEST_SETS", 200);
    let seed = number("CEDAR_TEST_SEED", 20_261_122);
    println!("CEDAR_TEST_SETS={sets} CEDAR_TEST_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let (mut alone, mut joined) = (Met::default(), Met::default());
    let mut several = Vec::new();
    for number in 0..sets {
        let set = GeneratedSet::random(&mut rng, &format!("s{number}"));
        compare(&set, &mut alone);
        several.push(set);
        if several.len() == JOINED {
            compare(&GeneratedSet::join(several.drain(..)), &mut joined);
        }
    }
    println!("alone: {alone:?}\njoined: {joined:?}");
    for met in [&alone, &joined] {
        let one_in_twenty = |part: usize| part * 20 > met.answers();
        assert!(one_in_twenty(met.allowed) && one_in_twenty(met.denied_by_forbid), "{met:?}");
        assert!(met.links_as_reasons > 0 && met.errors.len() == ERRORS.len(), "{met:?}");
    }
    assert!(alone.denied_without_reason > 0, "{alone:?}");
    // Else nothing was left out, and the index was not tested.
    assert!(joined.candidates * 3 < joined.policies, "{joined:?}");
}
