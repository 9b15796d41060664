//! Turns what the policies said into a [`Verdict`].
//!
//! Cedar skips a policy whose evaluation fails, so an erroring `forbid` would silently stop
//! forbidding. This module is the only place that builds an allow or a challenge, and it denies
//! whenever any policy failed for any link.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::EntityUid;
use palisade_core::{
    ExceptionUse, Facts, Outcome, PolicyId, PostedRequirement, Reason, ReasonCode, Requirement,
    RequirementKind, Verdict,
};

use crate::policy::CompiledPolicy;

/// What the policies said for one link of the chain.
#[derive(Debug)]
pub(crate) struct LinkAnswer<'a> {
    /// The link.
    pub(crate) principal: &'a EntityUid,
    /// Satisfied permits.
    pub(crate) permits: Vec<&'a CompiledPolicy>,
    /// Satisfied forbids that no exception lifts.
    pub(crate) forbids: Vec<&'a CompiledPolicy>,
    /// The exceptions that lifted the other satisfied forbids.
    pub(crate) lifted: Vec<&'a ExceptionUse>,
    /// Policies that failed, with the error.
    pub(crate) failures: Vec<(&'a CompiledPolicy, String)>,
    /// Why the policies could not be asked at all.
    pub(crate) broken: Option<String>,
}

impl<'a> LinkAnswer<'a> {
    /// No policy has said anything yet.
    pub(crate) const fn of(principal: &'a EntityUid) -> Self {
        Self {
            principal,
            permits: Vec::new(),
            forbids: Vec::new(),
            lifted: Vec::new(),
            failures: Vec::new(),
            broken: None,
        }
    }
}

/// Which cure facts policies see as true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) approval: bool,
    pub(crate) confirmation: bool,
    pub(crate) step_up: bool,
}

impl Granted {
    pub(crate) const NOTHING: Self = Self { approval: false, confirmation: false, step_up: false };

    /// These kinds and no others. An attestation is no switch: its claims are facts of their own.
    fn of(kinds: &BTreeSet<RequirementKind>) -> Self {
        Self {
            approval: kinds.contains(&RequirementKind::Approval),
            confirmation: kinds.contains(&RequirementKind::Confirmation),
            step_up: kinds.contains(&RequirementKind::StepUp),
        }
    }
}

/// Decides from what the policies say for all links under given cure facts.
///
/// First nothing is granted. If only curable forbids stand in the way, the facts become true whose
/// requirements are *all* met by live objects. If that is not enough, a challenge is answered only
/// if granting everything asked for would be. Every exception that lifted a forbid on the way stands
/// in the verdict.
pub(crate) fn decide<'a>(
    evaluate: impl Fn(Granted) -> Vec<LinkAnswer<'a>>,
    facts: &Facts,
    action: &str,
) -> Verdict {
    let used = RefCell::new(BTreeSet::new());
    let evaluate = |granted| {
        let answers = evaluate(granted);
        used.borrow_mut().extend(lifted(&answers));
        answers
    };
    let verdict = decide_in_rounds(evaluate, facts, action);
    Verdict { exceptions: used.into_inner().into_iter().cloned().collect(), ..verdict }
}

fn lifted<'a>(links: &[LinkAnswer<'a>]) -> impl Iterator<Item = &'a ExceptionUse> {
    links.iter().flat_map(|link| link.lifted.iter().copied())
}

