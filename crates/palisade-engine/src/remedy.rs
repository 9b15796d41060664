//! What would change an answer: who would have to be in which group, what would have to hold, what
//! is asked for.
//!
//! Nothing is proposed that would not help: each remedy is tried on the policies first. Membership
//! of a group is tried as it is, with everything that follows from it; of a condition it is
//! supposed that it turns, and that nothing else does.

use std::collections::BTreeSet;
use std::time::Duration;

use cedar_policy::{EntityUid, PrincipalConstraint};
use palisade_core::{
    Cure, Facts, Outcome, PolicyId, ReasonCode, Requirement, Verdict, format_duration,
};

use crate::policy::CompiledPolicy;
use crate::resolve::ResolvedCall;
use crate::snapshot::PolicySnapshot;
use crate::verdict::{Granted, LinkAnswer};
use needs::Need;
use world::World;

mod needs;
mod world;

/// One thing that would change an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// The link it is about, from 0.
    pub link: usize,
    /// The policy that would say something else; `None` if there is none yet.
    pub policy: Option<PolicyId>,
    /// What kind of change it is.
    pub kind: RemedyKind,
    /// The change, as a sentence without a final period.
    pub sentence: String,
    /// What would be answered then; of several obstacles, once the others are gone as well.
    pub then: Outcome,
    /// Whether it is enough by itself. Otherwise each of the other policies and links that stand
    /// in the way needs a remedy of its own.
    pub sufficient: bool,
}

/// What kind of change a remedy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemedyKind {
    /// Nothing that a call or a principal could be changed to would help.
    Blocked,
    /// A condition would have to hold, or not.
    Condition,
    /// The principal would have to be another one, in a group, or outside of it.
    Principal,
    /// A requirement would have to be met.
    Requirement,
}

/// Remedies that are shown of one link.
const REMEDIES_PER_LINK_MAX: usize = 5;

/// Permits that are tried for one link, those whose scope matches first.
// LIMIT: trying a membership copies all entities that the policies on the call can reach.
const PERMITS_TRIED_MAX: usize = 50;

/// With everything granted: what is left then is no matter of requirements.
const EVERYTHING: Granted = Granted { approval: true, confirmation: true, step_up: true };

impl PolicySnapshot {
    /// What would change the verdict on a call, by link, then by how little it takes. At most five
    /// for each link; none for an allow.
    #[must_use]
    pub fn remedies(&self, call: &ResolvedCall, facts: &Facts, verdict: &Verdict) -> Vec<Remedy> {
        if verdict.outcome == Outcome::Allow {
            return Vec::new();
        }
        // Where the policies cannot be asked at all, the verdict says why.
        let Ok(world) = World::new(self, call, facts) else { return Vec::new() };
        if verdict.outcome == Outcome::Challenge {
            return of_challenge(&world, verdict);
        }
        if verdict.reason.code == ReasonCode::EvaluationError {
            return of_failures(&world, verdict);
        }
        of_denial(&world, verdict)
    }
}

/// Every requirement, with what is answered once it alone is met.
fn of_challenge(world: &World<'_>, verdict: &Verdict) -> Vec<Remedy> {
    let answers = world.answers(Granted::NOTHING);
    let remedy = |posted: &palisade_core::PostedRequirement| {
        let requirement = &posted.requirement;
        let asks = |answer: &LinkAnswer<'_>| {
            answer.forbids.iter().any(|policy| posted.policies.contains(&policy.id))
        };
        let mut met = world.clone();
        met.facts.cures.extend(cure(requirement));
        let then = met.decide().outcome;
        let asked: Vec<String> = posted.policies.iter().map(|id| format!("`{id}`")).collect();
        Remedy {
            link: answers.iter().position(asks).unwrap_or(0),
            policy: posted.policies.first().cloned(),
            kind: RemedyKind::Requirement,
            sentence: format!("{} lifts {}", describe(requirement), asked.join(" and ")),
            then,
            sufficient: then == Outcome::Allow,
        }
    };
    verdict.requirements.iter().map(remedy).collect()
}

fn of_failures(world: &World<'_>, verdict: &Verdict) -> Vec<Remedy> {
    let answers = world.answers(Granted::NOTHING);
    let remedy = |id: &PolicyId| {
        let fails = |answer: &LinkAnswer<'_>| answer.failures.iter().any(|(p, _)| p.id == *id);
        let sentence = format!(
            "`{id}` cannot be evaluated, and while that is so nothing is allowed: it has to be \
             mended"
        );
        blocked(answers.iter().position(fails).unwrap_or(0), Some(id.clone()), sentence)
    };
    verdict.determining.iter().map(remedy).collect()
}

