//! Workload proof tokens, `wpt+jwt` (draft-ietf-wimse-wpt-02).

use std::time::Duration;

use palisade_jose::{Claims, CompactJws, PublicKey};

use crate::error::{Code, Refusal};
use crate::issuers::TokenKind;
use crate::possession::dpop::{proof_id, used_digest};
use crate::possession::{ProofWindow, Shown, UsedProof, not_bound, target};
use crate::timing::later;
use crate::token::{TOKEN_LIMITS, malformed, required_text};

/// How long a proof may be good for.
// LIMIT: every proof of that time is remembered. The draft asks for minutes at most.
const WPT_LIFETIME_MAX: Duration = Duration::from_mins(5);

/// Checks a proof for a workload identity token that is bound to this key.
pub(super) fn check(
    proof: &str,
    key: &PublicKey,
    shown: Shown<'_>,
    uri: &str,
    window: ProofWindow,
) -> Result<UsedProof, Refusal> {
    let jws = CompactJws::parse(proof, TOKEN_LIMITS).map_err(|_why| not_bound("wpt_form"))?;
    if !jws.header().is_type("wpt+jwt") {
        return Err(not_bound("wpt_typ"));
    }
    // The key says its algorithm, and the proof has to use exactly that one.
    let algorithm = key.algorithm().ok_or(not_bound("cnf_jwk_alg"))?;
    let claims = jws.verify_with(key, &[algorithm]).map_err(|_why| not_bound("wpt_signature"))?;
    let audience = required_text(&claims, "aud")?;
    target::check(audience, uri)?;
    let expires = claims.instant("exp").map_err(malformed)?.ok_or(not_bound("wpt_exp"))?;
    if window.now >= expires {
        return Err(Refusal::unverified(Code::Expired, "wpt_exp"));
    }
    if expires > later(window.now, WPT_LIFETIME_MAX) {
        return Err(Refusal::unverified(Code::Lifetime, "wpt_exp"));
    }
    if required_text(&claims, "wth")? != shown.token.digest() {
        return Err(not_bound("wpt_wth"));
    }
    check_covered(&claims, shown)?;
    let digest = used_digest("wpt", key.thumbprint(), audience, proof_id(&claims)?);
    Ok(UsedProof { digest, until: expires })
}

/// Checks that the proof names exactly the tokens that were shown beside its own.
///
/// What it does not cover may have been added by anybody on the way, and must not be used.
fn check_covered(claims: &Claims, shown: Shown<'_>) -> Result<(), Refusal> {
    // FAIL-CLOSED: no other header of a request comes to us, so an entry cannot be understood.
    if claims.object("oth").map_err(malformed)?.is_some_and(|others| !others.is_empty()) {
        return Err(not_bound("wpt_oth"));
    }
    for (claim, kind) in [("ath", TokenKind::AccessToken), ("tth", TokenKind::TransactionToken)] {
        let mut of_kind = shown.others.iter().filter(|(other, _)| *other == kind);
        let covered = claims.text(claim).map_err(malformed)?;
        match (covered, of_kind.next(), of_kind.next()) {
            (None, None, None) => {}
            (Some(digest), Some((_, token)), None) if digest == token.digest() => {}
            _ => return Err(not_bound("wpt_covers")),
        }
    }
    let coverable =
        |kind: &TokenKind| matches!(kind, TokenKind::AccessToken | TokenKind::TransactionToken);
    if shown.others.iter().all(|(kind, _)| coverable(kind)) {
        Ok(())
    } else {
        Err(not_bound("wpt_covers"))
    }
}
