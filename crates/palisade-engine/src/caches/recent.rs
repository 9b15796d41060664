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
    ActorChain, Environment, RequestOptions, ResourceName, Sha256Digest, ToolCall,
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

/// What of a call the answer depends on, the time left aside.
#[derive(Debug)]
struct Asked {
    chain: ActorChain,
    tool: String,
    tool_digest: Option<Sha256Digest>,
    arguments: Vec<u8>,
    resource: Option<ResourceName>,
    source_address: Option<IpAddr>,
}

impl Asked {
    fn of(call: &ToolCall) -> Self {
        let ToolCall {
            chain,
            tool,
            tool_digest,
            arguments,
            resource,
            environment,
            options: _,
            trace: _,
        } = call;
        Self {
            chain: chain.clone(),
            tool: tool.clone(),
            tool_digest: *tool_digest,
            arguments: arguments.clone(),
            resource: resource.clone(),
            source_address: environment.source_address,
        }
    }

    /// The call, but for what no answer depends on.
    fn to_call(&self) -> ToolCall {
        let Self { chain, tool, tool_digest, arguments, resource, source_address } = self;
        ToolCall {
            chain: chain.clone(),
            tool: tool.clone(),
            tool_digest: *tool_digest,
            arguments: arguments.clone(),
            resource: resource.clone(),
            environment: Environment { source_address: *source_address, pep_request_id: None },
            options: RequestOptions::default(),
            trace: None,
        }
    }

    fn is(&self, call: &ToolCall) -> bool {
        let ToolCall {
            chain,
            tool,
            tool_digest,
            arguments,
            resource,
            environment,
            options: _,
            trace: _,
        } = call;
        self.arguments == *arguments
            && self.tool == *tool
            && self.chain == *chain
            && self.tool_digest == *tool_digest
            && self.resource == *resource
            && self.source_address == environment.source_address
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
    pub(crate) fn places(&self, call: &ToolCall) -> Places {
        let ToolCall { chain, tool, arguments, environment, .. } = call;
        let hash = self.hasher.hash_one((arguments, tool, chain, environment.source_address));
        let index = |hash: u64| {
            usize::try_from(hash).unwrap_or_default().checked_rem(self.places.len()).unwrap_or(0)
        };
        Places { hash, indices: [index(hash >> 16), index(hash >> 40)] }
    }

    /// The answer to the very same call, if it stands there.
    pub(crate) fn get(&self, places: Places, call: &ToolCall) -> Option<Arc<Answer>> {
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
        call: &ToolCall,
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

    /// Calls that stand here, the most often found first; at most so many.
    pub(crate) fn hottest(&self, calls_max: usize) -> Vec<ToolCall> {
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
        256 + self.tool.len() + self.arguments.len() + resource + links
    }
}
