//! The snapshot in force.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use palisade_core::EpochMillis;
use palisade_engine::PolicySnapshot;
use tokio::sync::watch;

/// Holds the snapshot in force; whoever loads bundles publishes, whoever decides takes.
///
/// There is none before the first bundle is loaded: the server is not ready, rather than ready to
/// deny everything.
#[derive(Debug)]
pub struct Snapshots {
    /// Held to clone or to swap an `Arc`, never while deciding.
    current: RwLock<Option<Arc<PolicySnapshot>>>,
    /// The version in force, for those who wait for one.
    version: watch::Sender<u64>,
    /// Milliseconds since the epoch; [`NEVER`] if what is in force does not expire.
    decides_until: AtomicI64,
}

const NEVER: i64 = i64::MAX;

impl Default for Snapshots {
    fn default() -> Self {
        Self::new()
    }
}

impl Snapshots {
    /// Holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            current: RwLock::new(None),
            version: watch::Sender::new(0),
            decides_until: AtomicI64::new(NEVER),
        }
    }

    /// Puts a snapshot in force. Requests that have begun finish under the one they took.
    pub fn publish(&self, snapshot: Arc<PolicySnapshot>) {
        let version = snapshot.revision().version;
        // Dropped after the lock is released: freeing a large snapshot takes a while.
        let _previous = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            current.replace(snapshot)
        };
        self.version.send_replace(version);
    }

    /// The snapshot in force, if any. A request takes it once.
    #[must_use]
    pub fn current(&self) -> Option<Arc<PolicySnapshot>> {
        // No code that could panic runs under the lock, so poison says nothing about the value.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until this version or a later one is in force.
    pub async fn reached(&self, version: u64) {
        let mut held = self.version.subscribe();
        // It fails only if the sender is gone, and that is borrowed.
        let _reached = held.wait_for(|held| *held >= version).await.is_ok();
    }

    /// Says until when what is in force decides; from then on everything is denied. `None`: for
    /// ever.
    pub fn set_decides_until(&self, until: Option<EpochMillis>) {
        self.decides_until.store(until.map_or(NEVER, EpochMillis::as_millis), Ordering::Relaxed);
    }

    /// Until when what is in force decides; `None`: for ever.
    #[must_use]
    pub fn decides_until(&self) -> Option<EpochMillis> {
        let until = self.decides_until.load(Ordering::Relaxed);
        (until != NEVER).then(|| EpochMillis::new(until))
    }
}
