//! Who asks for what, without the arguments: the part of a call that returns again and again.

use std::sync::Arc;

use cedar_policy::{Entities, Entity, EntityUid};
use palisade_core::Proof;

use crate::cedar_core::{
    ContextPart, ContextParts, CoreEntity, CoreValue, CoreValues, Read, ReadBy, Root,
};
use crate::claims::LinkCredentials;
use crate::compiled_tool::{ArgumentRead, CompiledTool};
use crate::context;
use crate::exceptions::Lift;
use crate::key_bytes;
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
    /// How far the chain is proven, as it stands in `context.chain`.
    pub(crate) proof: Proof,
    /// The principals that a credential says something of, with that.
    pub(crate) own: Vec<Entity>,
    /// The entities to evaluate with, if they are not the bundle's.
    pub(crate) entities: Result<Option<Entities>, String>,
}

/// A link of a chain as the policies see it.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) uid: EntityUid,
    /// What its credential says of it; `None`: nothing is known.
    pub(crate) credentials: Option<LinkCredentials>,
    /// The groups that its credential puts it into.
    pub(crate) groups: Vec<EntityUid>,
}

impl Principal {
    fn write_key(&self, to: &mut Vec<u8>) {
        match &self.credentials {
            Some(known) => {
                to.push(key_bytes::PRESENT);
                to.extend(&known.key);
            }
            None => to.push(key_bytes::ABSENT),
        }
    }

    /// Whether it is another entity than the bundle's.
    pub(crate) fn differs(&self) -> bool {
        !self.groups.is_empty()
            || self.credentials.as_ref().is_some_and(|known| !known.attributes.is_empty())
    }
}

/// How far a chain is proven: as far as its weakest link.
pub(crate) fn weakest_proof(principals: &[Principal]) -> Proof {
    let proofs = principals.iter().map(|principal| principal.credentials.as_ref());
    proofs.map(|known| known.map_or(Proof::Asserted, |k| k.proof)).min().unwrap_or(Proof::Asserted)
}

/// One link of the chain.
#[derive(Debug)]
pub(crate) struct LinkScope {
    pub(crate) principal: EntityUid,
    pub(crate) variable: CoreEntity,
    /// The groups that its credential puts it into.
    pub(crate) groups: Vec<EntityUid>,
    /// Numbers of the policies whose scope matches, ascending.
    pub(crate) candidates: Vec<usize>,
    /// What of `context` they can read.
    pub(crate) parts: ContextParts,
    /// Which of the tool's argument reads are theirs, ascending.
    pub(crate) argument_reads: Vec<usize>,
    /// What its own credential says, as it stands in cache keys. It can say which policies are
    /// candidates, and so comes before everything that they read.
    pub(crate) credentials_seen: Vec<u8>,
    /// What they can read of `context.chain` and of the other links' credentials, as it stands in
    /// cache keys.
    pub(crate) chain_seen: Vec<u8>,
    /// What they can read of the sign-in and of the attestation.
    pub(crate) fact_reads: Vec<FactRead>,
    /// The exceptions about this link and one of the candidates, sorted. Mostly none.
    pub(crate) lifts: Vec<Lift>,
    /// A hash of principal, tool and resource.
    pub(crate) fingerprint: u64,
}

/// A path into a part of `context` that differs from call to call and is not the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactRead {
    pub(crate) part: ContextPart,
    pub(crate) path: Vec<String>,
    pub(crate) by: ReadBy,
}

impl FactRead {
    const PARTS: [ContextPart; 2] = [ContextPart::Attestation, ContextPart::Auth];

    /// What a read looks at of these parts.
    fn of(read: &Read) -> Vec<Self> {
        let into = |part, path: &[String]| Self { part, path: path.to_vec(), by: read.by };
        match (&read.root, read.path.split_first()) {
            (Root::Context, None) => Self::PARTS.into_iter().map(|part| into(part, &[])).collect(),
            (Root::Context, Some((first, rest))) => {
                let part = Self::PARTS.into_iter().find(|part| part.name() == first);
                part.map(|part| into(part, rest)).into_iter().collect()
            }
            (Root::Action | Root::Entity(_) | Root::Principal | Root::Resource, _) => Vec::new(),
        }
    }
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
            let seen = link.credentials_seen.len() + link.chain_seen.len();
            512 + numbers * size_of::<usize>() + seen + lifts
        };
        let groups = self.links.iter().map(|link| link.groups.len() * 256).sum::<usize>();
        let own = groups + self.own.len() * 1024;
        let entities = match &self.entities {
            Ok(Some(entities)) => entities.iter().count() * 1024,
            Ok(None) | Err(_) => 0,
        };
        512 + self.chain.weight() + self.links.iter().map(link).sum::<usize>() + own + entities
    }
}

