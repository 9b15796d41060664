//! What a snapshot remembers of calls it was asked about.
//!
//! Caches belong to a snapshot and are gone with it, so that no answer ever comes from another
//! revision. Every one is bounded, and every hit is confirmed by comparing the whole key: what is
//! in a key is chosen by whoever calls.
//!
//! From the outside in: whole calls that are repeated ([`recent`]), arguments that were read,
//! chains with the policies that can apply to them, and what the policies said of one link.

mod keys;
mod recent;
mod seen;
mod stats;

use std::sync::Arc;

use foldhash::quality::RandomState;
use moka::sync::Cache;
use palisade_core::{EpochMillis, Sha256Digest, Validity};

use crate::call_scope::CallScope;
use crate::resolve::{FittedArguments, Refusal};

pub(crate) use keys::{ArgumentsKey, ArgumentsKeyRef, ScopeKey, ScopeKeyRef, SeenByLink};
pub(crate) use keys::{VerdictKey, VerdictKeyRef};
pub(crate) use recent::RecentCalls;
use seen::SeenBefore;
pub use stats::{CacheCounts, CacheStats};
pub(crate) use stats::{Counters, Uncacheable};

/// Arguments that were read: their digest, and whether they fit the tool.
#[derive(Debug)]
pub(crate) struct ReadArguments {
    /// Of the canonical form; of the bytes as sent if they are not acceptable.
    pub(crate) digest: Sha256Digest,
    pub(crate) fitted: Result<Arc<FittedArguments>, Refusal>,
}

/// What the policies said of one link.
#[derive(Debug)]
pub(crate) struct LinkVerdict {
    /// Numbers of satisfied permits.
    pub(crate) permits: Vec<usize>,
    /// Numbers of satisfied forbids.
    pub(crate) forbids: Vec<usize>,
    /// While the clock says something that leads to the same.
    pub(crate) validity: Validity,
}

/// All caches of a snapshot.
#[derive(Debug)]
pub(crate) struct Caches {
    pub(crate) calls: RecentCalls,
    arguments: Cache<ArgumentsKey, Arc<ReadArguments>, RandomState>,
    arguments_seen: SeenBefore,
    scopes: Cache<ScopeKey, Arc<CallScope>, RandomState>,
    verdicts: Cache<VerdictKey, Arc<LinkVerdict>, RandomState>,
    verdicts_seen: SeenBefore,
    hasher: RandomState,
    pub(crate) counters: Arc<Counters>,
}

impl Caches {
    /// Caches that hold about this many bytes together.
    pub(crate) fn new(bytes: u64) -> Self {
        let counters = Arc::new(Counters::default());
        let hasher = RandomState::default();
        let (on_arguments, on_scopes, on_verdicts) =
            (Arc::clone(&counters), Arc::clone(&counters), Arc::clone(&counters));
        Self {
            calls: RecentCalls::new(bytes / 8, bytes),
            arguments: Cache::builder()
                .max_capacity(bytes / 4)
                .weigher(|key: &ArgumentsKey, read: &Arc<ReadArguments>| {
                    weight(key.weight() + read.weight())
                })
                .eviction_listener(move |_, _, cause| on_arguments.arguments.removed(cause))
                .build_with_hasher(hasher.clone()),
            arguments_seen: SeenBefore::new(bytes),
            scopes: Cache::builder()
                .max_capacity(bytes / 4)
                .weigher(|key: &ScopeKey, scope: &Arc<CallScope>| {
                    weight(key.weight() + scope.weight())
                })
                .eviction_listener(move |_, _, cause| on_scopes.scopes.removed(cause))
                .build_with_hasher(hasher.clone()),
            verdicts: Cache::builder()
                .max_capacity(bytes / 8 * 3)
                .weigher(|key: &VerdictKey, verdict: &Arc<LinkVerdict>| {
                    weight(key.weight() + verdict.weight())
                })
                .eviction_listener(move |_, _, cause| on_verdicts.verdicts.removed(cause))
                .build_with_hasher(hasher.clone()),
            verdicts_seen: SeenBefore::new(bytes),
            hasher,
            counters,
        }
    }

    /// The arguments as they were read before.
    pub(crate) fn arguments(
        &self,
        key: ArgumentsKeyRef<'_>,
        read: impl FnOnce() -> ReadArguments,
    ) -> Arc<ReadArguments> {
        // Most arguments never come again: those that came once are only noted, which is cheap.
        if !self.arguments_seen.note(key.hash_with(&self.hasher)) {
            self.counters.arguments.miss();
            return Arc::new(read());
        }
        if let Some(read) = self.arguments.get(&key) {
            self.counters.arguments.hit();
            return read;
        }
        self.counters.arguments.miss();
        let read = Arc::new(read());
        self.arguments.insert(key.to_key(), Arc::clone(&read));
        read
    }

    /// The scope as it was found before.
    pub(crate) fn scope(&self, key: ScopeKeyRef<'_>) -> Option<Arc<CallScope>> {
        let found = self.scopes.get(&key);
        self.counters.scopes.count(found.is_some());
        found
    }

    pub(crate) fn keep_scope(&self, key: ScopeKeyRef<'_>, scope: Arc<CallScope>) {
        self.scopes.insert(key.to_key(), scope);
    }

    /// What the policies said before, if that stands at this instant.
    pub(crate) fn verdict(
        &self,
        key: VerdictKeyRef<'_>,
        now: EpochMillis,
    ) -> Option<Arc<LinkVerdict>> {
        let found = self.verdicts.get(&key).filter(|verdict| verdict.validity.contains(now));
        self.counters.verdicts.count(found.is_some());
        found
    }

    /// Keeps what the policies said under a key that came before; one that comes for the first
    /// time is noted.
    pub(crate) fn keep_verdict(
        &self,
        key: VerdictKeyRef<'_>,
        verdict: impl FnOnce() -> LinkVerdict,
    ) {
        // With arguments that policies read, most keys never come again.
        if self.verdicts_seen.note(self.fingerprint(key)) {
            self.verdicts.insert(key.to_key(), Arc::new(verdict()));
        }
    }

    /// A hash of what stays the same in all keys of a link.
    pub(crate) fn fingerprint(&self, of: impl std::hash::Hash) -> u64 {
        std::hash::BuildHasher::hash_one(&self.hasher, of)
    }

    /// What the caches did, and hold now.
    pub(crate) fn stats(&self) -> CacheStats {
        self.arguments.run_pending_tasks();
        self.scopes.run_pending_tasks();
        self.verdicts.run_pending_tasks();
        self.counters.stats([
            self.calls.bytes(),
            self.arguments.weighted_size(),
            self.scopes.weighted_size(),
            self.verdicts.weighted_size(),
        ])
    }
}

impl ReadArguments {
    fn weight(&self) -> usize {
        256 + match &self.fitted {
            Ok(fitted) => fitted.weight(),
            Err(refusal) => refusal.reason.sentence.len(),
        }
    }
}

impl LinkVerdict {
    fn weight(&self) -> usize {
        128 + (self.permits.len() + self.forbids.len()) * size_of::<usize>()
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
