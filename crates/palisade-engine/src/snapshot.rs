//! One loaded bundle, ready to decide.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::EntityTypeName;
use palisade_catalog::{Catalog, ReferenceValues, Tool};
use palisade_core::{
    Actor, EpochMillis, FactSources, Facts, IssuerName, PolicyId, Problem, Problems, Requirement,
    Revision, Validity, Verdict,
};

use crate::answer::Decided;
use crate::caches::{CacheStats, Caches};
use crate::claims::ClaimMappings;
use crate::compiled_tool::{ArgumentRead, CompiledTool};
use crate::entities::EntityStore;
use crate::evaluate::{self, Indexed, Stock};
use crate::exceptions::{self, Exceptions};
use crate::names::{self, entity};
use crate::policy::{CompiledPolicy, Policies};
use crate::resolve::ResolvedCall;
use crate::schema::{self, BundleSchema};
use crate::{Issuers, PolicyEffect, SnapshotSources, lint, validation};

/// Policies, catalog and entities of one revision. Immutable; deciding only reads.
#[derive(Debug)]
pub struct PolicySnapshot {
    revision: Arc<Revision>,
    pub(crate) issuers: Issuers,
    pub(crate) claims: ClaimMappings,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) schema: Arc<BundleSchema>,
    pub(crate) policies: Policies,
    pub(crate) entities: Arc<EntityStore>,
    pub(crate) exceptions: Arc<Exceptions>,
    reference: Arc<ReferenceValues>,
    /// The entity types that the catalog maps arguments to.
    pub(crate) mapped_types: BTreeMap<String, EntityTypeName>,
    /// The tools of the catalog, as calls need them.
    tools: HashMap<String, Arc<CompiledTool>>,
    /// `None`: nothing is remembered.
    pub(crate) caches: Option<Caches>,
}

