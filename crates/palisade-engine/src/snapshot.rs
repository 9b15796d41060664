//! One loaded bundle, ready to decide.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use cedar_policy::{Authorizer, Decision, Entities, EntityTypeName, PolicySet, Response};
use palisade_catalog::Catalog;
use palisade_core::{
    Actor, FactSources, Facts, PolicyId, Problem, Problems, Requirement, Revision, Verdict,
};

use crate::context;
use crate::entities::EntityStore;
use crate::policy::{CompiledPolicy, Policies};
use crate::resolve::ResolvedCall;
use crate::schema::{self, BundleSchema};
use crate::verdict::{self, Granted, LinkAnswer};
use crate::{Issuers, PolicyEffect, SnapshotSources, lint};

/// Policies, catalog and entities of one revision. Immutable; deciding only reads.
#[derive(Debug)]
pub struct PolicySnapshot {
    pub(crate) revision: Revision,
    pub(crate) issuers: Issuers,
    pub(crate) catalog: Catalog,
    pub(crate) schema: BundleSchema,
    pub(crate) policies: Policies,
    pub(crate) entities: EntityStore,
    /// The entity types that the catalog maps arguments to.
    pub(crate) mapped_types: BTreeMap<String, EntityTypeName>,
}

/// One policy of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Its `@id`; a template link's id.
    pub id: PolicyId,
    /// Whether it permits or forbids.
    pub effect: PolicyEffect,
    /// Where it stands, `policies/refunds.cedar:12`.
    pub location: String,
    /// What lifts it.
    pub requirement: Option<Requirement>,
    /// Whether it only watches.
    pub shadow: bool,
    /// Its `@reason`.
    pub reason: Option<String>,
}

impl PolicySnapshot {
    /// Builds a snapshot; with it come the advices for its author.
    ///
    /// # Errors
    /// Everything that is wrong with the sources: syntax, annotations, strict validation with
    /// warnings as errors, facts that `facts` does not provide, entities that do not fit.
    pub fn build(
        sources: &SnapshotSources,
        facts: FactSources,
    ) -> Result<(Self, Problems), Problems> {
        let SnapshotSources { revision, issuers, catalog, policies, links, schema, entities } =
            sources;
        let mut problems = Problems::default();
        let policies = Policies::read(policies, links, &mut problems);
        if policies.by_id.is_empty() && !problems.has_errors() {
            let problem = Problem::advice("policy.none", "the bundle has no policies");
            problems.0.push(problem.with_help("without a permit, everything is denied"));
        }
        let Some(schema) = schema::build(catalog, schema, &mut problems) else {
            return Err(problems);
        };
        schema::validate(&schema.cedar, &policies, &mut problems);
        schema::check_facts(facts, &policies, &mut problems);
        let entities =
            EntityStore::build(catalog, issuers, &schema.cedar, entities, &policies, &mut problems);
        lint::check(catalog, &policies, &schema.cedar, &mut problems);
        let mapped_types = mapped_types(catalog, &mut problems);
        let Some(entities) = entities else { return Err(problems) };
        problems.or(Self {
            revision: revision.clone(),
            issuers: issuers.clone(),
            catalog: catalog.clone(),
            schema,
            policies,
            entities,
            mapped_types,
        })
    }

    /// Names the state of the bundle.
    #[must_use]
    pub const fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The tools.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Every policy, template links included, templates not; sorted by id.
    #[must_use]
    pub fn policies(&self) -> Vec<PolicyInfo> {
        let info = |policy: &CompiledPolicy| PolicyInfo {
            id: policy.id.clone(),
            effect: policy.effect,
            location: policy.place.location(),
            requirement: policy.requirement.clone(),
            shadow: policy.shadow,
            reason: policy.reason.clone(),
        };
        self.policies.by_id.values().map(info).collect()
    }

    /// Users, agents and services that the bundle's entities name, sorted.
    #[must_use]
    pub fn known_actors(&self) -> Vec<Actor> {
        self.entities.actors()
    }

    /// Decides a call. A pure function of the snapshot, the call and the facts.
    #[must_use]
    pub fn decide(&self, call: &ResolvedCall, facts: &Facts) -> Verdict {
        let entities = self.slice(call);
        let evaluate = |granted| match &entities {
            Ok(entities) => self.evaluate(call, facts, granted, entities),
            Err(error) => self.unanswerable(call, error),
        };
        verdict::decide(evaluate, facts, &call.tool)
    }

