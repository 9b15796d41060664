//! OAuth transaction tokens, `txntoken+jwt` (draft-ietf-oauth-transaction-tokens-10).

use palisade_jose::Claims;

use crate::error::{Code, Refusal};
use crate::token::{malformed, required_text};

/// Checks what the draft requires beyond what every token has to have. Claims that it does not know
/// are ignored, as it says; the claim that names an agent is configured with the issuer.
pub(super) fn check(claims: &Claims) -> Result<(), Refusal> {
    for name in ["req_wl", "scope", "sub", "txn"] {
        required_text(claims, name)?;
    }
    if claims.instant("iat").map_err(malformed)?.is_none() {
        return Err(Refusal::unverified(Code::Malformed, "iat"));
    }
    // A transaction lives in one trust domain.
    match claims.texts("aud").map_err(malformed)?.as_deref() {
        Some([_]) => Ok(()),
        _ => Err(Refusal::unverified(Code::Malformed, "txn_audience")),
    }
}
