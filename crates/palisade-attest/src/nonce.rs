//! Nonces: given out, bound to whom they were given for, and good for one attestation.
//!
//! A nonce lives in the memory of the process that issued it: with several servers behind one
//! address, evidence has to come back to the one that asked for it. What is lost with a restart is
//! asked for again.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};

use palisade_core::{Actor, EpochMillis};

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 32;

/// How long a nonce lives unless configured otherwise.
pub const NONCE_LIFETIME_DEFAULT: Duration = Duration::from_secs(60);

/// How long a nonce may live.
// LIMIT: an agent asks for a nonce right before it attests; the slowest verifier takes seconds.
pub const NONCE_LIFETIME_MAX: Duration = Duration::from_secs(600);

/// Live nonces of all holders, unless configured otherwise.
// LIMIT: a thousand a second at the usual lifetime; about 150 bytes each, 10 MB together.
pub const NONCES_MAX_DEFAULT: usize = 65_536;

/// Live nonces of one requester and actor.
// LIMIT: an agent attests once and uses the result for minutes. Evidence is compared with every
// one of them, so there are few.
pub const NONCES_PER_HOLDER_MAX: usize = 16;

/// A nonce that was just issued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IssuedNonce {
    /// What the evidence has to carry.
    pub nonce: [u8; NONCE_BYTES],
    /// The first instant at which it is no longer good.
    pub expires_at: EpochMillis,
}

/// Without the nonce: whoever reads logs has no use for it.
impl fmt::Debug for IssuedNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedNonce").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Why no nonce is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueNonceError {
    /// As many are live as may be.
    #[error("too many nonces are live")]
    Full,
    /// This requester has as many live ones for this actor as it may have.
    #[error("too many nonces are live for this actor")]
    HolderFull,
    /// The source of random numbers failed.
    #[error("no random number is to be had")]
    NoRandomness,
}

impl IssueNonceError {
    /// Stable machine code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full => "nonces_full",
            Self::HolderFull => "nonces_holder_full",
            Self::NoRandomness => "nonces_no_randomness",
        }
    }
}

/// Where nonces come from.
pub trait NonceSource: Send + Sync {
    /// Fills `nonce` with what nobody can foresee; `None` if that cannot be done.
    fn fill(&self, nonce: &mut [u8; NONCE_BYTES]) -> Option<()>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug)]
pub struct SystemNonces;

impl NonceSource for SystemNonces {
    fn fill(&self, nonce: &mut [u8; NONCE_BYTES]) -> Option<()> {
        SystemRandom::new().fill(nonce).ok()
    }
}

/// Who a nonce is for: a requester and the actor it speaks for, as one digest, because names can
/// be long and there are many of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Holder([u8; 32]);

