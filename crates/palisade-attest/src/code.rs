//! What code runs in an environment: who built it, and from which source.
//!
//! An attestation result says *which* image runs, as a digest. Provenance says where that image
//! comes from: an in-toto statement about the digest, signed either by a key that is pinned (a
//! bare DSSE envelope) or by a workflow whose short-lived certificate, log entry and time of
//! signing are proven (a Sigstore bundle). Both are verified offline, against what the operator
//! gives: nothing is fetched.
//!
//! Whoever signed, the claims of the statement count only if the builder and the source repository
//! are pinned: signed provenance of somebody else's build is no reason to trust an image.

mod envelope;
mod error;
#[cfg(test)]
pub(crate) mod forge;
mod key;
mod policy;
mod provenance;
mod sigstore;
mod source;

use palisade_core::{JsonLimits, Sha256Digest};

pub use error::CodeError;
pub use key::{ProvenanceKey, ProvenanceKeyError};
pub use policy::{CodePins, CodePolicy, CodePolicyError, WorkflowIdentity};
pub use sigstore::TrustedRoot;

use envelope::Envelope;
use provenance::Provenance;

/// Bytes of an envelope, a bundle, a statement or a trusted root.
// LIMIT: 1024 subjects take some 200 KiB, which base64 makes 270 KiB, and a Sigstore bundle may
// hold them twice, the second time in the log entry.
pub const CODE_DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// How deep such a document may be nested.
// LIMIT: GitHub's event payloads, which some builders copy into provenance, are nested about ten
// levels deep.
pub const CODE_DOCUMENT_DEPTH_MAX: usize = 32;

const JSON_LIMITS: JsonLimits =
    JsonLimits { bytes: CODE_DOCUMENT_BYTES_MAX, depth: CODE_DOCUMENT_DEPTH_MAX };

/// The predicate type of the provenance that is read (SLSA v1.0 and later).
pub const SLSA_PROVENANCE_V1: &str = "https://slsa.dev/provenance/v1";

/// What is proven of one artefact.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CodeClaims {
    /// The kind of build, a URI of the builder's choosing. It is not pinned.
    pub build_type: String,
    /// Who built it (`runDetails.builder.id`), as pinned.
    pub builder: String,
    /// The type of the predicate that said so; [`SLSA_PROVENANCE_V1`].
    pub predicate_type: &'static str,
    /// Whose certificate signed, if it was a Sigstore bundle.
    pub signer: Option<WorkflowIdentity>,
    /// The repository it was built from: `https://<host>/<path>`, without ref and `.git`.
    pub source: String,
    /// SHA-256 of the artefact.
    pub subject_digest: Sha256Digest,
}

impl CodeClaims {
    /// The claims as [`palisade_core::Attestation::measurements`] has them, sorted:
    /// `builder:<id>` and `source:<repository>`.
    #[must_use]
    pub fn measurements(&self) -> Vec<String> {
        vec![format!("builder:{}", self.builder), format!("source:{}", self.source)]
    }
}

/// Verifies SLSA provenance in a DSSE envelope (DSSE v1, in-toto Statement v1) for an artefact.
///
/// At least one signature has to be by one of `keys`; the envelope's other signatures and its key
/// ids are not looked at. The statement has to name `subject_sha256` among its subjects, and its
/// builder and source repository have to be pinned by `policy`.
///
/// # Errors
/// Any doubt; see [`CodeError`]. Without keys nothing is accepted.
pub fn verify_dsse_provenance(
    envelope: &[u8],
    keys: &[ProvenanceKey],
    policy: &CodePolicy,
    subject_sha256: &[u8; 32],
) -> Result<CodeClaims, CodeError> {
    let payload = Envelope::parse(envelope)?.verify(keys)?;
    let provenance = Provenance::parse(&payload, subject_sha256)?;
    policy.check_provenance(&provenance)?;
    Ok(provenance.into_claims(None, subject_sha256))
}

/// Verifies SLSA provenance in a Sigstore bundle (v0.1 to v0.3) for an artefact.
///
/// The bundle has to hold a DSSE envelope signed under a Fulcio certificate with a certificate
/// transparency timestamp, an entry of a transparency log with its inclusion proof, and a proven
/// time of signing at which the certificate was valid, all by authorities of `trusted_root`. The
/// certificate's identity (a URI: a person's e-mail address is no workflow) and OIDC issuer have
/// to be pinned by `policy`, as have builder and source repository. If the certificate names the
/// source repository, the provenance has to name the same one.
///
/// The time of signing is proven by logs and timestamp authorities. The machine's clock is read
/// by the library only, and only to refuse: log entries and log keys of the future.
///
/// # Errors
/// Any doubt; see [`CodeError`].
pub fn verify_sigstore_bundle(
    bundle: &[u8],
    trusted_root: &TrustedRoot,
    policy: &CodePolicy,
    subject_sha256: &[u8; 32],
) -> Result<CodeClaims, CodeError> {
    let verified = trusted_root.verify(bundle, subject_sha256)?;
    let (Some(statement), Some(signer)) = (verified.statement, verified.signer) else {
        // FAIL-CLOSED: a signature over the artefact itself says nothing of its build, and what a
        // person signed no workflow did.
        return Err(CodeError::NotByWorkflow);
    };
    policy.check_signer(&signer)?;
    let provenance = Provenance::parse(&statement, subject_sha256)?;
    policy.check_provenance(&provenance)?;
    if let Some(certified) = verified.source {
        provenance.check_source(&certified)?;
    }
    Ok(provenance.into_claims(Some(signer), subject_sha256))
}

#[cfg(test)]
mod tests;
