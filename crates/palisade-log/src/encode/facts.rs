//! What had been proven when a call was decided, as a record holds it.

use palisade_core::{Attestation, Authentication, EpochMillis, Proof, Sha256Digest};
use palisade_proto::v1;
use palisade_redact::Scope;

use super::Redactions;

pub(super) const fn proof(proof: Proof) -> v1::Proof {
    match proof {
        Proof::Asserted => v1::Proof::Asserted,
        Proof::Bearer => v1::Proof::Bearer,
        Proof::KeyBound => v1::Proof::KeyBound,
    }
}

pub(super) fn authentication(
    known: &Authentication,
    redactions: &mut Redactions,
) -> v1::RecordedAuthentication {
    let Authentication { acr, amr, time } = known;
    let amr = amr.iter().enumerate();
    v1::RecordedAuthentication {
        acr: redactions.optional("/authentication/acr", acr.as_deref(), Scope::Secrets),
        amr: amr
            .map(|(at, method)| {
                redactions.text(&format!("/authentication/amr/{at}"), method, Scope::Secrets)
            })
            .collect(),
        time_unix_ms: time.map(EpochMillis::as_millis),
    }
}

/// Measurements are digests and names that a bundle was written for: nothing a caller chose.
pub(super) fn attestation(
    proven: &Attestation,
    evidence: Sha256Digest,
    redactions: &mut Redactions,
) -> v1::AttestationSummary {
    let Attestation {
        verifier,
        subject,
        tier,
        vector,
        issued_at,
        expires_at,
        measurements,
        references,
        debug,
        nonce_fresh,
    } = proven;
    let claim = |(category, value): &(String, i8)| v1::TrustClaim {
        category: category.clone(),
        value: i32::from(*value),
    };
    v1::AttestationSummary {
        tier: tier.as_str().to_owned(),
        issued_at_unix_ms: issued_at.as_millis(),
        evidence_digest: evidence.as_bytes().to_vec(),
        verifier: verifier.clone(),
        subject: redactions.text("/attestation/subject", subject, Scope::Secrets),
        vector: vector.iter().map(claim).collect(),
        expires_at_unix_ms: expires_at.as_millis(),
        measurements: measurements.clone(),
        references: references.clone(),
        debug: *debug,
        nonce_fresh: *nonce_fresh,
    }
}
