//! WIMSE workload identity tokens, `wit+jwt` (draft-ietf-wimse-workload-creds-02).
//!
//! They are never bearer tokens: what [`Confirmation`](crate::possession::Confirmation) reads of
//! `cnf.jwk` has to be proven with a `wpt+jwt` for each request.

use palisade_jose::Claims;

use crate::error::{Code, Refusal};
use crate::token::malformed;

/// Checks what the draft requires beyond what every token has to have.
pub(super) fn check(claims: &Claims) -> Result<(), Refusal> {
    match claims.object("cnf").map_err(malformed)? {
        Some(confirmation) if confirmation.contains_key("jwk") => Ok(()),
        _ => Err(Refusal::unverified(Code::Malformed, "wit_cnf")),
    }
}
