//! The keys of verifiers, as whoever keeps them fresh hands them over.

use std::sync::Arc;

use palisade_jose::{KeyHandle, KeySet};

/// The keys of one verifier.
pub trait VerifierKeys: Send + Sync {
    /// The keys in force; `None` while there are none yet. Never waits.
    fn current(&self) -> Option<Arc<KeySet>>;

    /// Says that a token names a key that is not among them, so that they are looked for sooner.
    /// Never waits.
    fn miss(&self, key_id: Option<&str>);
}

/// Keys that never change.
impl VerifierKeys for Arc<KeySet> {
    fn current(&self) -> Option<Arc<KeySet>> {
        Some(Self::clone(self))
    }

    fn miss(&self, _key_id: Option<&str>) {}
}

/// Keys that are kept fresh.
impl VerifierKeys for KeyHandle {
    fn current(&self) -> Option<Arc<KeySet>> {
        Self::current(self)
    }

    fn miss(&self, key_id: Option<&str>) {
        match key_id {
            Some(key_id) => self.wants(key_id),
            None => self.wants_newer(),
        }
    }
}

/// The keys that something was verified with.
#[derive(Clone)]
pub(crate) struct KeySnapshot {
    /// The verifier's place in the configuration.
    pub(crate) verifier: usize,
    pub(crate) keys: Arc<KeySet>,
}
