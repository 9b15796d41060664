//! The snapshot in force.

use std::sync::{Arc, PoisonError, RwLock};

use palisade_engine::PolicySnapshot;

/// Holds the snapshot in force; whoever loads bundles publishes, whoever decides takes.
///
/// There is none before the first bundle is loaded: the server is not ready, rather than ready to
/// deny everything.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// Held to clone or to swap an `Arc`, never while deciding.
    current: RwLock<Option<Arc<PolicySnapshot>>>,
}

impl Snapshots {
    /// Holds nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { current: RwLock::new(None) }
    }

    /// Puts a snapshot in force. Requests that have begun finish under the one they took.
    pub fn publish(&self, snapshot: Arc<PolicySnapshot>) {
        // Dropped after the lock is released: freeing a large snapshot takes a while.
        let _previous = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            current.replace(snapshot)
        };
    }

    /// The snapshot in force, if any. A request takes it once.
    #[must_use]
    pub fn current(&self) -> Option<Arc<PolicySnapshot>> {
        // No code that could panic runs under the lock, so poison says nothing about the value.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