impl Holder {
    pub(crate) fn new(requester: &str, actor: &Actor) -> Self {
        let Actor { kind, issuer, subject } = actor;
        let mut hash = Sha256::new();
        for part in [requester, kind.entity_type(), issuer.as_str(), subject.as_str()] {
            update_with_length(&mut hash, part.as_bytes());
        }
        Self(hash.finalize().into())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Adds a part and its length, so that no two lists of parts are the same text.
pub(crate) fn update_with_length(hash: &mut Sha256, part: &[u8]) {
    hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(part);
}

/// How many nonces there may be, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceLimits {
    /// How long each one lives; at most [`NONCE_LIFETIME_MAX`].
    pub lifetime: Duration,
    /// Live ones at a time.
    pub live_max: usize,
}

impl Default for NonceLimits {
    fn default() -> Self {
        Self { lifetime: NONCE_LIFETIME_DEFAULT, live_max: NONCES_MAX_DEFAULT }
    }
}

/// The nonces that are live.
pub struct Nonces {
    limits: NonceLimits,
    source: Box<dyn NonceSource>,
    /// Held for map operations, and while a cache takes an entry in [`Nonces::consume`].
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    by_holder: HashMap<Holder, Vec<IssuedNonce>>,
    by_expiry: BTreeMap<(EpochMillis, [u8; NONCE_BYTES]), Holder>,
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Nonces {
    /// No nonces yet. A longer lifetime than [`NONCE_LIFETIME_MAX`] is cut to it.
    #[must_use]
    pub fn new(limits: NonceLimits, source: Box<dyn NonceSource>) -> Self {
        let lifetime = limits.lifetime.min(NONCE_LIFETIME_MAX);
        let limits = NonceLimits { lifetime, ..limits };
        Self { limits, source, live: Mutex::default() }
    }

    /// A nonce for evidence that `requester` will present for `actor`.
    ///
    /// # Errors
    /// As many are live as may be, of this holder or altogether, or there is no randomness.
    pub fn issue(
        &self,
        requester: &str,
        actor: &Actor,
        now: EpochMillis,
    ) -> Result<IssuedNonce, IssueNonceError> {
        let holder = Holder::new(requester, actor);
        let mut nonce = [0; NONCE_BYTES];
        self.source.fill(&mut nonce).ok_or(IssueNonceError::NoRandomness)?;
        let issued = IssuedNonce { nonce, expires_at: after(now, self.limits.lifetime) };
        let mut live = self.live();
        live.forget_expired(now);
        // FAIL-CLOSED: a live nonce is never dropped for a new one, or whoever asks often enough
        // would keep others from attesting unseen.
        if live.by_expiry.len() >= self.limits.live_max {
            return Err(IssueNonceError::Full);
        }
        let held = live.by_holder.entry(holder).or_default();
        if held.len() >= NONCES_PER_HOLDER_MAX {
            return Err(IssueNonceError::HolderFull);
        }
        held.push(issued);
        live.by_expiry.insert((issued.expires_at, nonce), holder);
        Ok(issued)
    }

    /// The live nonces of a holder, oldest first.
    pub(crate) fn held(&self, holder: Holder, now: EpochMillis) -> Vec<[u8; NONCE_BYTES]> {
        let live = self.live();
        let held = live.by_holder.get(&holder).map_or(&[][..], Vec::as_slice);
        held.iter().filter(|issued| now < issued.expires_at).map(|issued| issued.nonce).collect()
    }

    /// Spends a live nonce of a holder; `false`: it has none such, or no longer.
    ///
    /// `then` runs once it is spent and before anybody else can learn so: what it does is seen by
    /// whoever is refused the same nonce.
    pub(crate) fn consume(
        &self,
        holder: Holder,
        nonce: &[u8; NONCE_BYTES],
        now: EpochMillis,
        then: impl FnOnce(),
    ) -> bool {
        let mut live = self.live();
        let Some(held) = live.by_holder.get_mut(&holder) else {
            return false;
        };
        let Some(place) =
            held.iter().position(|issued| issued.nonce == *nonce && now < issued.expires_at)
        else {
            return false;
        };
        let spent = held.remove(place);
        if held.is_empty() {
            live.by_holder.remove(&holder);
        }
        live.by_expiry.remove(&(spent.expires_at, spent.nonce));
        then();
        true
    }

    /// How many are live or not yet forgotten.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live().by_expiry.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        // Every change leaves the maps usable, so a panic elsewhere does not spoil them.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn forget_expired(&mut self, now: EpochMillis) {
        while let Some(entry) = self.by_expiry.first_entry() {
            let (expires_at, nonce) = *entry.key();
            if now < expires_at {
                return;
            }
            let holder = entry.remove();
            if let Some(held) = self.by_holder.get_mut(&holder) {
                held.retain(|issued| issued.nonce != nonce);
                if held.is_empty() {
                    self.by_holder.remove(&holder);
                }
            }
        }
    }
}

/// The instant this long after another; the last one there is, if that is nearer.
pub(crate) fn after(instant: EpochMillis, duration: Duration) -> EpochMillis {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    EpochMillis::new(instant.as_millis().saturating_add(millis))
}

#[cfg(test)]
mod tests;
