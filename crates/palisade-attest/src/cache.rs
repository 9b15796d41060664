//! Attestations that were verified already.
//!
//! A nonce is good once, but evidence is good for minutes: the same evidence, presented again by
//! the same requester for the same actor, is the same attestation. From anybody else it is a
//! replay, and finds nothing here, because all of them are part of the key.

use std::fmt;
use std::sync::Arc;

use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use palisade_core::{Attestation, Sha256Digest};

use crate::binding::Binding;
use crate::evidence::Evidence;
use crate::keys::KeySnapshot;
use crate::nonce::{Holder, NONCE_BYTES, update_with_length};

/// Bytes of verified attestations that are kept, unless configured otherwise.
// LIMIT: an attestation takes one to two kilobytes; this is some 10,000 agents.
pub const CACHE_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;

/// Names all that an attestation follows from, time and keys excepted: every byte of the evidence,
/// who presents it for whom, and what it is compared with.
// A digest rather than the bytes: it takes SHA-256 as long to read them as a comparison would, and
// evidence of 256 KiB is not kept for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    pub(crate) fn new(
        evidence: &[Evidence<'_>],
        holder: Holder,
        binding: &Binding<'_>,
        reference: &Sha256Digest,
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update(holder.as_bytes());
        hash.update([u8::from(binding.key_thumbprint.is_some())]);
        hash.update(binding.key_thumbprint.unwrap_or(&[0; 32]));
        hash.update(reference.as_bytes());
        for Evidence { media_type, body } in evidence {
            update_with_length(&mut hash, media_type.as_bytes());
            update_with_length(&mut hash, body);
        }
        Self(hash.finalize().into())
    }
}

/// One verified attestation, and what it was verified with.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) attestation: Arc<Attestation>,
    /// The nonce it has spent.
    pub(crate) nonce: Option<[u8; NONCE_BYTES]>,
    /// The keys it was verified with; `None`: they never change.
    pub(crate) keys: Option<KeySnapshot>,
}

/// A bounded number of them.
pub(crate) struct AttestationCache(Cache<CacheKey, Verified>);

impl AttestationCache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let cache = Cache::builder()
            .name("attestations")
            .max_capacity(bytes_max)
            .weigher(|_, verified: &Verified| weight(&verified.attestation))
            .build();
        Self(cache)
    }

    pub(crate) fn get(&self, key: &CacheKey) -> Option<Verified> {
        self.0.get(key)
    }

    pub(crate) fn insert(&self, key: CacheKey, verified: Verified) {
        self.0.insert(key, verified);
    }

    pub(crate) fn remove(&self, key: &CacheKey) {
        self.0.invalidate(key);
    }
}

impl fmt::Debug for AttestationCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AttestationCache").field(&self.0.weighted_size()).finish()
    }
}

/// About how many bytes an entry takes.
fn weight(attestation: &Attestation) -> u32 {
    let Attestation { verifier, subject, vector, measurements, references, .. } = attestation;
    let texts = vector.iter().map(|(category, _)| category).chain(measurements).chain(references);
    let texts: usize = texts.chain([verifier, subject]).map(|text| text.len() + 32).sum();
    u32::try_from(texts.saturating_add(512)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
