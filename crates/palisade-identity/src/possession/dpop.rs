//! Proofs of possession in the form of RFC 9449 (`DPoP`).

use palisade_core::{EpochMillis, Sha256Digest};
use palisade_jose::{Claims, CompactJws};

use crate::error::{Code, Refusal};
use crate::possession::{
    PROOF_ALGORITHMS, PROOF_ID_BYTES_MAX, Possession, ProofWindow, TokenText, UsedProof, not_bound,
    target,
};
use crate::timing::{earlier, later};
use crate::token::{TOKEN_LIMITS, malformed, required_text};

/// Checks a proof for a token that is bound to the key with this thumbprint (section 4.3; the
/// numbers below are those of its list).
///
/// That the header stood there once (1) is for the enforcement point to see. A nonce (10) is not
/// demanded, because the answer to the client is the enforcement point's.
pub(super) fn check(
    proof: &str,
    thumbprint: &[u8; 32],
    token: TokenText<'_>,
    seen: &Possession,
    window: ProofWindow,
) -> Result<UsedProof, Refusal> {
    // 2, 5: one well-formed JWT, and an asymmetric algorithm, the only ones that can be named.
    let jws = CompactJws::parse(proof, TOKEN_LIMITS).map_err(|_why| not_bound("dpop_form"))?;
    // 4
    if !jws.header().is_type("dpop+jwt") {
        return Err(not_bound("dpop_typ"));
    }
    // 7: a private key is refused with all that is no public key.
    let Some(Ok(key)) = jws.header().embedded_jwk() else {
        return Err(not_bound("dpop_jwk"));
    };
    // 12b, before the signature: the key of another costs no verification.
    if key.thumbprint() != thumbprint {
        return Err(not_bound("dpop_key"));
    }
    // 6
    let claims =
        jws.verify_with(&key, &PROOF_ALGORITHMS).map_err(|_why| not_bound("dpop_signature"))?;
    // 3, 8: methods are compared as they are, their case included.
    if required_text(&claims, "htm")? != seen.method {
        return Err(not_bound("dpop_htm"));
    }
    // 9
    let target = required_text(&claims, "htu")?;
    target::check(target, &seen.uri)?;
    // 12a
    if required_text(&claims, "ath")? != token.digest() {
        return Err(not_bound("dpop_ath"));
    }
    // 11
    let until = check_age(&claims, window)?;
    let id = proof_id(&claims)?;
    let digest = used_digest("dpop", thumbprint, target, id);
    Ok(UsedProof { digest, until })
}

/// Checks that a proof was made just now; returns the last instant at which it would be accepted.
fn check_age(claims: &Claims, window: ProofWindow) -> Result<EpochMillis, Refusal> {
    let issued_at = claims.instant("iat").map_err(malformed)?.ok_or(not_bound("proof_iat"))?;
    if issued_at > later(window.now, window.clock_skew) {
        return Err(Refusal::unverified(Code::NotYetValid, "proof_iat"));
    }
    if issued_at < earlier(window.now, window.age_max) {
        return Err(Refusal::unverified(Code::Expired, "proof_iat"));
    }
    Ok(later(issued_at, window.age_max))
}

/// The proof's own name.
pub(super) fn proof_id(claims: &Claims) -> Result<&str, Refusal> {
    let id = required_text(claims, "jti")?;
    if id.len() > PROOF_ID_BYTES_MAX { Err(not_bound("proof_jti")) } else { Ok(id) }
}

/// What a proof is recognised by: its key, its target and its own name.
pub(super) fn used_digest(kind: &str, key: &[u8; 32], target: &str, id: &str) -> Sha256Digest {
    let mut text = Vec::with_capacity(kind.len() + key.len() + target.len() + id.len() + 24);
    for part in [kind.as_bytes(), key, target.as_bytes(), id.as_bytes()] {
        // With their lengths, so that no two lists of parts are the same bytes.
        text.extend_from_slice(&part.len().to_be_bytes());
        text.extend_from_slice(part);
    }
    Sha256Digest::of(&text)
}
