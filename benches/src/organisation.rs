//! Organisations as they might be: people in nested groups, agents with owners, tools in services
//! in segments, policies that are mostly scoped, guardrails that hold for everything.
//!
//! The same scale gives the same organisation, byte by byte, on every machine. Groups and users
//! grow with the policies, so that the number of policies about one person stays about the same;
//! how many tools there are is given apart.

mod bundle;
mod calls;
mod entities;
mod policies;
mod tools;

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_catalog::{Catalog, ReferenceValues};
use palisade_core::{
    BundleName, EpochMillis, FactSources, Facts, Revision, Sha256Digest, ToolCall, Verdict,
};
use palisade_engine::{
    Answer, ClaimMappings, Issuers, PolicySnapshot, SnapshotSources, SourceFile,
};
use serde_json::Value;

pub use bundle::{BUNDLE, BundleFiles};
pub use calls::{Call, READ_COUNTER, UNREAD_COUNTER};

/// The issuer of all actors.
pub const ISSUER: &str = "corp";

/// The name the issuer gives itself.
const ISSUER_NAME: &str = "https://idp.example.com";

/// The instant that benchmarks decide at.
pub const NOW: EpochMillis = EpochMillis::new(1_767_268_800_000);

/// Fields of the arguments of one call, unless told otherwise.
pub const FIELDS: usize = 12;

/// How large an organisation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Policies, guardrails included.
    pub policies: usize,
    /// Tools, ten to a service.
    pub tools: usize,
    /// Fields of every tool's arguments, at least 10.
    pub fields: usize,
}

/// A generated organisation.
#[derive(Clone, Debug)]
pub struct Organisation {
    scale: Scale,
    grants: Vec<Grant>,
    policies: Vec<String>,
    entities: Vec<Value>,
}

/// Something a policy permits, so that calls can be made that are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grant {
    user: usize,
    tool: usize,
}

impl Scale {
    /// So many policies over 100 tools.
    #[must_use]
    pub const fn of_policies(policies: usize) -> Self {
        Self { policies, tools: 100, fields: FIELDS }
    }

    const fn services(self) -> usize {
        self.tools.div_ceil(10)
    }

    const fn segments(self) -> usize {
        self.services().div_ceil(4)
    }

    fn teams(self) -> usize {
        (self.policies / 10).clamp(8, 10_000)
    }

    fn departments(self) -> usize {
        self.teams().div_ceil(TEAMS_PER_DEPARTMENT)
    }

    fn users(self) -> usize {
        (self.policies / 2).clamp(64, 20_000)
    }

    fn agents(self) -> usize {
        self.users() / 4
    }
}

const TEAMS_PER_DEPARTMENT: usize = 8;
const AGENT_GROUPS: usize = 16;

/// Calls of a pool.
const CALLS: usize = 64;

/// Policies of one file.
const POLICIES_PER_FILE: usize = 1_000;

impl Organisation {
    /// The organisation of a scale.
    #[must_use]
    pub fn generate(scale: Scale) -> Self {
        let mut random = fastrand::Rng::with_seed(0x0070_616c_6973_6164);
        let (policies, grants) = policies::generate(scale, &mut random);
        let entities = entities::generate(scale);
        Self { scale, grants, policies, entities }
    }

    /// Its policies, one text each.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// Its users, agents and groups in Cedar's JSON form.
    #[must_use]
    pub fn entities(&self) -> &[Value] {
        &self.entities
    }

    /// Segments, services, tools and actions in Cedar's JSON form, as a snapshot makes them of
    /// the catalog.
    #[must_use]
    pub fn catalog_entities(&self) -> Vec<Value> {
        tools::entities(self.scale)
    }

    /// Calls by chains of so many links, nine of ten of them made to be allowed.
    #[must_use]
    pub fn calls(&self, links: usize) -> Vec<Call> {
        self.many_calls(links, CALLS)
    }

    /// So many of them.
    fn many_calls(&self, links: usize, count: usize) -> Vec<Call> {
        calls::generate(self.scale, &self.grants, links, count)
    }

    /// What a snapshot is built from.
    ///
    /// # Panics
    /// The generated catalog is rejected.
    #[must_use]
    pub fn sources(&self) -> SnapshotSources {
        let file = |name: String, text: String| SourceFile { name: name.into(), text: text.into() };
        let catalog = tools::catalog(self.scale, false);
        let (catalog, _) = Catalog::parse(&Arc::from("catalog.yaml"), &catalog)
            .unwrap_or_else(|problems| panic!("the catalog is rejected: {problems:#?}"));
        let policies = self.policies.chunks(POLICIES_PER_FILE).enumerate();
        SnapshotSources {
            revision: Revision {
                bundle: BundleName::new("bench").expect("a bundle name"),
                version: 1,
                digest: Sha256Digest::of(b""),
            },
            issuers: Issuers::new(BTreeMap::from([(ISSUER.to_owned(), ISSUER_NAME.to_owned())])),
            claims: ClaimMappings::default(),
            catalog,
            policies: policies
                .map(|(i, chunk)| file(format!("policies/{i:03}.cedar"), chunk.join("\n")))
                .collect(),
            links: Vec::new(),
            schema: vec![file("schema/own.cedarschema".to_owned(), entities::SCHEMA.to_owned())],
            entities: vec![file(
                "entities/all.json".to_owned(),
                serde_json::to_string(&self.entities).expect("JSON"),
            )],
            exceptions: Vec::new(),
            reference: ReferenceValues::default(),
        }
    }

    /// Its snapshot, validated like any other.
    ///
    /// # Panics
    /// The organisation does not load.
    #[must_use]
    pub fn snapshot(&self) -> PolicySnapshot {
        build(&self.sources())
    }
}

/// Answers a call as the pipeline does, from the bytes of its arguments on.
#[must_use]
pub fn answer(snapshot: &PolicySnapshot, call: &ToolCall) -> Arc<Answer> {
    snapshot.answer(call, &Facts::at(NOW))
}

/// Answers a call whose arguments and candidate policies are known: what is left is to evaluate
/// these.
///
/// # Panics
/// The call does not fit the catalog.
#[must_use]
pub fn evaluate(snapshot: &PolicySnapshot, call: &ToolCall) -> Verdict {
    let resolved = snapshot.resolve(call).call.expect("a call that fits");
    snapshot.decide_afresh(&resolved, &Facts::at(NOW)).verdict
}

/// Builds a snapshot of generated sources.
///
/// # Panics
/// They do not load.
#[must_use]
pub fn build(sources: &SnapshotSources) -> PolicySnapshot {
    match PolicySnapshot::build(sources, FactSources::default()) {
        Ok((snapshot, _)) => snapshot,
        Err(problems) => {
            let first: Vec<String> = problems.0.iter().take(5).map(ToString::to_string).collect();
            panic!("the organisation does not load: {first:#?}")
        }
    }
}

#[cfg(test)]
mod tests;
