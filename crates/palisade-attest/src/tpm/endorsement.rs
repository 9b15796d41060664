//! Endorsement key certificates: which maker vouches for the TPM. A help for registering keys.
//!
//! The certificate tells of the endorsement key (EK), which only decrypts. That an attestation key
//! lives in the same TPM is proven by credential activation (`TPM2_ActivateCredential`), which is
//! a dialogue with the TPM and not done here.

use std::fmt;
use std::time::Duration;

use palisade_core::EpochMillis;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, aws_lc_rs as algorithms};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Why an endorsement key certificate is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EkCertificateError {
    /// The certificate does not lead to a root, or is not valid now.
    #[error("the endorsement key certificate does not hold")]
    Chain(#[source] webpki::Error),
    /// A root that was given is no certificate.
    #[error("a root for endorsement keys is no certificate")]
    Root(#[source] webpki::Error),
    /// More certificates, or larger ones, than the limits.
    #[error("the endorsement key certificates are over the limits")]
    TooLarge,
    /// The certificate does not say that its key is an endorsement key.
    #[error("the certificate is not one of an endorsement key")]
    Use,
}

/// The makers' certificate authorities that are trusted.
pub struct EkRoots(Vec<TrustAnchor<'static>>);

impl EkRoots {
    /// From certificates in DER.
    ///
    /// # Errors
    /// [`EkCertificateError::Root`]: one of them cannot be read.
    pub fn from_der<'a>(
        certificates: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, EkCertificateError> {
        let anchors = certificates.into_iter().map(|der| {
            let der = CertificateDer::from(der);
            let anchor = anchor_from_trusted_cert(&der).map_err(EkCertificateError::Root)?;
            Ok(anchor.to_owned())
        });
        Ok(Self(anchors.collect::<Result<_, _>>()?))
    }
}

impl fmt::Debug for EkRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EkRoots({})", self.0.len())
    }
}

/// An endorsement key that a trusted maker vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EkCertificate {
    /// The key, as a `SubjectPublicKeyInfo` in DER.
    pub public_key: Vec<u8>,
}

/// Verifies a certificate that has to say that its key is an EK (`tcg-kp-EKCertificate`; TCG "EK
/// Credential Profile", section 3.2.16) and to lead to one of the roots at this time.
///
/// Revocation lists are not consulted.
///
/// # Errors
/// It does not, or is over the limits: 4 KiB each, 4 intermediates.
pub fn verify_ek_certificate(
    certificate: &[u8],
    intermediates: &[&[u8]],
    roots: &EkRoots,
    now: EpochMillis,
) -> Result<EkCertificate, EkCertificateError> {
    let sizes = intermediates.iter().map(|der| der.len()).chain([certificate.len()]);
    if intermediates.len() > INTERMEDIATES_MAX || sizes.max() > Some(CERTIFICATE_BYTES_MAX) {
        return Err(EkCertificateError::TooLarge);
    }
    let leaf = CertificateDer::from(certificate);
    let leaf = EndEntityCert::try_from(&leaf).map_err(EkCertificateError::Chain)?;
    let intermediates: Vec<_> =
        intermediates.iter().map(|der| CertificateDer::from(*der)).collect();
    let seconds = u64::try_from(now.as_millis()).unwrap_or(0) / 1000;
    leaf.verify_for_usage(
        SIGNATURE_ALGORITHMS,
        &roots.0,
        &intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        // Required of the leaf below; makers' authorities often name no use at all.
        KeyUsage::required_if_present(EK_CERTIFICATE_OID),
        None,
        None,
    )
    .map_err(EkCertificateError::Chain)?;
    if !is_for_endorsement(certificate) {
        return Err(EkCertificateError::Use);
    }
    Ok(EkCertificate { public_key: leaf.subject_public_key_info().to_vec() })
}

/// Whether the certificate names the use `tcg-kp-EKCertificate`.
fn is_for_endorsement(certificate: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(Some(uses)) = certificate.extended_key_usage() else { return false };
    uses.value.other.iter().any(|oid| oid.as_bytes() == EK_CERTIFICATE_OID)
}

/// What makers sign with.
const SIGNATURE_ALGORITHMS: &[&dyn rustls_pki_types::SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
];

/// 2.23.133.8.1, as the content of its DER.
const EK_CERTIFICATE_OID: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x01];

// LIMIT: real ones have 1 to 2 KiB.
const CERTIFICATE_BYTES_MAX: usize = 4096;
// LIMIT: makers have one or two authorities below their root.
const INTERMEDIATES_MAX: usize = 4;
