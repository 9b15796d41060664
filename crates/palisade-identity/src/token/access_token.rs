//! OAuth access tokens in the form of RFC 9068, `at+jwt`.

use palisade_jose::Claims;

use crate::error::{Code, Refusal};
use crate::token::{malformed, required_text};

/// Checks what the profile requires beyond what every token has to have (RFC 9068, section 2.2).
pub(super) fn check(claims: &Claims) -> Result<(), Refusal> {
    for name in ["client_id", "iss", "jti", "sub"] {
        required_text(claims, name)?;
    }
    match claims.instant("iat").map_err(malformed)? {
        Some(_) => Ok(()),
        None => Err(Refusal::unverified(Code::Malformed, "iat")),
    }
}
