//! State that is forgotten with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use palisade_core::limits::REVOCATIONS_MAX;
use palisade_core::{EpochMillis, Revocation, RevocationScope, RevocationStore, StateError};

/// Keeps state in memory: for tests, and for servers that have no place to keep it. Such a server
/// forgets with its end what was revoked; [`RevocationStore::is_durable`] says so.
#[derive(Debug)]
pub struct MemoryState {
    /// Held to read or to change it.
    revocations: Mutex<HashMap<RevocationScope, Revocation>>,
    revocations_max: usize,
}

impl MemoryState {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with_revocations_max(REVOCATIONS_MAX)
    }

    pub(crate) fn with_revocations_max(revocations_max: usize) -> Self {
        Self { revocations: Mutex::default(), revocations_max }
    }

    /// Nothing that panics runs under the lock, so poison says nothing about what it holds.
    fn revocations(&self) -> MutexGuard<'_, HashMap<RevocationScope, Revocation>> {
        self.revocations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryState {
    fn default() -> Self {
        Self::new()
    }
}

impl RevocationStore for MemoryState {
    fn is_durable(&self) -> bool {
        false
    }

    fn load(&self) -> Result<Vec<Revocation>, StateError> {
        Ok(self.revocations().values().cloned().collect())
    }

    fn append(&self, revocation: &Revocation) -> Result<(), StateError> {
        let mut revocations = self.revocations();
        let joined = match revocations.get(&revocation.scope) {
            Some(kept) => kept.clone().joined(revocation),
            // FAIL-CLOSED: nothing that is kept makes room; whoever revokes hears of it.
            None if revocations.len() >= self.revocations_max => {
                return Err(StateError::Full { limit: self.revocations_max });
            }
            None => revocation.clone(),
        };
        revocations.insert(joined.scope.clone(), joined);
        Ok(())
    }

    fn prune(&self, now: EpochMillis) -> Result<usize, StateError> {
        let mut revocations = self.revocations();
        let before = revocations.len();
        revocations.retain(|_, revocation| !revocation.is_over(now));
        Ok(before.saturating_sub(revocations.len()))
    }
}

#[cfg(test)]
mod tests;
