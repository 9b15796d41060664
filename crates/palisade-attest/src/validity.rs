//! For how long a signed result is good.

use std::time::Duration;

use palisade_core::EpochMillis;
use palisade_jose::Claims;

use crate::error::AttestationRefusal;
use crate::nonce::after;

/// How old a result may be, and how far clocks may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgeLimits {
    /// How long after it was issued a result is good, whatever it says itself.
    pub max_age: Duration,
    /// How far in the future something may have been issued. Gives nothing at the other end.
    pub clock_skew: Duration,
}

impl Default for AgeLimits {
    /// An hour, and a minute.
    fn default() -> Self {
        Self { max_age: Duration::from_secs(3600), clock_skew: Duration::from_secs(60) }
    }
}

/// From when to when something is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) issued_at: EpochMillis,
    /// The first instant at which it is no longer good.
    pub(crate) expires_at: EpochMillis,
}

impl Lifetime {
    /// The lifetime that `iat`, `exp` and `nbf` (RFC 7519, section 4.1) leave within the limits.
    ///
    /// # Errors
    /// `iat` is missing, a claim is no instant, or `now` lies outside.
    pub(crate) fn of_claims(
        claims: &Claims,
        limits: AgeLimits,
        now: EpochMillis,
    ) -> Result<Self, AttestationRefusal> {
        let instant = |name| {
            claims.instant(name).map_err(|_type| AttestationRefusal::invalid("time_malformed"))
        };
        let issued_at = instant("iat")?.ok_or(AttestationRefusal::invalid("iat_missing"))?;
        let not_before = instant("nbf")?;
        if not_before.is_some_and(|start| after(now, limits.clock_skew) < start) {
            return Err(AttestationRefusal::invalid("not_yet_valid"));
        }
        Self::new(issued_at, instant("exp")?, limits, now)
    }

    /// The lifetime of what was made at `issued_at`.
    ///
    /// # Errors
    /// `now` lies outside.
    pub(crate) fn new(
        issued_at: EpochMillis,
        end: Option<EpochMillis>,
        limits: AgeLimits,
        now: EpochMillis,
    ) -> Result<Self, AttestationRefusal> {
        if after(now, limits.clock_skew) < issued_at {
            return Err(AttestationRefusal::invalid("issued_in_the_future"));
        }
        let aged = after(issued_at, limits.max_age);
        let expires_at = end.map_or(aged, |end| end.min(aged));
        if now >= expires_at {
            return Err(AttestationRefusal::expired("expired"));
        }
        Ok(Self { issued_at, expires_at })
    }
}