// INVARIANT: no `Outcome::Allow` or `Outcome::Challenge` is ever built from an answer with
// failures. Checked by the property tests in `tests/policy`.
fn decide_in_rounds<'a>(
    evaluate: impl Fn(Granted) -> Vec<LinkAnswer<'a>>,
    facts: &Facts,
    action: &str,
) -> Verdict {
    let asked = match read(&evaluate(Granted::NOTHING), action) {
        Reading::Denied(verdict) => return verdict,
        Reading::Permitted(permits) => return allow(permits),
        Reading::Curable(forbids) => Requirements::of(&forbids),
    };
    let asked_kinds = asked.kinds(|_| true);
    let unmet_kinds = asked.kinds(|requirement| !facts.satisfy(requirement));
    let met_kinds: BTreeSet<_> = asked_kinds.difference(&unmet_kinds).copied().collect();
    if !met_kinds.is_empty() {
        match read(&evaluate(Granted::of(&met_kinds)), action) {
            Reading::Permitted(permits) => return allow(permits),
            Reading::Denied(verdict) if verdict.reason.code == ReasonCode::EvaluationError => {
                return verdict;
            }
            Reading::Denied(_) | Reading::Curable(_) => {}
        }
    }
    let mut supposed = evaluate(Granted::of(&asked_kinds));
    suppose_attested(&mut supposed, facts);
    match read(&supposed, action) {
        // FAIL-CLOSED: with everything granted this is what was just evaluated and did not allow.
        Reading::Permitted(_) if unmet_kinds.is_empty() => forbidden(&asked.policies()),
        Reading::Permitted(_) => challenge(asked.unmet(facts)),
        Reading::Curable(forbids) => forbidden(&forbids),
        Reading::Denied(verdict) => verdict,
    }
}

/// Takes out the forbids that a better attestation could lift. It is no switch like the other
/// facts: what it will say is not known. An attestation that is recent enough and did not lift a
/// forbid is not asked for again.
fn suppose_attested(links: &mut [LinkAnswer<'_>], facts: &Facts) {
    let stands = |policy: &&CompiledPolicy| match &policy.requirement {
        Some(requirement @ Requirement::Attestation { .. }) => facts.satisfy(requirement),
        Some(
            Requirement::Approval { .. }
            | Requirement::Confirmation { .. }
            | Requirement::StepUp { .. },
        )
        | None => true,
    };
    for link in links {
        link.forbids.retain(stands);
    }
}

/// The verdict with nothing granted, if that settles it: a denial that no requirement lifts, or an
/// allow.
pub(crate) fn settled(links: &[LinkAnswer<'_>], action: &str) -> Option<Verdict> {
    let verdict = match read(links, action) {
        Reading::Denied(verdict) => verdict,
        Reading::Permitted(permits) => allow(permits),
        Reading::Curable(_) => return None,
    };
    let exceptions: BTreeSet<_> = lifted(links).cloned().collect();
    Some(Verdict { exceptions: exceptions.into_iter().collect(), ..verdict })
}

/// What one evaluation of all links comes to. Precedence: failure, hard forbid, no permit,
/// curable forbid.
enum Reading<'a> {
    Denied(Verdict),
    Permitted(Vec<&'a CompiledPolicy>),
    Curable(Vec<&'a CompiledPolicy>),
}

fn read<'a>(links: &[LinkAnswer<'a>], action: &str) -> Reading<'a> {
    if let Some(error) = links.iter().find_map(|link| link.broken.as_ref()) {
        let sentence = format!("the policies could not be evaluated: {error}");
        return Reading::Denied(Verdict::deny(Reason::new(ReasonCode::EvaluationError, sentence)));
    }
    if links.iter().any(|link| !link.failures.is_empty()) {
        let failures: Vec<_> = links.iter().flat_map(|link| &link.failures).collect();
        return Reading::Denied(failed(&failures));
    }
    let forbids: Vec<&CompiledPolicy> =
        links.iter().flat_map(|link| link.forbids.iter().copied()).collect();
    let hard: Vec<_> = forbids.iter().copied().filter(|p| p.requirement.is_none()).collect();
    if !hard.is_empty() {
        return Reading::Denied(forbidden(&hard));
    }
    if let Some(link) = links.iter().find(|link| link.permits.is_empty()) {
        let sentence = format!("no policy permits {} to call `{action}`", link.principal);
        return Reading::Denied(Verdict::deny(Reason::new(ReasonCode::NoPermit, sentence)));
    }
    if !forbids.is_empty() {
        return Reading::Curable(forbids);
    }
    if links.is_empty() {
        // FAIL-CLOSED: a chain has at least one link; without any, nothing was permitted.
        let sentence = "nobody asks";
        return Reading::Denied(Verdict::deny(Reason::new(ReasonCode::NoPermit, sentence)));
    }
    Reading::Permitted(links.iter().flat_map(|link| link.permits.iter().copied()).collect())
}