    /// How long an allow of this call may be used again; zero: not at all.
    #[must_use]
    pub fn valid_for(&self, call: &ResolvedCall) -> Duration {
        let Some(tool) = self.catalog.tool(&call.tool) else { return Duration::ZERO };
        // An answer that can flip with time must not outlive the instant at which it does.
        let reads_clock = self.policies.counted().any(|policy| policy.reads.reads("now"));
        if reads_clock { Duration::ZERO } else { tool.valid_for }
    }

    /// The entities this call can reach.
    pub(crate) fn slice(&self, call: &ResolvedCall) -> Result<Entities, String> {
        let segment = self.catalog.tool(&call.tool).map(|tool| tool.segment.as_str());
        let mut roots = call.principals.clone();
        roots.extend([call.action.clone(), call.resource.clone()]);
        roots.extend(segment.map(|segment| crate::names::entity(&crate::names::SEGMENT, segment)));
        let service = call.tool.split('.').next().unwrap_or_default();
        roots.push(crate::names::entity(&crate::names::SERVICE, service));
        self.entities.slice(&roots, call.resource_entity.clone())
    }

    /// Evaluates all policies once for each link, that link as principal, through Cedar's public
    /// API: permits and forbids apart, because Cedar does not name the permits of a denial.
    fn evaluate(
        &self,
        call: &ResolvedCall,
        facts: &Facts,
        granted: Granted,
        entities: &Entities,
    ) -> Vec<LinkAnswer<'_>> {
        let context = match context::whole(&call.context, facts.now, granted) {
            Ok(context) => context,
            Err(error) => return self.unanswerable(call, &error),
        };
        let authorizer = Authorizer::new();
        let mut answers = Vec::with_capacity(call.principals.len());
        for principal in &call.principals {
            let request = match call.request(principal, &context) {
                Ok(request) => request,
                Err(error) => return self.unanswerable(call, &error),
            };
            let mut answer =
                LinkAnswer { principal: principal.to_string(), ..LinkAnswer::default() };
            let ask = |policies: &PolicySet| authorizer.is_authorized(&request, policies, entities);
            let permits = ask(&self.policies.permits);
            let forbids = ask(&self.policies.forbids);
            self.add_failures(&mut answer, &permits);
            self.add_failures(&mut answer, &forbids);
            answer.permits = self.satisfied(&permits, Decision::Allow);
            answer.forbids = self.satisfied(&forbids, Decision::Deny);
            answers.push(answer);
        }
        answers
    }

    /// The policies a response names as reasons, if it decided as satisfied ones do.
    fn satisfied(&self, response: &Response, decision: Decision) -> Vec<&CompiledPolicy> {
        if response.decision() != decision {
            return Vec::new();
        }
        response.diagnostics().reason().filter_map(|id| self.compiled(id)).collect()
    }

    fn add_failures<'a>(&'a self, answer: &mut LinkAnswer<'a>, response: &Response) {
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            match self.compiled(error.policy_id()) {
                Some(policy) => answer.failures.push((policy, error.inner().to_string())),
                // FAIL-CLOSED: a failure nobody can be blamed for is a failure all the same.
                None => answer.broken = Some(error.to_string()),
            }
        }
    }

    fn compiled(&self, id: &cedar_policy::PolicyId) -> Option<&CompiledPolicy> {
        self.policies.by_id.get(&PolicyId::new(id.as_ref()))
    }

    /// An answer in which evaluation failed for every link.
    fn unanswerable<'a>(&self, call: &ResolvedCall, error: &str) -> Vec<LinkAnswer<'a>> {
        let broken = |principal: &cedar_policy::EntityUid| LinkAnswer {
            principal: principal.to_string(),
            broken: Some(error.to_owned()),
            ..LinkAnswer::default()
        };
        call.principals.iter().map(broken).collect()
    }
}

fn mapped_types(catalog: &Catalog, problems: &mut Problems) -> BTreeMap<String, EntityTypeName> {
    let mut types = BTreeMap::new();
    for mapping in catalog.tools().filter_map(|tool| tool.resource.as_ref()) {
        match EntityTypeName::from_str(&mapping.entity_type) {
            Ok(name) => {
                types.insert(mapping.entity_type.clone(), name);
            }
            Err(error) => {
                let message = format!("`{}` is no entity type: {error}", mapping.entity_type);
                problems.0.push(Problem::error("catalog.resource", message));
            }
        }
    }
    types
}