fn of_denial(world: &World<'_>, verdict: &Verdict) -> Vec<Remedy> {
    let (granted, standing) = standing(world, verdict);
    let lifted = standing
        .iter()
        .fold(world.clone(), |world, (link, policy)| world.supposing(*link, policy, false));
    let without_permit: Vec<usize> = lifted
        .answers(Granted::NOTHING)
        .iter()
        .enumerate()
        .filter(|(_, answer)| answer.permits.is_empty())
        .map(|(link, _)| link)
        .collect();
    let obstacles = standing.len() + without_permit.len();
    let denial = Denial { lifted, granted, without_permit, sufficient: obstacles == 1 };
    let mut remedies = Vec::new();
    let mut hopeless = Vec::new();
    for (link, policy) in &standing {
        let ways = denial.lifting(world, *link, policy);
        if ways.is_empty() {
            let sentence = format!(
                "`{}` forbids this, and nothing about the call or {} would lift it",
                policy.id,
                name(world.principal(*link))
            );
            hopeless.push(blocked(*link, Some(policy.id.clone()), sentence));
        }
        remedies.extend(ways);
    }
    if !hopeless.is_empty() {
        return first_of_each_link(hopeless);
    }
    for link in &denial.without_permit {
        remedies.extend(denial.permitting(*link));
    }
    first_of_each_link(remedies)
}

/// The satisfied forbids that no requirement lifts, by link, and what is granted while they stand.
fn standing<'a>(
    world: &World<'a>,
    verdict: &Verdict,
) -> (Granted, Vec<(usize, &'a CompiledPolicy)>) {
    let of =
        |granted, pick: &dyn Fn(&CompiledPolicy) -> bool| -> Vec<(usize, &'a CompiledPolicy)> {
            let answers = world.answers(granted).into_iter().enumerate();
            let forbids = answers.flat_map(|(link, answer)| {
                answer.forbids.into_iter().map(move |policy| (link, policy))
            });
            forbids.filter(|(_, policy)| pick(policy)).collect()
        };
    let hard = of(Granted::NOTHING, &|policy| policy.requirement.is_none());
    if hard.is_empty() && verdict.reason.code == ReasonCode::PolicyForbid {
        // They stand even with everything granted that they ask for.
        return (EVERYTHING, of(EVERYTHING, &|_| true));
    }
    (Granted::NOTHING, hard)
}

/// A denied call without the forbids in its way.
struct Denial<'a> {
    lifted: World<'a>,
    /// What was granted while the forbids stood.
    granted: Granted,
    /// The links that no permit is satisfied for.
    without_permit: Vec<usize>,
    /// Whether there is one obstacle only.
    sufficient: bool,
}

impl<'a> Denial<'a> {
    /// How a forbid could be lifted.
    fn lifting(&self, world: &World<'a>, link: usize, policy: &'a CompiledPolicy) -> Vec<Remedy> {
        let mut ways: Vec<(Vec<Need>, Option<EntityUid>)> = Vec::new();
        if let PrincipalConstraint::In(group) | PrincipalConstraint::IsIn(_, group) =
            policy.cedar.principal_constraint()
            && world.principal(link).is_some_and(|principal| *principal != group)
        {
            ways.push((Vec::new(), Some(group)));
        }
        let mapped = world.call.scope.tool.tool.resource.is_some();
        if let Ok(Some(conditions)) = world.conditions(link, policy, self.granted) {
            let turned = needs::ways(&conditions, false, mapped);
            ways.extend(turned.into_iter().map(|needs| (needs, None)));
        }
        let mut remedies = Vec::new();
        for (needs, outside) in ways {
            let groups: Vec<EntityUid> = needs.iter().filter_map(Need::group).collect();
            let then = self.lifted.joining(link, &groups).map(|world| self.permitted(world));
            let Ok(then) = then.map(|world| world.decide().outcome) else { continue };
            if then == Outcome::Deny {
                continue;
            }
            let changes = match outside {
                Some(group) => {
                    format!("{} were not in {group}", name(world.principal(link)))
                }
                None => sentence(world.principal(link), &needs),
            };
            remedies.push(Remedy {
                link,
                policy: Some(policy.id.clone()),
                kind: if groups.len() == needs.len() {
                    RemedyKind::Principal
                } else {
                    RemedyKind::Condition
                },
                sentence: format!("`{}` would not forbid it if {changes}", policy.id),
                then,
                sufficient: self.sufficient,
            });
        }
        remedies
    }