/// What curable forbids ask for, with the forbids that ask.
struct Requirements<'a>(BTreeMap<&'a Requirement, Vec<&'a CompiledPolicy>>);

impl<'a> Requirements<'a> {
    fn of(forbids: &[&'a CompiledPolicy]) -> Self {
        let mut requirements: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for policy in forbids {
            if let Some(requirement) = &policy.requirement {
                requirements.entry(requirement).or_default().push(*policy);
            }
        }
        Self(requirements)
    }

    /// The kinds of those requirements that a test picks.
    fn kinds(&self, pick: impl Fn(&Requirement) -> bool) -> BTreeSet<RequirementKind> {
        self.0.keys().filter(|requirement| pick(requirement)).map(|r| r.kind()).collect()
    }

    fn policies(&self) -> Vec<&'a CompiledPolicy> {
        self.0.values().flatten().copied().collect()
    }

    fn unmet(self, facts: &Facts) -> Self {
        Self(self.0.into_iter().filter(|(requirement, _)| !facts.satisfy(requirement)).collect())
    }
}

fn allow(permits: Vec<&CompiledPolicy>) -> Verdict {
    let sentence = "every link of the chain is permitted and nothing forbids";
    Verdict {
        outcome: Outcome::Allow,
        reason: Reason::new(ReasonCode::Permitted, sentence),
        determining: ids(permits),
        requirements: Vec::new(),
        exceptions: Vec::new(),
    }
}

fn challenge(unmet: Requirements<'_>) -> Verdict {
    let policies = unmet.policies();
    Verdict {
        outcome: Outcome::Challenge,
        reason: Reason::new(ReasonCode::RequirementsUnmet, sentences(&policies)),
        determining: ids(policies),
        requirements: unmet
            .0
            .into_iter()
            .map(|(requirement, policies)| PostedRequirement {
                requirement: requirement.clone(),
                policies: ids(policies),
            })
            .collect(),
        exceptions: Vec::new(),
    }
}

fn forbidden(forbids: &[&CompiledPolicy]) -> Verdict {
    Verdict {
        determining: ids(forbids.iter().copied()),
        ..Verdict::deny(Reason::new(ReasonCode::PolicyForbid, sentences(forbids)))
    }
}

fn failed(failures: &[&(&CompiledPolicy, String)]) -> Verdict {
    let determining = ids(failures.iter().map(|(policy, _)| *policy));
    let first = failures.iter().min_by(|a, b| a.0.id.cmp(&b.0.id));
    let sentence = first.map_or_else(String::new, |(policy, error)| {
        format!("policy `{}` could not be evaluated: {error}", policy.id)
    });
    Verdict { determining, ..Verdict::deny(Reason::new(ReasonCode::EvaluationError, sentence)) }
}

/// The `@reason`s of some policies, in the order of their ids, each once.
fn sentences(policies: &[&CompiledPolicy]) -> String {
    let by_id: BTreeMap<_, _> = policies.iter().map(|policy| (&policy.id, *policy)).collect();
    let mut sentences: Vec<String> = Vec::new();
    for policy in by_id.into_values() {
        let sentence = policy.reason.clone();
        let sentence = sentence.unwrap_or_else(|| format!("policy `{}` forbids this", policy.id));
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences.join("; ")
}

fn ids<'a>(policies: impl IntoIterator<Item = &'a CompiledPolicy>) -> Vec<PolicyId> {
    let ids: BTreeSet<_> = policies.into_iter().map(|policy| policy.id.clone()).collect();
    ids.into_iter().collect()
}
