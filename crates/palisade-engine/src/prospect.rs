//! What may be said of a tool before its arguments are known.
//!
//! Sound in both directions: `ALLOW` and `CHALLENGE` hold for all arguments that fit the tool,
//! `DENY` is said only if no arguments could be allowed. Everything else is `DEPENDS`.

use std::sync::Arc;

use cedar_policy::{Entities, EntityUid, Request};
use palisade_catalog::Tool;
use palisade_core::{
    ActorChain, Environment, EpochMillis, ExceptionUse, Facts, Outcome, PolicyId,
    PostedRequirement, Proof, Prospect, Reason, ReasonCode, ToolName, Verdict, VerifiedChain,
};

use crate::PolicyEffect;
use crate::call_scope::weakest_proof;
use crate::cedar_core::{Condition, ContextPart, Scene};
use crate::context::Source;
use crate::exceptions::lifting;
use crate::names::{self, entity};
use crate::policy::CompiledPolicy;
use crate::possible::Possible;
use crate::resolve::{self, Refusal};
use crate::scope::{self, Target};
use crate::snapshot::PolicySnapshot;
use crate::verdict::{self, Granted, LinkAnswer};

/// What may be said of one tool without knowing the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolProspect {
    /// The tool.
    pub tool: ToolName,
    /// The answer, as far as it is known.
    pub prospect: Prospect,
    /// Why.
    pub reason: Reason,
    /// The policies that determine it, sorted; empty if it depends.
    pub determining: Vec<PolicyId>,
    /// With a challenge: what will be asked for.
    pub requirements: Vec<PostedRequirement>,
}

/// The parts of `context` that arguments determine.
const ARGUMENT_CONTEXT: [ContextPart; 2] = [ContextPart::Args, ContextPart::ArgsInfo];

impl PolicySnapshot {
    /// Says of every tool, sorted by name, what may be said without knowing the arguments.
    ///
    /// # Errors
    /// The chain itself is refused, whatever the tool.
    pub fn prospects(
        &self,
        chain: &ActorChain,
        identity: Option<&VerifiedChain>,
        environment: &Environment,
        facts: &Facts,
    ) -> Result<Vec<ToolProspect>, Refusal> {
        let principals = self.principals(chain, identity)?;
        let broken = |error| Refusal::new(ReasonCode::EvaluationError, error);
        let own = self.own_entities(&principals).map_err(broken)?;
        let chain = ListedChain {
            proof: weakest_proof(&principals),
            own: match own.as_slice() {
                [] => None,
                own => Some(self.entities.everything(own).map_err(broken)?),
            },
            principals: principals.into_iter().map(|principal| principal.uid).collect(),
        };
        let prospect = |tool| self.prospect(tool, &chain, environment, facts);
        Ok(self.catalog.shared_tools().map(prospect).collect())
    }

    fn prospect(
        &self,
        tool: &Arc<Tool>,
        chain: &ListedChain,
        environment: &Environment,
        facts: &Facts,
    ) -> ToolProspect {
        let source = Source {
            tool,
            principals: &chain.principals,
            proof: chain.proof,
            arguments: None,
            source_address: environment.source_address,
            facts,
        };
        let entities = chain.own.as_ref().unwrap_or_else(|| self.entities.all());
        let at = |granted| self.read_links(&source, entities, granted);
        let verdict = known_verdict(at, facts, tool.name.as_str());
        let (prospect, reason, determining, requirements) = match verdict {
            Some(Verdict { outcome, reason, determining, requirements, exceptions: _ }) => {
                (Prospect::from(outcome), reason, determining, requirements)
            }
            None => {
                let sentence = "it depends on the arguments of the call";
                let reason = Reason::new(ReasonCode::DependsOnArguments, sentence);
                (Prospect::Depends, reason, Vec::new(), Vec::new())
            }
        };
        ToolProspect { tool: tool.name.clone(), prospect, reason, determining, requirements }
    }

