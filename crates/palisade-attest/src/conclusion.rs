//! Compares what was found with the reference values of the bundle, and says it in one form.

use palisade_catalog::ReferenceValues;
use palisade_core::{Attestation, TrustTier};

use crate::appraisal::{Appraisal, Judgement, MEASUREMENTS_MAX};
use crate::binding::BoundBy;
use crate::error::AttestationRefusal;
use crate::validity::Lifetime;

/// What raw evidence is worth that meets a reference value: approved boot components (AR4SI,
/// executables 3), and what does not: contraindicated (96), because nobody vouches for it.
const MET: i8 = 3;
const UNMET: i8 = 96;

/// What evidence amounts to under these reference values.
///
/// A reference value that is met adds its name. Whether a result can be trusted is its verifier's
/// word; whether raw evidence can, is whether it meets a reference value.
///
/// # Errors
/// Raw evidence of an environment in debug mode, without a reference value that allows it; too many
/// measurements.
pub(crate) fn conclude(
    verifier: &str,
    appraisal: Appraisal,
    reference: &ReferenceValues,
) -> Result<Attestation, AttestationRefusal> {
    let Appraisal { subject, judgement, mut vector, lifetime, mut measurements, debug, bound } =
        appraisal;
    measurements.sort_unstable();
    measurements.dedup();
    if measurements.len() > MEASUREMENTS_MAX {
        return Err(AttestationRefusal::invalid("measurement_malformed"));
    }
    let references: Vec<String> = reference
        .met_by(verifier, &measurements)
        // FAIL-CLOSED: what can be changed while it runs is not what was measured.
        .filter(|(_, value)| value.debug || !debug)
        .map(|(name, _)| name.to_owned())
        .collect();
    let tier = match judgement {
        Judgement::Verifier(tier) => tier,
        Judgement::ReferenceValues => {
            let met = !references.is_empty();
            if debug && !met {
                return Err(AttestationRefusal::invalid("debug"));
            }
            vector.push(("executables".to_owned(), if met { MET } else { UNMET }));
            if met { TrustTier::Affirming } else { TrustTier::Contraindicated }
        }
    };
    let Lifetime { issued_at, expires_at } = lifetime;
    Ok(Attestation {
        verifier: verifier.to_owned(),
        subject,
        tier,
        vector,
        issued_at,
        expires_at,
        measurements,
        references,
        debug,
        nonce_fresh: matches!(bound, BoundBy::Nonce(_)),
    })
}
