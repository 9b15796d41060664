//! The keys of an issuer, as a port: who fetches them, and when, is decided elsewhere.

use std::fmt;
use std::sync::Arc;

use palisade_jose::{Handle, KeySet};

use crate::trust_bundle::TrustBundle;

/// The keys of one issuer, kept fresh by somebody. No call waits for the network.
pub trait IssuerKeys: fmt::Debug + Send + Sync {
    /// The newest keys that are known; `None` if there never were any.
    fn current(&self) -> Option<Arc<KeySet>>;

    /// A number that changes whenever the keys do.
    fn generation(&self) -> u64;

    /// Asks for an early look at what the issuer publishes: a token names a key that is not known.
    /// Whoever implements this bounds how often it is heeded.
    fn wants(&self, key_id: Option<&str>);
}

/// Keys that never change.
impl IssuerKeys for Arc<KeySet> {
    fn current(&self) -> Option<Arc<KeySet>> {
        Some(Self::clone(self))
    }

    fn generation(&self) -> u64 {
        0
    }

    fn wants(&self, _key_id: Option<&str>) {}
}

/// Keys that a follower keeps fresh.
impl IssuerKeys for Handle<KeySet> {
    fn current(&self) -> Option<Arc<KeySet>> {
        Self::current(self)
    }

    fn generation(&self) -> u64 {
        Self::generation(self)
    }

    fn wants(&self, key_id: Option<&str>) {
        match key_id {
            Some(key_id) => Self::wants(self, key_id),
            None => self.wants_newer(),
        }
    }
}

/// The keys for JWT-SVIDs of a SPIFFE trust domain whose bundle is kept fresh.
impl IssuerKeys for Handle<TrustBundle> {
    fn current(&self) -> Option<Arc<KeySet>> {
        Self::current(self).map(|bundle| Arc::new(bundle.jwt_keys().clone()))
    }

    fn generation(&self) -> u64 {
        Self::generation(self)
    }

    fn wants(&self, key_id: Option<&str>) {
        let known = Self::current(self)
            .is_some_and(|bundle| key_id.is_some_and(|id| bundle.jwt_keys().knows(id)));
        if !known {
            self.wants_newer();
        }
    }
}

#[cfg(test)]
mod tests;