    /// Which permits could be satisfied for a link, or why none would help.
    fn permitting(&self, link: usize) -> Vec<Remedy> {
        // Those whose scope matches come first; of the others only so many are looked into.
        let mut permits: Vec<(bool, &CompiledPolicy, Reach)> = self
            .lifted
            .permits()
            .filter_map(|policy| {
                let reach = self.reach(link, policy)?;
                Some((!self.lifted.is_about(link, policy), policy, reach))
            })
            .collect();
        permits.sort_by_key(|(other, policy, _)| (*other, &policy.id));
        let all_tried = permits.len() <= PERMITS_TRIED_MAX;
        permits.truncate(PERMITS_TRIED_MAX);
        let mut candidates: Vec<Candidate<'a>> = permits
            .into_iter()
            .filter_map(|(_, policy, reach)| self.candidate(link, policy, reach))
            .collect();
        candidates.sort_by(|one, other| {
            (one.changes(), &one.policy.id).cmp(&(other.changes(), &other.policy.id))
        });
        let mut remedies = Vec::new();
        let mut forbidding = BTreeSet::new();
        for candidate in candidates {
            let Some(then) = self.attempt(link, &candidate) else { continue };
            if then.outcome == Outcome::Deny {
                forbidding.extend(then.determining);
                continue;
            }
            remedies.push(Remedy {
                link,
                policy: Some(candidate.policy.id.clone()),
                kind: if candidate.needs.is_empty() {
                    RemedyKind::Principal
                } else {
                    RemedyKind::Condition
                },
                sentence: candidate.sentence(self.lifted.principal(link)),
                then: then.outcome,
                sufficient: self.sufficient,
            });
            if remedies.len() == REMEDIES_PER_LINK_MAX {
                break;
            }
        }
        if remedies.is_empty() {
            remedies.push(self.unpermitted(link, &forbidding, all_tried));
        }
        remedies
    }

    /// What it takes for a permit to be about the link's principal; `None` if nothing does.
    fn reach(&self, link: usize, policy: &CompiledPolicy) -> Option<Reach> {
        let own_type = self.lifted.principal(link)?.type_name();
        Some(match policy.cedar.principal_constraint() {
            _ if self.lifted.is_about(link, policy) => Reach::default(),
            PrincipalConstraint::In(group) => Reach { group: Some(group), other: None },
            PrincipalConstraint::IsIn(name, group) if name == *own_type => {
                Reach { group: Some(group), other: None }
            }
            PrincipalConstraint::Eq(uid) if uid.type_name() == own_type => {
                Reach { group: None, other: Some(uid) }
            }
            // Nobody becomes somebody of another type.
            PrincipalConstraint::Any
            | PrincipalConstraint::Eq(_)
            | PrincipalConstraint::Is(_)
            | PrincipalConstraint::IsIn(..) => return None,
        })
    }

    /// A permit with what it lacks; `None` if nothing could satisfy it.
    fn candidate(
        &self,
        link: usize,
        policy: &'a CompiledPolicy,
        Reach { group, other }: Reach,
    ) -> Option<Candidate<'a>> {
        if group.as_ref().is_some_and(|group| !self.lifted.is_meant_for(link, group)) {
            return None;
        }
        let groups: Vec<EntityUid> = group.iter().cloned().collect();
        let world = self.lifted.joining(link, &groups).ok()?;
        let mapped = world.call.scope.tool.tool.resource.is_some();
        let needs = match world.conditions(link, policy, Granted::NOTHING).ok()? {
            Some(conditions) => needs::ways(&conditions, true, mapped).into_iter().next()?,
            None => Vec::new(),
        };
        Some(Candidate { policy, group, other, needs })
    }

    /// What would be decided if the permit got all it lacks.
    fn attempt(&self, link: usize, candidate: &Candidate<'a>) -> Option<Verdict> {
        let wanted = candidate.needs.iter().filter_map(Need::group);
        let groups: Vec<EntityUid> = candidate.group.iter().cloned().chain(wanted).collect();
        let world = self.lifted.joining(link, &groups).ok()?;
        let by_groups_alone =
            candidate.other.is_none() && candidate.needs.iter().all(|need| need.group().is_some());
        let world =
            if by_groups_alone { world } else { world.supposing(link, candidate.policy, true) };
        let others = self.without_permit.iter().filter(|other| **other != link);
        let world =
            others.fold(world, |world, other| world.supposing(*other, candidate.policy, true));
        Some(world.decide())
    }

    /// The same with every link permitted.
    fn permitted(&self, world: World<'a>) -> World<'a> {
        let Some(permit) = world
            .snapshot
            .policies
            .counted
            .iter()
            .map(AsRef::as_ref)
            .find(|policy: &&CompiledPolicy| policy.effect == crate::PolicyEffect::Permit)
        else {
            return world;
        };
        self.without_permit.iter().fold(world, |world, link| world.supposing(*link, permit, true))
    }

    fn unpermitted(&self, link: usize, forbidding: &BTreeSet<PolicyId>, all_tried: bool) -> Remedy {
        let principal = name(self.lifted.principal(link));
        let action = &self.lifted.call.scope.tool.tool.name;
        if forbidding.is_empty() {
            let sentence = if all_tried {
                format!(
                    "no permit could be satisfied for {principal} and `{action}`; one would have \
                     to be written"
                )
            } else {
                format!(
                    "none of the first {PERMITS_TRIED_MAX} permits for `{action}` could be \
                     satisfied for {principal}"
                )
            };
            return blocked(link, None, sentence);
        }
        let forbids: Vec<String> = forbidding.iter().map(|id| format!("`{id}`")).collect();
        let sentence = format!(
            "a permit would not help {principal}: {} would still forbid it",
            forbids.join(" and ")
        );
        blocked(link, forbidding.first().cloned(), sentence)
    }
}

