//! When a token is good.

use palisade_core::EpochMillis;
use palisade_jose::Claims;

use crate::error::{Code, Refusal};
use crate::issuers::TrustedIssuer;
use crate::timing::later;
use crate::token::malformed;

/// The instants of a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetime {
    pub(super) issued_at: Option<EpochMillis>,
    pub(super) expires: EpochMillis,
}

/// Reads `exp`, `nbf` and `iat` and checks them.
///
/// A clock that is behind the issuer's must not refuse what was just issued, so `nbf` and `iat` get
/// the issuer's clock skew. `exp` gets none: the end is the end for everybody, and what is told to
/// others as the end of a chain is that instant.
pub(super) fn check(
    claims: &Claims,
    issuer: &TrustedIssuer,
    now: EpochMillis,
) -> Result<Lifetime, Refusal> {
    let refuse = |code, detail| Err(Refusal::unverified(code, detail));
    let Some(expires) = claims.instant("exp").map_err(malformed)? else {
        // FAIL-CLOSED: a token without an end could not be revoked for good.
        return refuse(Code::Malformed, "exp");
    };
    if now >= expires {
        return refuse(Code::Expired, "exp");
    }
    let latest_start = later(now, issuer.clock_skew);
    let not_before = claims.instant("nbf").map_err(malformed)?;
    if not_before.is_some_and(|instant| instant > latest_start) {
        return refuse(Code::NotYetValid, "nbf");
    }
    let issued_at = claims.instant("iat").map_err(malformed)?;
    if issued_at.is_some_and(|instant| instant > latest_start) {
        return refuse(Code::NotYetValid, "iat");
    }
    // Without `iat` the remaining life is all that is known of it.
    let latest_end = later(issued_at.unwrap_or(now), issuer.lifetime_max);
    if expires > latest_end {
        return refuse(Code::Lifetime, "lifetime");
    }
    Ok(Lifetime { issued_at, expires })
}
