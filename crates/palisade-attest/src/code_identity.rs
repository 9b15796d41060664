//! Provenance that accompanies an attestation: who built the image that was attested.

use crate::code::{
    CodePolicy, ProvenanceKey, TrustedRoot, verify_dsse_provenance, verify_sigstore_bundle,
};
use crate::error::AttestationRefusal;

/// Media type of an in-toto statement; as evidence, in a DSSE envelope.
pub const DSSE_TYPE: &str = "application/vnd.in-toto+json";

/// Media type of a Sigstore bundle.
pub const SIGSTORE_BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Whose word on code counts.
#[derive(Debug)]
pub struct CodeTrust {
    /// Builders, sources and workflows that are believed at all; reference values say which of
    /// them an environment has to come from.
    pub policy: CodePolicy,
    /// Keys that sign provenance in bare DSSE envelopes.
    pub keys: Vec<ProvenanceKey>,
    /// The authorities behind Sigstore bundles; `None`: no bundle is accepted.
    pub trusted_root: Option<TrustedRoot>,
}

/// How provenance is packed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProvenanceForm {
    Dsse,
    Sigstore,
}

/// Measurements `builder:…`, `source:…` and `workflow:…` of the image among `measurements`.
///
/// # Errors
/// The provenance is of another image, in doubt, or nobody's word on code counts.
pub(crate) fn appraise(
    form: ProvenanceForm,
    body: &[u8],
    trust: Option<&CodeTrust>,
    measurements: &[String],
) -> Result<Vec<String>, AttestationRefusal> {
    const IMAGE: AttestationRefusal = AttestationRefusal::invalid("code_without_image");
    let trust = trust.ok_or(AttestationRefusal::invalid("media_type"))?;
    let mut images = measurements.iter().filter_map(|text| text.strip_prefix("image:sha256:"));
    // FAIL-CLOSED: of several images nobody knows which one runs.
    let (Some(image), None) = (images.next(), images.next()) else {
        return Err(IMAGE);
    };
    let mut digest = [0; 32];
    hex::decode_to_slice(image, &mut digest).map_err(|_digits| IMAGE)?;
    let verified = match (form, &trust.trusted_root) {
        (ProvenanceForm::Dsse, _) => {
            verify_dsse_provenance(body, &trust.keys, &trust.policy, &digest)
        }
        (ProvenanceForm::Sigstore, Some(root)) => {
            verify_sigstore_bundle(body, root, &trust.policy, &digest)
        }
        (ProvenanceForm::Sigstore, None) => return Err(AttestationRefusal::invalid("media_type")),
    };
    let claims = verified.map_err(|error| AttestationRefusal::invalid(error.code()))?;
    let mut measured = claims.measurements();
    measured.extend(claims.signer.map(|signer| format!("workflow:{}", signer.identity)));
    Ok(measured)
}
