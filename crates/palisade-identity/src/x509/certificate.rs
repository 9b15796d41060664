//! What X.509-SVIDs say in the extensions that path validation does not look at.
//!
//! Signatures, names, validity and encodings that matter for the path are left to `webpki`; key
//! usage and URI names, which it does not tell, are read here. Both read the same bytes, and what
//! either of them cannot read is refused.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Version;

use super::error::SvidError;
use crate::spiffe::{SpiffeId, TrustDomain};

/// Bytes of one certificate.
// LIMIT: an SVID with an RSA-4096 key and a long chain of names has some 2 KiB. Post-quantum
// signatures, which nothing here verifies, would need more.
pub(super) const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// One certificate, read but not verified.
#[derive(Debug)]
pub(crate) struct Certificate<'a> {
    der: &'a [u8],
    /// `basicConstraints`: whether it may issue; and how many certificates may follow, not
    /// counting the leaf.
    pub(crate) is_authority: bool,
    pub(crate) path_length_max: Option<u32>,
    pub(crate) key_usage: Option<KeyUsage>,
    /// The URIs among its alternative names.
    pub(crate) uris: Vec<&'a str>,
    /// The first and the last second at which it is good, since the epoch.
    pub(crate) valid_from: i64,
    pub(crate) valid_until: i64,
    public_key: &'a [u8],
}

/// What a key may be used for (RFC 5280, section 4.2.1.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyUsage {
    pub(crate) is_critical: bool,
    pub(crate) certificate_signing: bool,
    pub(crate) digital_signature: bool,
    pub(crate) revocation_list_signing: bool,
}

impl<'a> Certificate<'a> {
    /// Reads exactly one DER certificate of at most [`CERTIFICATE_BYTES_MAX`] bytes.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, SvidError> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(SvidError::CertificateTooLarge { bytes: der.len() });
        }
        // FAIL-CLOSED: the other parser takes lengths that are longer than they need to be; this
        // one does not, and refuses critical extensions that nobody understands.
        EndEntityCert::try_from(&CertificateDer::from(der))?;
        let Ok((rest, certificate)) = X509Certificate::from_der(der) else {
            return Err(SvidError::Malformed);
        };
        if !rest.is_empty() || certificate.version() != X509Version::V3 {
            return Err(SvidError::Malformed);
        }
        // FAIL-CLOSED: some getters of the parser take an extension it cannot read for absent.
        let unreadable = |extension: &ParsedExtension<'_>| {
            matches!(extension, ParsedExtension::ParseError { .. })
        };
        if certificate.iter_extensions().any(|e| unreadable(e.parsed_extension())) {
            return Err(SvidError::Malformed);
        }
        Self::extensions(der, &certificate).ok_or(SvidError::Malformed)
    }

    /// `None` if an extension stands there twice or cannot be read.
    fn extensions(der: &'a [u8], certificate: &X509Certificate<'a>) -> Option<Self> {
        let constraints = certificate.basic_constraints().ok()?.map(|found| found.value);
        let key_usage = certificate.key_usage().ok()?.map(|found| KeyUsage {
            is_critical: found.critical,
            certificate_signing: found.value.key_cert_sign(),
            digital_signature: found.value.digital_signature(),
            revocation_list_signing: found.value.crl_sign(),
        });
        let mut uris = Vec::new();
        if let Some(names) = certificate.subject_alternative_name().ok()? {
            for name in &names.value.general_names {
                match name {
                    GeneralName::URI(uri) => uris.push(*uri),
                    GeneralName::Invalid(..) => return None,
                    _ => {}
                }
            }
        }
        let validity = certificate.validity();
        Some(Self {
            der,
            is_authority: constraints.is_some_and(|constraints| constraints.ca),
            path_length_max: constraints.and_then(|found| found.path_len_constraint),
            key_usage,
            uris,
            valid_from: validity.not_before.timestamp(),
            valid_until: validity.not_after.timestamp(),
            public_key: certificate.subject_pki.raw,
        })
    }

    /// The bytes it was read from.
    pub(crate) const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The public key as a DER `SubjectPublicKeyInfo`.
    pub(crate) const fn public_key(&self) -> &'a [u8] {
        self.public_key
    }

    /// The workload it names, if it has what a leaf must have and nothing a leaf must not
    /// (X509-SVID, sections 4.1, 4.3 and 5.2).
    pub(super) fn workload(&self) -> Result<SpiffeId, SvidError> {
        if self.is_authority {
            return Err(SvidError::LeafIsAuthority);
        }
        let usage = self.key_usage.ok_or(SvidError::KeyUsageMissing)?;
        if usage.certificate_signing || usage.revocation_list_signing {
            return Err(SvidError::LeafMaySign);
        }
        if !usage.is_critical || !usage.digital_signature {
            return Err(SvidError::KeyUsage);
        }
        match self.uris[..] {
            [] => Err(SvidError::IdMissing),
            [uri] => SpiffeId::parse(uri).map_err(SvidError::Id),
            _ => Err(SvidError::IdAmbiguous),
        }
    }

    /// Checks what a signing certificate between leaf and anchor must have (X509-SVID, sections
    /// 3.2, 4.1 and 4.3).
    ///
    /// The standard lets an authority of one trust domain sign for another; here, one that names
    /// itself is of the leaf's.
    pub(super) fn check_signing(&self, leaf: &TrustDomain) -> Result<(), SvidError> {
        if !self.is_authority {
            return Err(SvidError::IssuerIsNoAuthority);
        }
        if !self.key_usage.is_some_and(|usage| usage.certificate_signing) {
            return Err(SvidError::IssuerMayNotSign);
        }
        match self.uris[..] {
            [] => Ok(()),
            [uri] if TrustDomain::parse_id(uri).as_ref() == Ok(leaf) => Ok(()),
            _ => Err(SvidError::IssuerId),
        }
    }
}
