//! The roots that Nitro documents may lead to.

use std::fmt;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::anchor_from_trusted_cert;

use super::error::NitroError;

/// Root certificates for Nitro documents.
pub struct NitroRoots(Vec<TrustAnchor<'static>>);

impl NitroRoots {
    /// The root of the commercial AWS partitions, `aws.nitro-enclaves`, G1, valid until 2049. Its
    /// SHA-256 fingerprint, as AWS publishes it, begins with 64:1A:03:21.
    ///
    /// # Errors
    /// [`NitroError::Root`], which a test rules out.
    pub fn aws() -> Result<Self, NitroError> {
        Self::from_pem(AWS_ROOT_G1)
    }

    /// From one or more certificates in PEM: of another partition of AWS, or of a test.
    ///
    /// # Errors
    /// [`NitroError::Root`]: there is none, or one of them cannot be read.
    pub fn from_pem(pem: &str) -> Result<Self, NitroError> {
        let anchors = CertificateDer::pem_slice_iter(pem.as_bytes()).map(|der| {
            let der = der.map_err(|_not_pem| NitroError::Root)?;
            let anchor = anchor_from_trusted_cert(&der).map_err(|_not_x509| NitroError::Root)?;
            Ok(anchor.to_owned())
        });
        let anchors: Vec<_> = anchors.collect::<Result<_, _>>()?;
        if anchors.is_empty() { Err(NitroError::Root) } else { Ok(Self(anchors)) }
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.0
    }
}

impl fmt::Debug for NitroRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NitroRoots({})", self.0.len())
    }
}

/// Public: <https://aws-nitro-enclaves.amazonaws.com/AWS_NitroEnclaves_Root-G1.zip>.
const AWS_ROOT_G1: &str = include_str!("aws_root_g1.pem");
