//! Whole calls that are repeated: a table with two places for each call, and a lock for each place.
//!
//! In front of the other caches, because finding a verdict there takes several look-ups, and in a
//! stream or a batch, where the transport costs a microsecond or two, that shows
//! (`benches/README.md`). Only the very same call is found here.

use std::cmp::Reverse;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use palisade_core::{
    ActorChain, Attestation, Authentication, Environment, EpochMillis, Facts, RequestOptions,
    ResourceName, Sha256Digest, ToolCall, VerifiedChain,
};

use super::seen::SeenBefore;
use super::stats::Counter;
use crate::answer::Answer;

/// Bytes of one call; larger ones are not kept.
// LIMIT: what is repeated in a tight loop is small, and this times the places bounds the table.
const CALL_BYTES_MAX: usize = 8 * 1024;

/// Calls and their answers.
#[derive(Debug)]
pub(crate) struct RecentCalls {
    places: Box<[Mutex<Option<Recent>>]>,
    seen: SeenBefore,
    hasher: RandomState,
}

#[derive(Debug)]
struct Recent {
    call: Asked,
    bytes: usize,
    answer: Arc<Answer>,
    /// How often it was found.
    hits: u32,
}

/// A call, what policies see of its credentials, and what is known beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallAndFacts<'a> {
    pub(crate) call: &'a ToolCall,
    pub(crate) credentials: &'a [u8],
    pub(crate) facts: &'a Facts,
}

/// What of a call the answer depends on, the time left aside.
#[derive(Debug)]
struct Asked {
    chain: ActorChain,
    /// Kept to ask again under another revision, which may see other claims.
    identity: Option<Arc<VerifiedChain>>,
    credentials: Box<[u8]>,
    tool: String,
    tool_digest: Option<Sha256Digest>,
    arguments: Vec<u8>,
    resource: Option<ResourceName>,
    source_address: Option<IpAddr>,
    authentication: Option<Arc<Authentication>>,
    attestation: Option<Arc<Attestation>>,
}

impl Asked {
    fn of(asked: CallAndFacts<'_>) -> Self {
        let CallAndFacts { call, credentials, facts } = asked;
        let ToolCall {
            chain,
            identity,
            tool,
            tool_digest,
            arguments,
            resource,
            environment,
            options: _,
            trace: _,
        } = call;
        let Facts { now: _, cures: _, authentication, attestation } = facts;
        Self {
            chain: chain.clone(),
            identity: identity.clone(),
            credentials: credentials.into(),
            tool: tool.clone(),
            tool_digest: *tool_digest,
            arguments: arguments.clone(),
            resource: resource.clone(),
            source_address: environment.source_address,
            authentication: authentication.clone(),
            attestation: attestation.clone(),
        }
    }

    /// The call and its facts, but for what no answer depends on.
    fn to_call(&self) -> (ToolCall, Facts) {
        let Self {
            chain,
            identity,
            credentials: _,
            tool,
            tool_digest,
            arguments,
            resource,
            source_address,
            authentication,
            attestation,
        } = self;
        let call = ToolCall {
            chain: chain.clone(),
            identity: identity.clone(),
            tool: tool.clone(),
            tool_digest: *tool_digest,
            arguments: arguments.clone(),
            resource: resource.clone(),
            environment: Environment { source_address: *source_address, pep_request_id: None },
            options: RequestOptions::default(),
            trace: None,
        };
        let (authentication, attestation) = (authentication.clone(), attestation.clone());
        (call, Facts { authentication, attestation, ..Facts::at(EpochMillis::new(0)) })
    }

    fn is(&self, asked: CallAndFacts<'_>) -> bool {
        let CallAndFacts { call, credentials, facts } = asked;
        let ToolCall {
            chain,
            identity: _,
            tool,
            tool_digest,
            arguments,
            resource,
            environment,
            options: _,
            trace: _,
        } = call;
        let Facts { now: _, cures: _, authentication, attestation } = facts;
        self.arguments == *arguments
            && self.tool == *tool
            && self.chain == *chain
            && *self.credentials == *credentials
            && self.tool_digest == *tool_digest
            && self.resource == *resource
            && self.source_address == environment.source_address
            && self.authentication == *authentication
            && self.attestation == *attestation
    }
}

/// Where a call may stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    hash: u64,
    /// Two, so that two calls that are both repeated seldom push each other out.
    indices: [usize; 2],
}

impl RecentCalls {
    /// A table that holds at most about this many bytes, in front of caches of `cache_bytes`.
    pub(crate) fn new(bytes: u64, cache_bytes: u64) -> Self {
        let places = usize::try_from(bytes).unwrap_or(usize::MAX) / CALL_BYTES_MAX;
        Self {
            places: (0..places.max(1)).map(|_| Mutex::new(None)).collect(),
            seen: SeenBefore::new(cache_bytes),
            hasher: RandomState::default(),
        }
    }

