//! One loaded bundle, ready to decide.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use cedar_policy::EntityTypeName;
use palisade_catalog::Catalog;
use palisade_core::{
    Actor, FactSources, Facts, PolicyId, Problem, Problems, Requirement, Revision, Verdict,
};

use crate::cedar_core::ContextPart;
use crate::entities::{EntityStore, Reachable};
use crate::evaluate::{self, Indexed, Stock};
use crate::names::{self, entity};
use crate::policy::{CompiledPolicy, Policies};
use crate::resolve::ResolvedCall;
use crate::schema::{self, BundleSchema};
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
        let info = |policy: &Arc<CompiledPolicy>| PolicyInfo {
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
        evaluate::decide(&Indexed::new(self, call, facts), facts, call)
    }

    /// Decides a call through Cedar's own authorizer and all policies: the same verdict as
    /// [`decide`](Self::decide), at a cost that grows with the policies. For tests.
    #[must_use]
    pub fn decide_by_stock_cedar(&self, call: &ResolvedCall, facts: &Facts) -> Verdict {
        evaluate::decide(&Stock { snapshot: self, call, facts }, facts, call)
    }

    /// How long an allow of this call may be used again; zero: not at all.
    #[must_use]
    pub fn valid_for(&self, call: &ResolvedCall) -> Duration {
        // An answer that can flip with time must not outlive the instant at which it does.
        let mut candidates = self.candidates(call).into_iter().flatten();
        let reads_clock = candidates.any(|policy| policy.reads.reads(ContextPart::Now));
        if reads_clock { Duration::ZERO } else { call.tool.valid_for }
    }

    /// For each link, the policies whose scope matches, sorted by id.
    pub(crate) fn candidates(&self, call: &ResolvedCall) -> Vec<Vec<&CompiledPolicy>> {
        let index = &self.policies.index;
        let action = self.entities.position(index, &call.action);
        let resource = match call.resource_entity {
            None => self.entities.position(index, &call.resource),
            Some(_) => {
                let service = call.tool.name.service();
                self.entities.mapped_position(index, service, &call.resource)
            }
        };
        let of = |principal| {
            let principal = self.entities.position(index, principal);
            let found = index.candidates(&principal, &action, &resource);
            found
                .into_iter()
                .filter_map(|number| Some(self.policies.counted.get(number)?.as_ref()))
                .collect()
        };
        call.principals.iter().map(of).collect()
    }

    /// The entities that these policies can reach for this call.
    pub(crate) fn reachable<'a>(
        &self,
        call: &ResolvedCall,
        policies: impl Iterator<Item = &'a CompiledPolicy>,
    ) -> Result<Reachable<'_>, String> {
        let segment = entity(&names::SEGMENT, &call.tool.segment);
        let service = entity(&names::SERVICE, call.tool.name.service());
        let of_call = call.principals.iter().chain([&call.action, &call.resource]);
        let roots = of_call.chain([&segment, &service]).chain(policies.flat_map(|p| &p.names));
        self.entities.reachable(roots, call.resource_entity.as_ref())
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