/// Bytes that the caches of a snapshot may hold together, unless it is told otherwise.
pub const CACHE_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

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
    /// warnings as errors, facts that `facts` does not provide, exceptions about nothing there is,
    /// entities that do not fit.
    pub fn build(
        sources: &SnapshotSources,
        facts: FactSources,
    ) -> Result<(Self, Problems), Problems> {
        Self::build_after(sources, facts, None)
    }

    /// The same, with nothing done again that is known from `previous`: the result is what
    /// [`build`](Self::build) gives, problems included.
    ///
    /// # Errors
    /// As for [`build`](Self::build).
    pub fn build_after(
        sources: &SnapshotSources,
        facts: FactSources,
        previous: Option<&Self>,
    ) -> Result<(Self, Problems), Problems> {
        let SnapshotSources {
            revision,
            issuers,
            claims,
            catalog,
            policies,
            links,
            schema,
            entities,
            exceptions,
            reference,
        } = sources;
        let mut problems = Problems::default();
        let before = previous.map(|previous| &previous.policies);
        let policies = Policies::read(policies, links, before, &mut problems);
        if policies.by_id.is_empty() && !problems.has_errors() {
            let problem = Problem::advice("policy.none", "the bundle has no policies");
            problems.0.push(problem.with_help("without a permit, everything is denied"));
        }
        let exceptions =
            Exceptions::build(exceptions, (catalog, issuers), &policies, &mut problems);
        let before = previous.map(|previous| &previous.schema);
        let Some(schema) = schema::build(catalog, schema, before, &mut problems) else {
            return Err(problems);
        };
        // With another schema nothing is known of any policy.
        let validated = previous.filter(|previous| Arc::ptr_eq(&previous.schema, &schema));
        let validated = validated.map(|previous| &previous.policies);
        validation::validate(&schema.cedar, &policies, validated, &mut problems);
        schema::check_facts(facts, &policies, &mut problems);
        claims.check(&schema.json, entities, &mut problems);
        let entities =
            EntityStore::build(catalog, issuers, &schema.cedar, entities, &policies, &mut problems);
        lint::check(catalog, &policies, &schema.cedar, &mut problems);
        let mapped_types = mapped_types(catalog, &mut problems);
        let Some(entities) = entities else { return Err(problems) };
        let known = lint::names::Known::of(catalog, (issuers, claims), entities.all());
        lint::names::check(&known, &policies, &mut problems);
        let tools = compile_tools(catalog, &policies, &entities);
        problems.or(Self {
            revision: Arc::new(revision.clone()),
            issuers: issuers.clone(),
            claims: claims.clone(),
            catalog: Arc::new(catalog.clone()),
            schema,
            policies,
            entities: Arc::new(entities),
            exceptions: Arc::new(exceptions),
            reference: Arc::new(reference.clone()),
            mapped_types,
            tools,
            caches: Some(Caches::new(CACHE_BYTES_DEFAULT)),
        })
    }

    /// The same revision with the policies counted that are marked `@mode("shadow")`, like any
    /// other: what it would answer if they were in force. It has caches of its own, as large as
    /// this one's. `None` if there are no such policies.
    #[must_use]
    pub fn counting_shadow_policies(&self) -> Option<Self> {
        let policies = self.policies.counting_shadow()?;
        // They were validated with the others, and the entities' positions hold for all.
        Some(Self {
            revision: Arc::clone(&self.revision),
            issuers: self.issuers.clone(),
            claims: self.claims.clone(),
            catalog: Arc::clone(&self.catalog),
            schema: Arc::clone(&self.schema),
            tools: compile_tools(&self.catalog, &policies, &self.entities),
            policies,
            entities: Arc::clone(&self.entities),
            exceptions: Arc::clone(&self.exceptions),
            reference: Arc::clone(&self.reference),
            mapped_types: self.mapped_types.clone(),
            caches: self.caches.as_ref().map(|caches| Caches::new(caches.bytes_max())),
        })
    }

    /// The same, with empty caches of about this many bytes together; 0: it remembers nothing.
    #[must_use]
    pub fn with_cache_bytes(self, bytes: u64) -> Self {
        Self { caches: (bytes > 0).then(|| Caches::new(bytes)), ..self }
    }

    /// What the caches did, and hold now; `None` if there are none.
    #[must_use]
    pub fn cache_stats(&self) -> Option<CacheStats> {
        self.caches.as_ref().map(Caches::stats)
    }

    /// Names the state of the bundle.
    #[must_use]
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The same, to be kept.
    #[must_use]
    pub const fn shared_revision(&self) -> &Arc<Revision> {
        &self.revision
    }

    /// The tools.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What environments have to have measured to be known.
    #[must_use]
    pub fn reference_values(&self) -> &ReferenceValues {
        &self.reference
    }

    /// The identifier that an issuer's alias stands for; `None`: it is no alias of the bundle.
    #[must_use]
    pub fn issuer_identifier(&self, alias: &IssuerName) -> Option<&str> {
        self.issuers.identifier(alias.as_str())
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

    /// What an author should know of the ends of exceptions: errors `exception.expired`, advices
    /// `exception.expires_soon` within seven days. Neither keeps a bundle from loading.
    #[must_use]
    pub fn expired_exceptions(&self, now: EpochMillis) -> Vec<Problem> {
        exceptions::expired(self.exceptions.written(), now)
    }

    /// Users, agents and services that the bundle's entities name, sorted.
    #[must_use]
    pub fn known_actors(&self) -> Vec<Actor> {
        self.entities.actors()
    }

    /// The tool of this name.
    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<CompiledTool>> {
        self.tools.get(name)
    }

    /// Decides a call. A pure function of the snapshot, the call and the facts; what the policies
    /// said of a link before is taken from memory.
    #[must_use]
    pub fn decide(&self, call: &ResolvedCall, facts: &Facts) -> Decided {
        self.decide_indexed(call, facts, self.caches.as_ref())
    }

    /// The same without remembering anything. For tests and measurements.
    #[must_use]
    pub fn decide_afresh(&self, call: &ResolvedCall, facts: &Facts) -> Decided {
        self.decide_indexed(call, facts, None)
    }

    fn decide_indexed(
        &self,
        call: &ResolvedCall,
        facts: &Facts,
        caches: Option<&Caches>,
    ) -> Decided {
        let indexed = Indexed::new(self, call, facts, caches);
        let verdict = evaluate::decide(&indexed, facts, call);
        Decided { verdict, validity: indexed.validity().and(self.facts_stand(call, facts)) }
    }

    /// While the call's own sign-in and attestation satisfy the same of the requirements that its
    /// candidates may ask for.
    fn facts_stand(&self, call: &ResolvedCall, facts: &Facts) -> Validity {
        if facts.authentication.is_none() && facts.attestation.is_none() {
            return Validity::ALWAYS;
        }
        let links = call.scope.links.iter();
        let policies = links.flat_map(|link| self.policies_of(link));
        let requirements = policies.filter_map(|policy| policy.requirement.as_ref());
        let changes = requirements.flat_map(|requirement| facts.changes(requirement));
        Validity::between(changes, facts.now)
    }

    /// Decides a call through Cedar's own authorizer and all policies: the same verdict as
    /// [`decide`](Self::decide), at a cost that grows with the policies. For tests.
    #[must_use]
    pub fn decide_by_stock_cedar(&self, call: &ResolvedCall, facts: &Facts) -> Verdict {
        evaluate::decide(&Stock::new(self, call, facts), facts, call)
    }
}

/// The tools, with what the policies on their actions can read.
fn compile_tools(
    catalog: &Catalog,
    policies: &Policies,
    entities: &EntityStore,
) -> HashMap<String, Arc<CompiledTool>> {
    // Together for all policies on the same actions: there are as many as tools and groups of them,
    // and policies may be a hundred times as many.
    let read = |group: &[usize]| -> BTreeSet<ArgumentRead> {
        let policies = group.iter().filter_map(|number| policies.counted.get(*number));
        policies.flat_map(|policy| ArgumentRead::of(&policy.reads)).collect()
    };
    let groups: Vec<BTreeSet<ArgumentRead>> = policies.index.action_groups().map(read).collect();
    let compile = |(number, tool): (usize, &Arc<Tool>)| {
        let action = entity(&names::ACTION, tool.name.as_str());
        let action = entities.position(&policies.index, &action);
        let on_action = policies.index.on_action(&action);
        let reads = on_action.filter_map(|(group, _)| groups.get(group)).flatten().cloned();
        let compiled = CompiledTool::new(tool, number, reads.collect());
        (tool.name.as_str().to_owned(), Arc::new(compiled))
    };
    catalog.shared_tools().enumerate().map(compile).collect()
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
