//! What a verifier has to be told, and which of it is not acceptable.

use std::collections::BTreeMap;
use std::time::Duration;

use palisade_core::IssuerName;

use crate::cache::TOKEN_CACHE_BYTES_DEFAULT;
use crate::issuers::{Issuers, IssuersError, TrustedIssuer};
use crate::possession::{PROOF_AGE_DEFAULT, PROOF_AGE_MAX};
use crate::replay::USED_PROOFS_MAX;

/// Names of issuers beside their identifiers.
// LIMIT: one for each issuer that can be trusted.
pub const ALIASES_MAX: usize = 1024;

/// Configuration of [`IdentityVerifier`](crate::IdentityVerifier).
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// Whose tokens are accepted.
    pub issuers: Vec<TrustedIssuer>,
    /// Whether WIMSE workload tokens are accepted. The drafts still change.
    pub workload_tokens: bool,
    /// What callers may write instead of an issuer's identifier when they assert an actor. Without
    /// the alias here, an asserted actor is somebody else than the one that a token names.
    pub aliases: BTreeMap<String, String>,
    /// How old a proof of possession may be.
    pub proof_age_max: Duration,
    /// What verified tokens may take in memory, in bytes.
    pub cache_bytes: u64,
    /// Used proofs that are remembered at once; more are refused.
    pub used_proofs_max: usize,
}

impl IdentityConfig {
    /// The defaults, for these issuers.
    #[must_use]
    pub fn new(issuers: Vec<TrustedIssuer>) -> Self {
        Self {
            issuers,
            workload_tokens: false,
            aliases: BTreeMap::new(),
            proof_age_max: PROOF_AGE_DEFAULT,
            cache_bytes: TOKEN_CACHE_BYTES_DEFAULT,
            used_proofs_max: USED_PROOFS_MAX,
        }
    }

    /// How long any accepted token can be good for after it was issued, clock skew included: how
    /// long a revocation has to be kept.
    #[must_use]
    pub fn longest_life(&self) -> Duration {
        let life = |issuer: &TrustedIssuer| issuer.lifetime_max.saturating_add(issuer.clock_skew);
        self.issuers.iter().map(life).max().unwrap_or_default()
    }
}

/// Why a configuration is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityConfigError {
    /// An alias stands for nothing that could be an issuer, or there are too many.
    #[error("the alias `{alias}` is not usable")]
    Alias {
        /// Which one.
        alias: String,
    },
    /// The issuers are not usable.
    #[error(transparent)]
    Issuers(#[from] IssuersError),
    /// The age of proofs is zero or over its limit.
    #[error("the age of proofs is out of bounds")]
    ProofAge,
}

/// A configuration that was checked.
pub(super) struct Accepted {
    pub(super) issuers: Issuers,
    pub(super) aliases: BTreeMap<String, IssuerName>,
    pub(super) proof_age_max: Duration,
    pub(super) cache_bytes: u64,
    pub(super) used_proofs_max: usize,
}

pub(super) fn accept(config: IdentityConfig) -> Result<Accepted, IdentityConfigError> {
    let IdentityConfig {
        issuers,
        workload_tokens,
        aliases,
        proof_age_max,
        cache_bytes,
        used_proofs_max,
    } = config;
    if proof_age_max.is_zero() || proof_age_max > PROOF_AGE_MAX {
        return Err(IdentityConfigError::ProofAge);
    }
    let mut accepted = BTreeMap::new();
    for (alias, issuer) in aliases {
        match IssuerName::new(issuer) {
            Ok(issuer) if accepted.len() < ALIASES_MAX => {
                accepted.insert(alias, issuer);
            }
            _ => return Err(IdentityConfigError::Alias { alias }),
        }
    }
    Ok(Accepted {
        issuers: Issuers::new(issuers, workload_tokens)?,
        aliases: accepted,
        proof_age_max,
        cache_bytes,
        used_proofs_max: used_proofs_max.min(USED_PROOFS_MAX),
    })
}
