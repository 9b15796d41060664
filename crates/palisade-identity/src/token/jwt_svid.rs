//! SPIFFE JWT-SVIDs.

use palisade_jose::{Algorithm, Header};

use crate::error::{Code, Refusal};

/// The members that the header may have (JWT-SVID, section 2).
const HEADER_MEMBERS: [&str; 3] = ["alg", "kid", "typ"];

/// Whether JWT-SVIDs can be signed with an algorithm (JWT-SVID, section 2.1).
pub(super) const fn may_sign(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512 => true,
        Algorithm::EdDsa => false,
    }
}

/// Checks what the profile requires of the header. That `sub` is an id of the trust domain whose
/// keys verified it was seen when the issuer was chosen.
pub(super) fn check(header: &Header) -> Result<(), Refusal> {
    // `typ` written as a media type is another spelling than the two that are allowed.
    let is_typ_allowed = header.typ().is_none_or(|typ| typ == "JWT" || typ == "JOSE");
    if is_typ_allowed && header.members().all(|member| HEADER_MEMBERS.contains(&member)) {
        Ok(())
    } else {
        Err(Refusal::unverified(Code::Malformed, "svid_header"))
    }
}
