//! Sigstore bundles, verified offline against a trusted root.
//!
//! `sigstore-verify` does the verifying: the certificate's chain and its transparency timestamp,
//! the log entry's proof and that it is about this very signature, the time, the signature. None
//! of what its policies can skip is skipped. What this module adds is what has to hold before it
//! is asked (one reading of the JSON, bounds) and what it is to answer.

use std::fmt;

use palisade_core::parse_json_object;
use serde_json::{Map, Value};
use sigstore_verify::types::{Bundle, Sha256Hash, SignatureContent};
use sigstore_verify::{SubjectAltName, VerificationPolicy, Verifier, trust_root};

use super::error::CodeError;
use super::policy::WorkflowIdentity;
use super::provenance::is_plain_uri;

/// Certificates, log entries or timestamps of one bundle, of each kind.
// LIMIT: each costs a few verifications. Bundles in use have one or two of each.
pub(super) const EVIDENCE_MAX: usize = 8;

/// The authorities whose word counts: certificate authorities, transparency logs, timestamp
/// authorities. An operator obtains it, e.g. from Sigstore's TUF repository or from a private
/// instance, and keeps it current.
pub struct TrustedRoot(Verifier);

/// A bundle whose signature, certificate, log entry and time are proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VerifiedBundle {
    /// The signed payload, if it is one; a bundle may sign the artefact itself instead.
    pub(super) statement: Option<Vec<u8>>,
    /// Who signed, if it was a workflow.
    pub(super) signer: Option<WorkflowIdentity>,
    /// The source repository, if the certificate names one.
    pub(super) source: Option<String>,
}

impl TrustedRoot {
    /// Reads a `trusted_root.json` (`application/vnd.dev.sigstore.trustedroot+json`).
    ///
    /// # Errors
    /// Not JSON within the limits; a certificate or key that cannot be used; no certificate
    /// authority, transparency log or certificate transparency log, without any of which no
    /// bundle could be verified.
    pub fn parse(json: &[u8]) -> Result<Self, CodeError> {
        let object = parse_json_object(json, super::JSON_LIMITS)
            .map_err(|source| CodeError::Json { what: "trusted root", source })?;
        let root: trust_root::TrustedRoot =
            serde_json::from_value(Value::Object(object)).map_err(CodeError::TrustedRootSyntax)?;
        for (missing, is_empty) in [
            ("certificate authority", root.certificate_authorities.is_empty()),
            ("transparency log", root.tlogs.is_empty()),
            ("certificate transparency log", root.ctlogs.is_empty()),
        ] {
            if is_empty {
                return Err(CodeError::TrustedRootIncomplete { missing });
            }
        }
        Verifier::new(&root)
            .map(Self)
            .map_err(|error| CodeError::TrustedRootInvalid(Box::new(error)))
    }

    /// Verifies everything about a bundle but whether its signer is welcome.
    pub(super) fn verify(
        &self,
        bundle: &[u8],
        subject_sha256: &[u8; 32],
    ) -> Result<VerifiedBundle, CodeError> {
        let object = parse_json_object(bundle, super::JSON_LIMITS)
            .map_err(|source| CodeError::Json { what: "Sigstore bundle", source })?;
        check_shape(&object)?;
        let bundle: Bundle =
            serde_json::from_value(Value::Object(object)).map_err(CodeError::BundleSyntax)?;
        // The signer is compared with the pins by the caller: the library knows one pin only.
        let policy = VerificationPolicy::any_identity();
        let result = self.0.verify(Sha256Hash::new(*subject_sha256), &bundle, &policy)?;
        // FAIL-CLOSED: should the library's policy come to check less one day, it is seen here.
        if !(result.certificate_verified() && result.sct_verified() && result.tlog_verified()) {
            return Err(CodeError::NotByWorkflow);
        }
        let source = result
            .certificate()
            .and_then(|certificate| certificate.ci_claims.source_repository_uri.clone());
        let signer = read_signer(result.identity(), result.issuer());
        let statement = match bundle.content {
            SignatureContent::DsseEnvelope(envelope) => Some(envelope.payload.into_bytes()),
            _ => None,
        };
        Ok(VerifiedBundle { statement, signer, source })
    }
}

impl fmt::Debug for TrustedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedRoot").finish_non_exhaustive()
    }
}

/// The workflow that a certificate was issued to; `None` if it was issued to a person, or to
/// nobody in particular.
fn read_signer(
    identity: Option<&SubjectAltName>,
    issuer: Option<&str>,
) -> Option<WorkflowIdentity> {
    match (identity, issuer) {
        (Some(SubjectAltName::Uri(identity)), Some(issuer))
            if is_plain_uri(identity) && is_plain_uri(issuer) =>
        {
            Some(WorkflowIdentity { identity: identity.clone(), issuer: issuer.to_owned() })
        }
        _ => None,
    }
}

/// Refuses what the library would read in one of two ways, and bounds what it would verify one by
/// one.
fn check_shape(bundle: &Map<String, Value>) -> Result<(), CodeError> {
    let Some(Value::Object(material)) = bundle.get("verificationMaterial") else {
        return Err(CodeError::BundleShape { why: "it has no verification material" });
    };
    // The library takes its absence for version 0.1.
    if !bundle.get("mediaType").is_some_and(Value::is_string) {
        return Err(CodeError::BundleShape { why: "it has no media type" });
    }
    let contents = ["dsseEnvelope", "messageSignature"];
    let signers = ["certificate", "publicKey", "x509CertificateChain"];
    for (object, alternatives) in [(bundle, contents.as_slice()), (material, signers.as_slice())] {
        if alternatives.iter().filter(|name| object.contains_key(**name)).count() > 1 {
            return Err(CodeError::BundleShape { why: "it has two of what excludes each other" });
        }
    }
    let timestamps =
        material.get("timestampVerificationData").and_then(|data| data.get("rfc3161Timestamps"));
    let certificates =
        material.get("x509CertificateChain").and_then(|chain| chain.get("certificates"));
    for (what, list) in [
        ("log entries", material.get("tlogEntries")),
        ("timestamps", timestamps),
        ("certificates", certificates),
    ] {
        let count = list.and_then(Value::as_array).map_or(0, Vec::len);
        if count > EVIDENCE_MAX {
            return Err(CodeError::TooMany { what, count, limit: EVIDENCE_MAX });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
