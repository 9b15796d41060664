//! Nitro documents as evidence.

use palisade_core::EpochMillis;
use palisade_jose::PublicKey;

use crate::appraisal::{Appraisal, Judgement, checked_subject};
use crate::binding::{BoundBy, Expected, better};
use crate::config::{VerifierConfig, VerifierKind};
use crate::error::AttestationRefusal;
use crate::nitro::{
    NitroClaims, NitroError, NitroExpectation, NitroFreshness, NitroRoots, verify_nitro_document,
};
use crate::validity::{AgeLimits, Lifetime};

/// AWS Nitro Enclaves, by the roots their documents lead to.
#[derive(Debug)]
pub struct NitroVerifier {
    /// Usually [`NitroRoots::aws`].
    pub roots: NitroRoots,
}

/// Verifies one document; the place of its verifier, and what it says.
///
/// It is bound by its `nonce` or its `user_data`, or by its `public_key` if that is the last link's.
///
/// # Errors
/// It leads to no configured root, is too old, or is bound to somebody else.
pub(crate) fn appraise(
    body: &[u8],
    verifiers: &[VerifierConfig],
    expected: &Expected,
    now: EpochMillis,
) -> Result<(usize, Appraisal), AttestationRefusal> {
    let mut refusal = AttestationRefusal::invalid("unknown_verifier");
    for (place, VerifierConfig { age, kind, .. }) in verifiers.iter().enumerate() {
        let VerifierKind::Nitro(NitroVerifier { roots }) = kind else { continue };
        let freshness = NitroFreshness::Age;
        let expectation = NitroExpectation { now, max_age: age.max_age, freshness };
        match verify_nitro_document(body, roots, &expectation) {
            Ok(claims) => {
                return appraise_claims(&claims, *age, expected, now).map(|found| (place, found));
            }
            Err(error @ NitroError::Expired) => refusal = AttestationRefusal::expired(error.code()),
            Err(error) => refusal = AttestationRefusal::invalid(error.code()),
        }
    }
    Err(refusal)
}

fn appraise_claims(
    claims: &NitroClaims,
    age: AgeLimits,
    expected: &Expected,
    now: EpochMillis,
) -> Result<Appraisal, AttestationRefusal> {
    let NitroClaims { module_id, timestamp, expires, pcrs, public_key, user_data, nonce, .. } =
        claims;
    let texts = [nonce, user_data].into_iter().flatten();
    let by_texts = texts.filter_map(|bytes| expected.by_bytes(bytes));
    let key = public_key.as_deref().and_then(|der| PublicKey::from_spki_der(der).ok());
    let by_key = key.filter(|key| expected.is_key(key)).map(|_| BoundBy::Key);
    let bound = better(by_texts.chain(by_key));
    let measurement =
        |(index, value): (&u8, &Vec<u8>)| format!("pcr{index}:sha384:{}", hex::encode(value));
    Ok(Appraisal {
        subject: checked_subject(module_id)?,
        judgement: Judgement::ReferenceValues,
        vector: Vec::new(),
        lifetime: Lifetime::new(*timestamp, Some(*expires), age, now)?,
        measurements: pcrs.iter().map(measurement).collect(),
        debug: claims.debug,
        bound: bound.ok_or(AttestationRefusal::invalid("not_bound"))?,
    })
}
