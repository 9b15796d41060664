//! Remembers how far each TPM has come, so that an old quote is not taken for news.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::key::TpmName;
use super::quote::TpmQuoteClaims;

/// Attestation keys that a [`QuoteHistory`] remembers by default.
// LIMIT: a key is remembered in about 150 bytes; this is 10 MiB, and more machines than one
// service sees.
pub const QUOTE_HISTORY_KEYS_MAX: usize = 65_536;

/// Why a verified quote is refused all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteHistoryError {
    /// There is no room to remember another key.
    #[error("the quote history has no room for another attestation key; its limit is {limit}")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// The TPM's counters or its clock are behind what the same TPM already showed.
    #[error("the TPM quote is older than one that was seen before")]
    WentBack,
}

impl QuoteHistoryError {
    /// A stable code for records and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full { .. } => "tpm_history_full",
            Self::WentBack => "tpm_quote_went_back",
        }
    }
}

/// The latest moment that each attestation key has shown.
///
/// It is in memory: after a restart of this process a quote can be as old as its nonce allows.
/// Clearing a TPM sets its counters back, and makes its attestation keys anew with it.
#[derive(Debug)]
pub struct QuoteHistory {
    keys_max: usize,
    latest: Mutex<HashMap<TpmName, Moment>>,
}

/// Where a TPM is in its life.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// Resets, then restarts: the latter start again at zero with each of the former.
    boots: (u32, u32),
    clock: u64,
}

impl QuoteHistory {
    /// Remembers nothing yet, and at most so many keys.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        Self { keys_max, latest: Mutex::new(HashMap::new()) }
    }

    /// Takes note of a quote that was verified. The same moment may be shown twice: whether a
    /// quote may be used again is up to its nonce.
    ///
    /// # Errors
    /// The TPM was further before, or there is no room. Then nothing is remembered of it.
    pub fn record(&self, claims: &TpmQuoteClaims) -> Result<(), QuoteHistoryError> {
        let now = Moment { boots: (claims.reset_count, claims.restart_count), clock: claims.clock };
        // Critical section: one look-up and one insertion.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match latest.get(&claims.ak_name) {
            Some(before) if before.is_after(now, claims.safe) => {
                return Err(QuoteHistoryError::WentBack);
            }
            Some(_) => {}
            // FAIL-CLOSED: forgetting another key would let its old quotes pass.
            None if latest.len() >= self.keys_max => {
                return Err(QuoteHistoryError::Full { limit: self.keys_max });
            }
            None => {}
        }
        latest.insert(claims.ak_name.clone(), now);
        Ok(())
    }
}

impl Default for QuoteHistory {
    fn default() -> Self {
        Self::new(QUOTE_HISTORY_KEYS_MAX)
    }
}

impl Moment {
    /// Whether `now` lies behind.
    const fn is_after(self, now: Self, now_is_safe: bool) -> bool {
        let (reset, restart) = self.boots;
        let (reset_now, restart_now) = now.boots;
        if reset_now != reset {
            // After power was lost the clock may restart from an earlier value that was stored.
            // Then, and only then, the TPM says that it is not safe (Part 1, section 36.3).
            return reset_now < reset || (now_is_safe && now.clock < self.clock);
        }
        restart_now < restart || now.clock < self.clock
    }
}
