//! Only the policies whose scope matches, only the facts they read, and nothing asked twice.

use std::cell::{Cell, OnceCell};

use palisade_core::{Facts, Validity};

use super::{Evaluate, broken};
use crate::PolicyEffect;
use crate::answer::is_lasting;
use crate::caches::{Caches, LinkVerdict, SeenByLink, Uncacheable, VerdictKeyRef};
use crate::call_scope::LinkScope;
use crate::cedar_core::{
    ContextPart, ContextParts, CoreContext, CoreValue, CoreValues, CoreVariables, PolicyEvaluator,
};
use crate::context;
use crate::exceptions::lifting;
use crate::policy::CompiledPolicy;
use crate::resolve::ResolvedCall;
use crate::snapshot::PolicySnapshot;
use crate::values::Values as _;
use crate::verdict::{Granted, LinkAnswer};

/// Evaluates the candidates of every link, as often as cure facts change.
pub(crate) struct Indexed<'a> {
    snapshot: &'a PolicySnapshot,
    call: &'a ResolvedCall,
    facts: &'a Facts,
    /// `None`: nothing is remembered.
    caches: Option<&'a Caches>,
    /// While everything stands that was evaluated so far.
    validity: Cell<Validity>,
}

impl<'a> Indexed<'a> {
    pub(crate) const fn new(
        snapshot: &'a PolicySnapshot,
        call: &'a ResolvedCall,
        facts: &'a Facts,
        caches: Option<&'a Caches>,
    ) -> Self {
        Self { snapshot, call, facts, caches, validity: Cell::new(Validity::ALWAYS) }
    }

    /// While everything stands that was evaluated.
    pub(crate) const fn validity(&self) -> Validity {
        self.validity.get()
    }