    /// What every policy may say of every link.
    fn read_links<'a>(
        &'a self,
        source: &Source<'a>,
        entities: &Entities,
        granted: Granted,
    ) -> Vec<LinkReading<'a>> {
        let subject = Subject::of(source.tool);
        let policies: Vec<&CompiledPolicy> = self.on_tool(source.tool).collect();
        let context = source.context(granted);
        let read = |principal| {
            let context = context.as_ref().map_err(String::clone)?;
            let request = resolve::request(principal, &subject.action, &subject.itself, context)?;
            Ok(self.read_policies(&policies, source, &subject, (principal, &request, entities)))
        };
        let reading = |principal: &'a EntityUid| match read(principal) {
            Ok(policies) => LinkReading { principal, policies, broken: None },
            Err(error) => LinkReading { principal, policies: Vec::new(), broken: Some(error) },
        };
        source.principals.iter().map(reading).collect()
    }

    /// The verdict on a call of which everything but the arguments is known, if no arguments that
    /// fit the tool could change any part of it.
    pub(crate) fn certain_verdict(&self, source: &Source<'_>) -> Option<Verdict> {
        let at = |granted| self.read_links(source, self.entities.all(), granted);
        certain_verdict(at, source.facts, source.tool.name.as_str())
    }

    /// Whether some policy that may apply to the call, whatever its arguments, can read a part of
    /// the context.
    pub(crate) fn may_read(&self, source: &Source<'_>, part: ContextPart) -> bool {
        let readers = self.on_tool(source.tool).filter(|policy| policy.reads.reads(part));
        let readers: Vec<&CompiledPolicy> = readers.collect();
        let subject = Subject::of(source.tool);
        let target = subject.target(self, source.tool);
        let entities = self.entities.all();
        source.principals.iter().any(|principal| {
            let applies = |policy: &&CompiledPolicy| {
                scope::matches(policy, principal, &subject.action, target, entities).holds
            };
            readers.iter().any(applies)
        })
    }

    /// The policies whose scope matches the action of a tool, sorted by id.
    fn on_tool(&self, tool: &Tool) -> impl Iterator<Item = &CompiledPolicy> {
        let index = &self.policies.index;
        let action = entity(&names::ACTION, tool.name.as_str());
        let action = self.entities.position(index, &action);
        let mut numbers: Vec<usize> =
            index.on_action(&action).flat_map(|(_, policies)| policies).copied().collect();
        numbers.sort_unstable();
        let policy = |number: usize| self.policies.counted.get(number).map(Arc::as_ref);
        numbers.into_iter().filter_map(policy)
    }

    /// The exceptions that lift a forbid for a link now.
    fn lifting<'a>(
        &'a self,
        policy: &'a CompiledPolicy,
        principal: &EntityUid,
        action: &EntityUid,
        now: EpochMillis,
    ) -> Vec<&'a ExceptionUse> {
        if policy.effect == PolicyEffect::Permit {
            return Vec::new();
        }
        lifting(self.exceptions.about(principal, action), &policy.id, now).collect()
    }

    fn read_policies<'a>(
        &'a self,
        policies: &[&'a CompiledPolicy],
        source: &Source<'_>,
        subject: &Subject,
        (principal, request, entities): (&EntityUid, &Request, &Entities),
    ) -> Vec<PolicyReading<'a>> {
        let target = subject.target(self, source.tool);
        let scene = Scene {
            request,
            entities,
            unknown_context: &ARGUMENT_CONTEXT,
            unknown_resource: matches!(target, Target::Some { .. }),
        };
        let possible = |policy: &CompiledPolicy| {
            scope::matches(policy, principal, &subject.action, target, entities).and_then(|| {
                Condition::of_policy(&policy.cedar)
                    .map_or(Possible::HOLDS, |condition| condition.possible(&scene))
            })
        };
        let reading = |policy: &&'a CompiledPolicy| PolicyReading {
            policy,
            possible: possible(policy),
            lifted_by: self.lifting(policy, principal, &subject.action, source.facts.now),
        };
        policies.iter().map(reading).collect()
    }
}

/// A chain that tools are listed for.
struct ListedChain {
    principals: Vec<EntityUid>,
    proof: Proof,
    /// The entities of the bundle with what the chain's credentials say; `None`: they say nothing.
    own: Option<Entities>,
}

/// What a call of a tool is about before its arguments are known.
struct Subject {
    action: EntityUid,
    itself: EntityUid,
    service: EntityUid,
}

impl Subject {
    fn of(tool: &Tool) -> Self {
        let name = tool.name.as_str();
        Self {
            action: entity(&names::ACTION, name),
            itself: entity(&names::TOOL, name),
            service: entity(&names::SERVICE, tool.name.service()),
        }
    }

    fn target<'a>(&'a self, snapshot: &'a PolicySnapshot, tool: &Tool) -> Target<'a> {
        let mapping = tool.resource.as_ref();
        let mapped = mapping.and_then(|m| snapshot.mapped_types.get(&m.entity_type));
        mapped.map_or(Target::Known(&self.itself), |entity_type| Target::Some {
            entity_type,
            within: &self.service,
        })
    }
}