impl PolicySnapshot {
    /// Finds the policies that can apply to each link.
    pub(crate) fn call_scope(
        &self,
        principals: &[Principal],
        tool: &Arc<CompiledTool>,
        resource: &EntityUid,
    ) -> CallScope {
        let index = &self.policies.index;
        let action = self.entities.position(index, &tool.action);
        let service = tool.tool.name.service();
        let mapped = tool.tool.resource.is_some();
        let within: Vec<EntityUid> =
            mapped.then(|| entity(&names::SERVICE, service)).into_iter().collect();
        let position = self.entities.position_among(index, resource, &within, principals);
        let uids: Vec<EntityUid> =
            principals.iter().map(|principal| principal.uid.clone()).collect();
        let proof = weakest_proof(principals);
        let chain = context::chain::<CoreValues>(&uids, proof);
        let links = principals.iter().enumerate().map(|(place, Principal { uid, .. })| {
            let of_principal = self.entities.position_among(index, uid, &[], principals);
            let candidates = index.candidates(&of_principal, &action, &position);
            let caches = self.caches.as_ref();
            let fingerprint =
                caches.map_or(0, |caches| caches.fingerprint((uid, tool.number, resource)));
            let link = self.link_scope(principals, place, candidates, tool, &chain);
            link.map(|link| LinkScope { fingerprint, ..link })
        });
        let links: Vec<LinkScope> = links.flatten().collect();
        let own: Result<Vec<Entity>, String> = self.own_entities(principals);
        let entities = own.clone().and_then(|own| self.call_entities(tool, resource, &links, own));
        CallScope {
            tool: Arc::clone(tool),
            resource_variable: CoreEntity::new(resource),
            resource: resource.clone(),
            links,
            chain,
            proof,
            own: own.unwrap_or_default(),
            entities,
        }
    }

    /// The principals that a credential says something of, with that.
    pub(crate) fn own_entities(&self, principals: &[Principal]) -> Result<Vec<Entity>, String> {
        let differing = principals.iter().filter(|principal| principal.differs());
        let entity = |Principal { uid, credentials, groups }: &Principal| {
            let attributes = credentials.as_ref().map(|known| known.attributes.clone());
            self.entities.principal(uid, &attributes.unwrap_or_default(), groups)
        };
        differing.map(entity).collect()
    }

    /// What a call with entities of its own is evaluated with; `None`: it has none.
    fn call_entities(
        &self,
        tool: &CompiledTool,
        resource: &EntityUid,
        links: &[LinkScope],
        mut own: Vec<Entity>,
    ) -> Result<Option<Entities>, String> {
        let service = tool.tool.name.service();
        if tool.tool.resource.is_some() {
            own.push(self.entities.mapped_resource(service, resource));
        }
        if own.is_empty() {
            return Ok(None);
        }
        let segment = entity(&names::SEGMENT, &tool.tool.segment);
        let service = entity(&names::SERVICE, service);
        let of_call = [&tool.action, resource, &segment, &service];
        let of_links =
            links.iter().flat_map(|link| std::iter::once(&link.principal).chain(&link.groups));
        let candidates = links.iter().flat_map(|link| self.policies_of(link));
        let roots = of_call.into_iter().chain(of_links);
        let roots = roots.chain(candidates.flat_map(|policy| &policy.names));
        self.entities.slice(roots, &own).map(Some)
    }

    /// The link at a place of the chain; `None`: there is none.
    fn link_scope(
        &self,
        principals: &[Principal],
        place: usize,
        candidates: Vec<usize>,
        tool: &CompiledTool,
        chain: &CoreValue,
    ) -> Option<LinkScope> {
        let principal = principals.get(place)?;
        let Principal { uid, credentials: _, groups } = principal;
        let policies = || candidates.iter().filter_map(|number| self.policies.counted.get(*number));
        let reads = || policies().flat_map(|policy| policy.reads.iter());
        let parts = ContextParts::of(|part| policies().any(|policy| policy.reads.reads(part)));
        let read: Vec<ArgumentRead> =
            policies().flat_map(|policy| ArgumentRead::of(&policy.reads)).collect();
        let argument_reads = tool.reads.iter().enumerate();
        let argument_reads = argument_reads.filter(|(_, of_tool)| read.contains(of_tool));
        let mut chain_seen = Vec::new();
        for read in reads().filter(|read| read.root == Root::Context) {
            match read.path.split_first() {
                None => chain.encode_read(&[], read.by, &mut chain_seen),
                Some((first, rest)) if first == ContextPart::Chain.name() => {
                    chain.encode_read(rest, read.by, &mut chain_seen);
                }
                Some(_) => {}
            }
        }
        // By its name, through `context.chain`, an attribute or a hierarchy of the author's, a
        // policy can reach any link.
        if principals.iter().any(Principal::differs) {
            for principal in principals {
                principal.write_key(&mut chain_seen);
            }
        }
        let mut credentials_seen = Vec::new();
        principal.write_key(&mut credentials_seen);
        let mut fact_reads: Vec<FactRead> = Vec::new();
        for read in reads().flat_map(FactRead::of) {
            if !fact_reads.contains(&read) {
                fact_reads.push(read);
            }
        }
        let about = self.exceptions.about(uid, &tool.action).iter();
        let lifts = about.filter(|lift| policies().any(|policy| lift.is_about(&policy.id)));
        let lifts = lifts.cloned().collect();
        Some(LinkScope {
            principal: uid.clone(),
            variable: CoreEntity::new(uid),
            groups: groups.clone(),
            parts,
            argument_reads: argument_reads.map(|(number, _)| number).collect(),
            credentials_seen,
            chain_seen,
            fact_reads,
            candidates,
            lifts,
            fingerprint: 0,
        })
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