    fn link_answer(
        &self,
        link: &'a LinkScope,
        granted: Granted,
        context: &dyn Fn() -> Result<CoreContext, String>,
    ) -> Result<LinkAnswer<'a>, String> {
        let Some(caches) = self.caches else {
            let (answer, validity) = self.evaluate_link(link, &context()?)?;
            self.narrow(validity);
            return Ok(answer);
        };
        let mut seen = Vec::with_capacity(256);
        let arguments = &self.call.arguments.seen;
        let source_address = self.call.source_address;
        SeenByLink { link, arguments, source_address, facts: self.facts, granted }
            .write(&mut seen)?;
        let key = VerdictKeyRef { scope: &self.call.scope, link, seen: &seen };
        if let Some(found) = caches.verdict(key, self.facts.now) {
            self.narrow(found.validity);
            return self.remembered(link, &found);
        }
        let (answer, validity) = self.evaluate_link(link, &context()?)?;
        self.narrow(validity);
        if !answer.failures.is_empty() {
            caches.counters.uncacheable(Uncacheable::Failure);
        } else if !is_lasting(validity, self.facts.now) {
            caches.counters.uncacheable(Uncacheable::Clock);
        } else {
            caches.keep_verdict(key, || self.verdict(link, &answer, validity));
        }
        Ok(answer)
    }

    /// Takes the forbids out of an answer that exceptions lift. What was remembered of a link knows
    /// nothing of exceptions, so only the whole answer has to end with one.
    fn lift(&self, link: &'a LinkScope, mut answer: LinkAnswer<'a>) -> LinkAnswer<'a> {
        if link.lifts.is_empty() || answer.forbids.is_empty() {
            return answer;
        }
        for forbid in std::mem::take(&mut answer.forbids) {
            let about = link.lifts.iter().filter(|lift| lift.is_about(&forbid.id));
            let ends = about.map(|lift| lift.until.as_millis());
            self.narrow(Validity::between(ends, self.facts.now));
            let before = answer.lifted.len();
            answer.lifted.extend(lifting(&link.lifts, &forbid.id, self.facts.now));
            if answer.lifted.len() == before {
                answer.forbids.push(forbid);
            }
        }
        answer
    }

    fn narrow(&self, validity: Validity) {
        self.validity.set(self.validity.get().and(validity));
    }

    fn evaluate_link(
        &self,
        link: &'a LinkScope,
        context: &CoreContext,
    ) -> Result<(LinkAnswer<'a>, Validity), String> {
        let scope = &self.call.scope;
        let variables = CoreVariables {
            principal: &link.variable,
            action: &scope.tool.action_variable,
            resource: &scope.resource_variable,
        };
        let entities = self.snapshot.entities_of(scope)?;
        let evaluator = PolicyEvaluator::new(variables, context, entities);
        let mut answer = LinkAnswer::of(&link.principal);
        for policy in self.snapshot.policies_of(link) {
            match (evaluator.is_satisfied(&policy.body), policy.effect) {
                (Ok(true), PolicyEffect::Permit) => answer.permits.push(policy),
                (Ok(true), PolicyEffect::Forbid) => answer.forbids.push(policy),
                (Ok(false), PolicyEffect::Permit | PolicyEffect::Forbid) => {}
                (Err(error), PolicyEffect::Permit | PolicyEffect::Forbid) => {
                    answer.failures.push((policy, error));
                }
            }
        }
        // Nothing is known of when a failure will pass.
        let validity = if answer.failures.is_empty() {
            let policies = self.snapshot.policies_of(link);
            policies
                .map(|policy| policy.clock.validity(&evaluator, &policy.body, self.facts.now))
                .fold(Validity::ALWAYS, Validity::and)
        } else {
            Validity::at(self.facts.now)
        };
        Ok((answer, validity))
    }

    /// The answer as it is kept.
    fn verdict(
        &self,
        link: &LinkScope,
        answer: &LinkAnswer<'_>,
        validity: Validity,
    ) -> LinkVerdict {
        let numbers = |policies: &[&CompiledPolicy]| {
            let is_one = |number: &&usize| {
                let policy = self.snapshot.policies.counted.get(**number);
                policy.is_some_and(|policy| policies.iter().any(|one| one.id == policy.id))
            };
            link.candidates.iter().filter(is_one).copied().collect()
        };
        LinkVerdict {
            permits: numbers(&answer.permits),
            forbids: numbers(&answer.forbids),
            validity,
        }
    }

    fn remembered(
        &self,
        link: &'a LinkScope,
        verdict: &LinkVerdict,
    ) -> Result<LinkAnswer<'a>, String> {
        let policies = |numbers: &[usize]| {
            let policy = |number: &usize| self.snapshot.policies.counted.get(*number);
            let policies = numbers.iter().map(|number| Some(policy(number)?.as_ref()));
            // FAIL-CLOSED: a forbid that cannot be found must not be forgotten.
            policies.collect::<Option<Vec<_>>>().ok_or("a remembered policy is gone")
        };
        let (permits, forbids) = (policies(&verdict.permits)?, policies(&verdict.forbids)?);
        Ok(LinkAnswer { permits, forbids, ..LinkAnswer::of(&link.principal) })
    }

    /// The parts of the context that some candidate can read.
    // INVARIANT: what differs here between two calls on one link stands in what `SeenByLink` writes,
    // or narrows the validity. Held by the differential test in `tests/policy`.
    fn context(&self, granted: Granted) -> Result<CoreContext, String> {
        let Self { call, facts, .. } = self;
        let ResolvedCall { scope, arguments, source_address } = call;
        let nothing = ContextParts::default();
        let wanted = scope.links.iter().fold(nothing, |parts, link| parts.or(link.parts));
        let mut parts: Vec<(&str, CoreValue)> = Vec::with_capacity(8);
        let mut add = |part: ContextPart, value: &dyn Fn() -> Result<CoreValue, String>| {
            if wanted.has(part) {
                parts.push((part.name(), value()?));
            }
            Ok::<(), String>(())
        };
        let cure = |granted| Ok(context::cure::<CoreValues>(granted));
        add(ContextPart::Approval, &|| cure(granted.approval))?;
        let built = || arguments.built(&scope.tool);
        add(ContextPart::Args, &|| Ok(built()?.args.clone()))?;
        let no_info = || "the reads of the arguments' lengths were not foreseen".to_owned();
        add(ContextPart::ArgsInfo, &|| built()?.info.clone().ok_or_else(no_info))?;
        if let Some(proven) = &facts.attestation {
            add(ContextPart::Attestation, &|| context::attestation::<CoreValues>(proven))?;
        }
        if let Some(known) = &facts.authentication {
            add(ContextPart::Auth, &|| context::authentication::<CoreValues>(known))?;
        }
        add(ContextPart::Chain, &|| Ok(scope.chain.clone()))?;
        add(ContextPart::Confirmation, &|| cure(granted.confirmation))?;
        add(ContextPart::Data, &|| Ok(scope.tool.context.data.clone()))?;
        add(ContextPart::Now, &|| CoreValues::datetime(facts.now))?;
        if let Some(address) = source_address {
            add(ContextPart::SourceIp, &|| CoreValues::ip(*address))?;
        }
        add(ContextPart::StepUp, &|| cure(granted.step_up))?;
        add(ContextPart::Tool, &|| Ok(scope.tool.context.tool.clone()))?;
        add(ContextPart::Ungrounded, &|| Ok(scope.tool.context.ungrounded.clone()))?;
        Ok(CoreContext::of(parts))
    }
}

impl Evaluate for Indexed<'_> {
    fn evaluate(&self, granted: Granted) -> Vec<LinkAnswer<'_>> {
        // Built once for all links, and only if some link has to be evaluated.
        let built = OnceCell::new();
        let context = || -> Result<CoreContext, String> {
            built.get_or_init(|| self.context(granted)).clone()
        };
        let links = self.call.scope.links.iter();
        let answers: Result<Vec<_>, String> = links
            .map(|link| Ok(self.lift(link, self.link_answer(link, granted, &context)?)))
            .collect();
        answers.unwrap_or_else(|error| broken(self.call, &error))
    }
}