    /// Where this call may stand.
    pub(crate) fn places(&self, asked: CallAndFacts<'_>) -> Places {
        let CallAndFacts { call, credentials, facts } = asked;
        let ToolCall { chain, tool, arguments, environment, .. } = call;
        // Enough to tell most calls apart; all of it is compared.
        let attested = facts.attestation.as_ref().map(|attestation| attestation.issued_at);
        let signed_in = facts.authentication.as_ref().map(|known| known.time);
        let of_call = (arguments, tool, chain, environment.source_address);
        let hash = self.hasher.hash_one((of_call, credentials, attested, signed_in));
        let index = |hash: u64| {
            usize::try_from(hash).unwrap_or_default().checked_rem(self.places.len()).unwrap_or(0)
        };
        Places { hash, indices: [index(hash >> 16), index(hash >> 40)] }
    }

    /// The answer to the very same call, if it stands there.
    pub(crate) fn get(&self, places: Places, call: CallAndFacts<'_>) -> Option<Arc<Answer>> {
        places.indices.into_iter().find_map(|index| {
            let mut place = self.lock(index)?;
            let recent = place.as_mut().filter(|recent| recent.call.is(call))?;
            recent.hits = recent.hits.saturating_add(1);
            Some(Arc::clone(&recent.answer))
        })
    }

    /// Keeps the answer to a call that came before; one that comes for the first time is noted.
    pub(crate) fn keep(
        &self,
        places: Places,
        call: CallAndFacts<'_>,
        answer: &Arc<Answer>,
        counter: &Counter,
    ) {
        if !self.seen.note(places.hash) {
            return;
        }
        let asked = Asked::of(call);
        let bytes = asked.weight() + answer.weight();
        if bytes > CALL_BYTES_MAX {
            return;
        }
        let [first, second] = places.indices;
        // Its own former place, or a free one; otherwise either, as chance has it.
        let suits = |index| {
            let place = self.lock(index);
            place.is_some_and(|place| place.as_ref().is_none_or(|recent| recent.call.is(call)))
        };
        let index = if suits(first) {
            first
        } else if suits(second) || places.hash & 1 == 0 {
            second
        } else {
            first
        };
        let mut recent = Recent { call: asked, bytes, answer: Arc::clone(answer), hits: 0 };
        let former = self.lock(index).and_then(|mut place| {
            // A new answer to the same call leaves it as hot as it was.
            let same = place.as_ref().filter(|former| former.call.is(call));
            recent.hits = same.map_or(0, |former| former.hits);
            place.replace(recent)
        });
        if former.is_some_and(|former| !former.call.is(call)) {
            counter.evicted();
        }
    }

    /// Calls that stand here with their facts but for the time, the most often found first; at most
    /// so many.
    pub(crate) fn hottest(&self, calls_max: usize) -> Vec<(ToolCall, Facts)> {
        let hits = |index| Some((self.lock(index)?.as_ref()?.hits, index));
        let mut found: Vec<(u32, usize)> = (0..self.places.len()).filter_map(hits).collect();
        found.sort_unstable_by_key(|(hits, index)| (Reverse(*hits), *index));
        found.truncate(calls_max);
        // What took a place meanwhile is as good.
        let call = |(_, index): (u32, usize)| Some(self.lock(index)?.as_ref()?.call.to_call());
        found.into_iter().filter_map(call).collect()
    }

    fn lock(&self, index: usize) -> Option<MutexGuard<'_, Option<Recent>>> {
        // Nothing that could panic runs under the lock.
        Some(self.places.get(index)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes held, estimated.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = self.places.iter().map(|place| {
            let place = place.lock().unwrap_or_else(PoisonError::into_inner);
            place.as_ref().map_or(0, |recent| recent.bytes)
        });
        u64::try_from(bytes.sum::<usize>()).unwrap_or(u64::MAX)
    }
}

impl Asked {
    fn weight(&self) -> usize {
        let link = |link: &palisade_core::Actor| {
            64 + link.issuer.as_str().len() + link.subject.as_str().len()
        };
        let resource = self.resource.as_ref().map_or(0, |r| r.entity_type.len() + r.id.len());
        let links = self.chain.links().iter().map(link).sum::<usize>();
        let attested = self.attestation.as_ref().map_or(0, |attestation| {
            let texts = attestation.measurements.iter().chain(&attestation.references);
            texts.map(|text| 32 + text.len()).sum::<usize>()
        });
        let known = self.credentials.len() + attested;
        512 + self.tool.len() + self.arguments.len() + resource + links + known
    }
}
