//! Who asks for what, without the arguments: the part of a call that returns again and again.

use std::sync::Arc;

use cedar_policy::{Entities, EntityUid};

use crate::cedar_core::{ContextPart, ContextParts, CoreEntity, CoreValue, CoreValues, Root};
use crate::compiled_tool::{ArgumentRead, CompiledTool};
use crate::context;
use crate::exceptions::Lift;
use crate::names::{self, entity};
use crate::policy::CompiledPolicy;
use crate::snapshot::PolicySnapshot;

/// A chain, a tool and a resource, with the policies that can apply.
#[derive(Debug)]
pub(crate) struct CallScope {
    pub(crate) tool: Arc<CompiledTool>,
    pub(crate) resource: EntityUid,
    pub(crate) resource_variable: CoreEntity,
    /// Head first.
    pub(crate) links: Vec<LinkScope>,
    /// `context.chain`.
    pub(crate) chain: CoreValue,
    /// The entities to evaluate with, if they are not the bundle's.
    pub(crate) entities: Result<Option<Entities>, String>,
}

/// One link of the chain.
#[derive(Debug)]
pub(crate) struct LinkScope {
    pub(crate) principal: EntityUid,
    pub(crate) variable: CoreEntity,
    /// Numbers of the policies whose scope matches, ascending.
    pub(crate) candidates: Vec<usize>,
    /// What of `context` they can read.
    pub(crate) parts: ContextParts,
    /// Which of the tool's argument reads are theirs, ascending.
    pub(crate) argument_reads: Vec<usize>,
    /// What they can read of `context.chain`, as it stands in cache keys.
    pub(crate) chain_seen: Vec<u8>,
    /// The exceptions about this link and one of the candidates, sorted. Mostly none.
    pub(crate) lifts: Vec<Lift>,
    /// A hash of principal, tool and resource.
    pub(crate) fingerprint: u64,
}

impl CallScope {
    pub(crate) fn principals(&self) -> Vec<EntityUid> {
        self.links.iter().map(|link| link.principal.clone()).collect()
    }

    /// An estimate of the memory it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let link = |link: &LinkScope| {
            let numbers = link.candidates.len() + link.argument_reads.len();
            let lifts = link.lifts.len() * size_of::<Lift>();
            512 + numbers * size_of::<usize>() + link.chain_seen.len() + lifts
        };
        let entities = match &self.entities {
            Ok(Some(entities)) => entities.iter().count() * 1024,
            Ok(None) | Err(_) => 0,
        };
        512 + self.chain.weight() + self.links.iter().map(link).sum::<usize>() + entities
    }
}

impl PolicySnapshot {
    /// Finds the policies that can apply to each link.
    pub(crate) fn call_scope(
        &self,
        principals: &[EntityUid],
        tool: &Arc<CompiledTool>,
        resource: &EntityUid,
    ) -> CallScope {
        let index = &self.policies.index;
        let action = self.entities.position(index, &tool.action);
        let service = tool.tool.name.service();
        let mapped = tool.tool.resource.is_some();
        let position = if mapped {
            self.entities.mapped_position(index, service, resource)
        } else {
            self.entities.position(index, resource)
        };
        let chain = context::chain::<CoreValues>(principals);
        let links = principals.iter().map(|principal| {
            let of_principal = self.entities.position(index, principal);
            let candidates = index.candidates(&of_principal, &action, &position);
            let caches = self.caches.as_ref();
            let fingerprint =
                caches.map_or(0, |caches| caches.fingerprint((principal, tool.number, resource)));
            let link = self.link_scope(principal, candidates, tool, &chain);
            LinkScope { fingerprint, ..link }
        });
        let links: Vec<LinkScope> = links.collect();
        let entities = if mapped {
            let own = self.entities.mapped_resource(service, resource);
            let segment = entity(&names::SEGMENT, &tool.tool.segment);
            let service = entity(&names::SERVICE, service);
            let of_call = principals.iter().chain([&tool.action, resource, &segment, &service]);
            let candidates = links.iter().flat_map(|link| self.policies_of(link));
            let roots = of_call.chain(candidates.flat_map(|policy| &policy.names));
            self.entities.slice(roots, &own).map(Some)
        } else {
            Ok(None)
        };
        CallScope {
            tool: Arc::clone(tool),
            resource_variable: CoreEntity::new(resource),
            resource: resource.clone(),
            links,
            chain,
            entities,
        }
    }

    fn link_scope(
        &self,
        principal: &EntityUid,
        candidates: Vec<usize>,
        tool: &CompiledTool,
        chain: &CoreValue,
    ) -> LinkScope {
        let policies = || candidates.iter().filter_map(|number| self.policies.counted.get(*number));
        let parts = ContextParts::of(|part| policies().any(|policy| policy.reads.reads(part)));
        let read: Vec<ArgumentRead> =
            policies().flat_map(|policy| ArgumentRead::of(&policy.reads)).collect();
        let argument_reads = tool.reads.iter().enumerate();
        let argument_reads = argument_reads.filter(|(_, of_tool)| read.contains(of_tool));
        let mut chain_seen = Vec::new();
        let reads = policies().flat_map(|policy| policy.reads.iter());
        for read in reads.filter(|read| read.root == Root::Context) {
            match read.path.split_first() {
                None => chain.encode_read(&[], read.by, &mut chain_seen),
                Some((first, rest)) if first == ContextPart::Chain.name() => {
                    chain.encode_read(rest, read.by, &mut chain_seen);
                }
                Some(_) => {}
            }
        }
        let about = self.exceptions.about(principal, &tool.action).iter();
        let lifts = about.filter(|lift| policies().any(|policy| lift.is_about(&policy.id)));
        let lifts = lifts.cloned().collect();
        LinkScope {
            principal: principal.clone(),
            variable: CoreEntity::new(principal),
            parts,
            argument_reads: argument_reads.map(|(number, _)| number).collect(),
            chain_seen,
            candidates,
            lifts,
            fingerprint: 0,
        }
    }

    /// The policies whose scope matches a link.
    pub(crate) fn policies_of<'a>(
        &'a self,
        link: &'a LinkScope,
    ) -> impl Iterator<Item = &'a CompiledPolicy> {
        let policy = |number: &usize| self.policies.counted.get(*number).map(Arc::as_ref);
        link.candidates.iter().filter_map(policy)
    }

    /// The entities to evaluate a call with.
    pub(crate) fn entities_of<'a>(&'a self, scope: &'a CallScope) -> Result<&'a Entities, String> {
        match &scope.entities {
            Ok(Some(entities)) => Ok(entities),
            Ok(None) => Ok(self.entities.all()),
            Err(error) => Err(error.clone()),
        }
    }
}
