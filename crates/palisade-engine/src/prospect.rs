//! What may be said of a tool before its arguments are known.
//!
//! Sound in both directions: `ALLOW` and `CHALLENGE` hold for all arguments that fit the tool,
//! `DENY` is said only if no arguments could be allowed. Everything else is `DEPENDS`.

use std::sync::Arc;

use cedar_policy::{EntityUid, Request};
use palisade_catalog::Tool;
use palisade_core::{
    ActorChain, Environment, Facts, Outcome, PolicyId, PostedRequirement, Prospect, Reason,
    ReasonCode, ToolName, Verdict,
};

use crate::PolicyEffect;
use crate::cedar_core::{Condition, ContextPart, Scene};
use crate::context::Source;
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
        environment: &Environment,
        facts: &Facts,
    ) -> Result<Vec<ToolProspect>, Refusal> {
        let principals = self.principals(chain)?;
        let prospect = |tool| self.prospect(tool, &principals, environment, facts);
        Ok(self.catalog.shared_tools().map(prospect).collect())
    }

    fn prospect(
        &self,
        tool: &Arc<Tool>,
        principals: &[EntityUid],
        environment: &Environment,
        facts: &Facts,
    ) -> ToolProspect {
        let source = Source {
            tool,
            principals,
            arguments: None,
            source_address: environment.source_address,
            now: facts.now,
        };
        let at = |granted| self.read_links(&source, granted);
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
    fn read_links<'a>(&'a self, source: &Source<'a>, granted: Granted) -> Vec<LinkReading<'a>> {
        let name = source.tool.name.as_str();
        let (action, itself) = (entity(&names::ACTION, name), entity(&names::TOOL, name));
        let context = source.context(granted);
        let read = |principal| {
            let context = context.as_ref().map_err(String::clone)?;
            let request = resolve::request(principal, &action, &itself, context)?;
            Ok(self.read_policies(source.tool, &request, principal, &action, &itself))
        };
        let reading = |principal: &'a EntityUid| match read(principal) {
            Ok(policies) => LinkReading { principal, policies, broken: None },
            Err(error) => LinkReading { principal, policies: Vec::new(), broken: Some(error) },
        };
        source.principals.iter().map(reading).collect()
    }

    fn read_policies(
        &self,
        tool: &Tool,
        request: &Request,
        principal: &EntityUid,
        action: &EntityUid,
        itself: &EntityUid,
    ) -> Vec<(&CompiledPolicy, Possible)> {
        // Without arguments there is no resource of its own, so these are all entities.
        let entities = self.entities.all();
        let service = entity(&names::SERVICE, tool.name.service());
        let mapped = tool.resource.as_ref().and_then(|m| self.mapped_types.get(&m.entity_type));
        let target = mapped.map_or(Target::Known(itself), |entity_type| Target::Some {
            entity_type,
            within: &service,
        });
        let scene = Scene {
            request,
            entities,
            unknown_context: &ARGUMENT_CONTEXT,
            unknown_resource: mapped.is_some(),
        };
        let possible = |policy: &CompiledPolicy| {
            scope::matches(policy, principal, action, target, entities).and_then(|| {
                Condition::of_policy(&policy.cedar)
                    .map_or(Possible::HOLDS, |condition| condition.possible(&scene))
            })
        };
        self.policies.counted.iter().map(|policy| (policy.as_ref(), possible(policy))).collect()
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
    if !first.iter().flat_map(|link| &link.policies).all(|(_, possible)| possible.is_certain()) {
        return None;
    }
    let best = verdict::decide(|granted| answers(&at(granted), Side::Best), facts, action);
    let worst = verdict::decide(|granted| answers(&at(granted), Side::Worst), facts, action);
    (best.outcome == worst.outcome).then_some(worst)
}

/// What every policy may say of one link.
struct LinkReading<'a> {
    principal: &'a EntityUid,
    policies: Vec<(&'a CompiledPolicy, Possible)>,
    broken: Option<String>,
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
    for (policy, possible) in &link.policies {
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
            PolicyEffect::Forbid if holds => answer.forbids.push(policy),
            PolicyEffect::Permit | PolicyEffect::Forbid => {}
        }
    }
    answer
}