/// Who a principal would have to be for a scope to match.
#[derive(Debug, Default)]
struct Reach {
    /// A member of this group.
    group: Option<EntityUid>,
    /// This one.
    other: Option<EntityUid>,
}

/// A permit that is not satisfied, and what it lacks.
struct Candidate<'a> {
    policy: &'a CompiledPolicy,
    /// Its scope's group.
    group: Option<EntityUid>,
    /// Its scope's one principal.
    other: Option<EntityUid>,
    needs: Vec<Need>,
}

impl Candidate<'_> {
    /// Another principal is another caller, which is more than to be put into a group.
    fn changes(&self) -> usize {
        usize::from(self.group.is_some()) + 2 * usize::from(self.other.is_some()) + self.needs.len()
    }

    fn sentence(&self, principal: Option<&EntityUid>) -> String {
        let own = name(principal);
        let group = self.group.iter().map(|group| format!("{own} were in {group}"));
        let other = self.other.iter().map(|other| format!("{other} asked instead of {own}"));
        let needs = (!self.needs.is_empty()).then(|| sentence(principal, &self.needs));
        let changes: Vec<String> = group.chain(other).chain(needs).collect();
        format!("`{}` would permit it if {}", self.policy.id, changes.join(" and "))
    }
}

fn sentence(principal: Option<&EntityUid>, needs: &[Need]) -> String {
    let need = |need: &Need| match need.group() {
        Some(group) => format!("{} were in {group}", name(principal)),
        None => need.sentence(),
    };
    needs.iter().map(need).collect::<Vec<_>>().join(" and ")
}

fn name(principal: Option<&EntityUid>) -> String {
    principal.map(ToString::to_string).unwrap_or_default()
}

const fn blocked(link: usize, policy: Option<PolicyId>, sentence: String) -> Remedy {
    let (kind, then) = (RemedyKind::Blocked, Outcome::Deny);
    Remedy { link, policy, kind, sentence, then, sufficient: false }
}

/// At most [`REMEDIES_PER_LINK_MAX`] of each link, in the order of the links.
fn first_of_each_link(mut remedies: Vec<Remedy>) -> Vec<Remedy> {
    remedies.sort_by_key(|remedy| remedy.link);
    let mut shown = (0, 0);
    remedies.retain(|remedy| {
        shown = if remedy.link == shown.0 { (shown.0, shown.1 + 1) } else { (remedy.link, 1) };
        shown.1 <= REMEDIES_PER_LINK_MAX
    });
    remedies
}

/// Something that meets the requirement; `None` for an attestation, which is no switch.
fn cure(requirement: &Requirement) -> Option<Cure> {
    let age = Duration::ZERO;
    Some(match requirement.clone() {
        Requirement::Approval { approvers, quorum, expires: _ } => {
            Cure::Approval { approvers, people: quorum, age }
        }
        Requirement::Attestation { .. } => return None,
        Requirement::Confirmation { expires: _ } => Cure::Confirmation { age },
        Requirement::StepUp { acr, max_age: _ } => Cure::StepUp { acr, age },
    })
}

fn describe(requirement: &Requirement) -> String {
    let within = |words: &str, limit: &Option<Duration>| {
        limit.map(|limit| format!("{words}{}", format_duration(limit))).unwrap_or_default()
    };
    match requirement {
        Requirement::Approval { approvers, quorum, expires } => {
            format!("approval by {quorum} of {approvers}{}", within(", good for ", expires))
        }
        Requirement::Attestation { max_age } => {
            format!(
                "attestation of the agent's environment{}",
                within(" within the last ", max_age)
            )
        }
        Requirement::Confirmation { expires } => {
            format!("confirmation by the user{}", within(", good for ", expires))
        }
        Requirement::StepUp { acr, max_age } => {
            let acr = acr.as_ref().map(|acr| format!(" with `{acr}`")).unwrap_or_default();
            format!("a new login of the user{acr}{}", within(" within the last ", max_age))
        }
    }
}

#[cfg(test)]
mod tests;
