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

use std::hash::{BuildHasher as _, Hash};
use std::sync::Arc;

use foldhash::quality::RandomState;
use moka::sync::Cache;
use palisade_core::{EpochMillis, Sha256Digest, Validity};

use crate::call_scope::CallScope;
use crate::resolve::{FittedArguments, Refusal};

pub(crate) use keys::{ArgumentsKey, ArgumentsKeyRef, ScopeKey, ScopeKeyRef, SeenByLink};
pub(crate) use keys::{VerdictKey, VerdictKeyRef};
pub(crate) use recent::{CallAndFacts, RecentCalls};
use seen::SeenBefore;
pub use stats::{CacheCounts, CacheStats};
pub(crate) use stats::{Counter, Counters, Uncacheable};

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
    bytes_max: u64,
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
        let with = (&counters, &hasher);
        Self {
            bytes_max: bytes,
            calls: RecentCalls::new(bytes / 8, bytes),
            arguments: bounded(
                bytes / 4,
                |key: &ArgumentsKey, read: &Arc<ReadArguments>| key.weight() + read.weight(),
                |counters| &counters.arguments,
                with,
            ),
            arguments_seen: SeenBefore::new(bytes),
            scopes: bounded(
                bytes / 4,
                |key: &ScopeKey, scope: &Arc<CallScope>| key.weight() + scope.weight(),
                |counters| &counters.scopes,
                with,
            ),
            verdicts: bounded(
                bytes / 8 * 3,
                |key: &VerdictKey, verdict: &Arc<LinkVerdict>| key.weight() + verdict.weight(),
                |counters| &counters.verdicts,
                with,
            ),
            verdicts_seen: SeenBefore::new(bytes),
            hasher,
            counters,
        }
    }

    /// Bytes that they may hold together.
    pub(crate) const fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// The arguments as they were read before.
    pub(crate) fn arguments(
        &self,
        key: ArgumentsKeyRef<'_>,
        read: impl FnOnce() -> ReadArguments,
    ) -> Arc<ReadArguments> {
        // Most arguments never come again: those that came once are only noted, which is cheap.
        if !self.arguments_seen.note(self.fingerprint(key)) {
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

    /// A hash under which callers cannot foresee collisions.
    pub(crate) fn fingerprint(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
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

/// A cache that holds about this many bytes, as `weigh` estimates them.
fn bounded<K, V>(
    bytes: u64,
    weigh: fn(&K, &V) -> usize,
    counter: fn(&Counters) -> &Counter,
    (counters, hasher): (&Arc<Counters>, &RandomState),
) -> Cache<K, V, RandomState>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let counters = Arc::clone(counters);
    Cache::builder()
        .max_capacity(bytes)
        .weigher(move |key, value| u32::try_from(weigh(key, value)).unwrap_or(u32::MAX))
        .eviction_listener(move |_, _, cause| counter(&counters).removed(cause))
        .build_with_hasher(hasher.clone())
}