/// The verdict that all arguments lead to, if there is one.
///
/// Every real call lies between the worst and the best end: more forbids and fewer permits, or the
/// other way round. With nothing granted that order carries over to the verdict. Later rounds
/// depend on what is asked for, so they count only if the first round is the same for all.
fn known_verdict<'a>(
    at: impl Fn(Granted) -> Vec<LinkReading<'a>>,
    facts: &Facts,
    action: &str,
) -> Option<Verdict> {
    let first = at(Granted::NOTHING);
    match verdict::settled(&answers(&first, Side::Best), action) {
        Some(best) if best.outcome == Outcome::Deny => return Some(best),
        Some(_) | None => {}
    }
    match verdict::settled(&answers(&first, Side::Worst), action) {
        Some(worst) if worst.outcome == Outcome::Allow => return Some(worst),
        Some(_) | None => {}
    }
    if !first.iter().flat_map(|link| &link.policies).all(PolicyReading::is_certain) {
        return None;
    }
    let best = verdict::decide(|granted| answers(&at(granted), Side::Best), facts, action);
    let worst = verdict::decide(|granted| answers(&at(granted), Side::Worst), facts, action);
    (best.outcome == worst.outcome).then_some(worst)
}

/// The verdict that all arguments lead to, word for word, if there is one.
///
/// As above every real call lies between the two ends. Of one round that both ends settle alike,
/// every call in between makes the same: what determines it at both ends is there in between, and
/// what could come before it is at neither. Where nothing is settled, everything has to be certain.
fn certain_verdict<'a>(
    at: impl Fn(Granted) -> Vec<LinkReading<'a>>,
    facts: &Facts,
    action: &str,
) -> Option<Verdict> {
    let first = at(Granted::NOTHING);
    let settled = |side| verdict::settled(&answers(&first, side), action);
    match (settled(Side::Best), settled(Side::Worst)) {
        (Some(best), Some(worst)) => return (best == worst).then_some(worst),
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => return None,
    }
    if !first.iter().flat_map(|link| &link.policies).all(PolicyReading::is_certain) {
        return None;
    }
    let best = verdict::decide(|granted| answers(&at(granted), Side::Best), facts, action);
    let worst = verdict::decide(|granted| answers(&at(granted), Side::Worst), facts, action);
    (best == worst).then_some(worst)
}

/// What every policy may say of one link.
struct LinkReading<'a> {
    principal: &'a EntityUid,
    policies: Vec<PolicyReading<'a>>,
    broken: Option<String>,
}

/// What one policy may say of one link.
struct PolicyReading<'a> {
    policy: &'a CompiledPolicy,
    possible: Possible,
    /// With a forbid: the exceptions by which it does not count when it holds. That it may fail
    /// counts all the same.
    lifted_by: Vec<&'a ExceptionUse>,
}

impl PolicyReading<'_> {
    /// Whether it comes to the same for all arguments.
    const fn is_certain(&self) -> bool {
        self.possible.is_certain() || (!self.lifted_by.is_empty() && !self.possible.fails)
    }
}

/// Which end of what is possible.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Every open permit holds, no open forbid does, nothing open fails.
    Best,
    /// No open permit holds, every open forbid does, whatever may fail fails.
    Worst,
}

/// The answers of all links at one end of what is possible.
fn answers<'a>(links: &[LinkReading<'a>], side: Side) -> Vec<LinkAnswer<'a>> {
    links.iter().map(|link| answer(link, side)).collect()
}

fn answer<'a>(link: &LinkReading<'a>, side: Side) -> LinkAnswer<'a> {
    let mut answer = LinkAnswer { broken: link.broken.clone(), ..LinkAnswer::of(link.principal) };
    for PolicyReading { policy, possible, lifted_by } in &link.policies {
        let fails = match side {
            Side::Best => possible.always_fails(),
            Side::Worst => possible.fails,
        };
        let holds = match (policy.effect, side) {
            (PolicyEffect::Permit, Side::Best) | (PolicyEffect::Forbid, Side::Worst) => {
                possible.holds
            }
            (PolicyEffect::Permit, Side::Worst) | (PolicyEffect::Forbid, Side::Best) => {
                possible.always_holds()
            }
        };
        match policy.effect {
            _ if fails => {
                answer.failures.push((policy, "it may fail on some arguments".to_owned()));
            }
            PolicyEffect::Permit if holds => answer.permits.push(policy),
            PolicyEffect::Forbid if holds && !lifted_by.is_empty() => {
                answer.lifted.extend(lifted_by.iter().copied());
            }
            PolicyEffect::Forbid if holds => answer.forbids.push(policy),
            PolicyEffect::Permit | PolicyEffect::Forbid => {}
        }
    }
    answer
}
