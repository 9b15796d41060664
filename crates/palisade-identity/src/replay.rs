//! Proofs that were used: each is good once.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use palisade_core::{EpochMillis, Sha256Digest};

use crate::error::{Code, Refusal};
use crate::possession::UsedProof;

/// Proofs that are remembered at once.
// LIMIT: some 200 bytes each, so 40 MiB; at the default age of a minute 3000 requests a second with
// proofs, which is more than the signatures of a machine with two cores.
pub const USED_PROOFS_MAX: usize = 200_000;

/// The proofs that were used and would still be accepted.
///
/// Only of this process: whoever runs several has proofs reach the one that saw them, or accepts
/// that a proof is good once in each for a minute.
#[derive(Debug)]
pub(crate) struct UsedProofs {
    limit: usize,
    /// Locked for one look-up and one insertion.
    proofs: Mutex<Proofs>,
}

#[derive(Debug, Default)]
struct Proofs {
    known: HashSet<Sha256Digest>,
    by_end: BTreeSet<(EpochMillis, Sha256Digest)>,
}

impl UsedProofs {
    /// Room for this many.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, proofs: Mutex::default() }
    }

    /// Notes that a proof is used.
    ///
    /// # Errors
    /// It was used before, or no more can be remembered.
    pub(crate) fn note(&self, proof: UsedProof, now: EpochMillis) -> Result<(), Refusal> {
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        proofs.forget_before(now);
        if proofs.known.contains(&proof.digest) {
            return Err(Refusal::unverified(Code::Replayed, "proof_jti"));
        }
        if proofs.known.len() >= self.limit {
            // FAIL-CLOSED: what cannot be remembered could be shown again.
            return Err(Refusal::unverified(Code::Replayed, "proofs_full"));
        }
        proofs.known.insert(proof.digest);
        proofs.by_end.insert((proof.until, proof.digest));
        drop(proofs);
        Ok(())
    }
}

impl Proofs {
    fn forget_before(&mut self, now: EpochMillis) {
        while let Some((until, digest)) = self.by_end.first().copied() {
            if until >= now {
                return;
            }
            self.by_end.pop_first();
            self.known.remove(&digest);
        }
    }
}

#[cfg(test)]
mod tests;
