//! Why a certificate chain proves nobody.

use super::CHAIN_CERTIFICATES_MAX;
use super::certificate::CERTIFICATE_BYTES_MAX;
use crate::spiffe::SpiffeIdError;

/// Why a chain of certificates is no X.509-SVID that can be trusted.
///
/// Says what is wrong with the certificates, which whoever sent them knows; a signature that does
/// not verify and an authority nobody knows are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SvidError {
    /// A certificate is larger than anything this verifies.
    #[error("a certificate has {bytes} bytes; the limit is {CERTIFICATE_BYTES_MAX}")]
    CertificateTooLarge {
        /// How many.
        bytes: usize,
    },
    /// No certificate.
    #[error("there is no certificate")]
    ChainEmpty,
    /// More certificates than [`CHAIN_CERTIFICATES_MAX`].
    #[error("there are {certificates} certificates; the limit is {CHAIN_CERTIFICATES_MAX}")]
    ChainTooLong {
        /// How many.
        certificates: usize,
    },
    /// A critical extension that nothing here understands.
    #[error("a critical extension is not supported")]
    CriticalExtension,
    /// A certificate of the path, or the anchor it ends in, is no longer good.
    #[error("a certificate has expired")]
    Expired,
    /// `extKeyUsage` is there and does not allow authenticating as a client.
    #[error("the extended key usage does not allow client authentication")]
    ExtendedKeyUsage,
    /// The URI is no SPIFFE id of a workload.
    #[error("the URI is no SPIFFE id of a workload")]
    Id(#[source] SpiffeIdError),
    /// More than one URI.
    #[error("the leaf has more than one URI")]
    IdAmbiguous,
    /// No URI.
    #[error("the leaf has no URI")]
    IdMissing,
    /// A signing certificate has an id with a path, of another trust domain, or several.
    #[error("a signing certificate does not have the id of the leaf's trust domain")]
    IssuerId,
    /// A certificate beside the leaf is no authority (`cA` is false).
    #[error("a signing certificate is no authority")]
    IssuerIsNoAuthority,
    /// A certificate beside the leaf lacks `keyCertSign`.
    #[error("a signing certificate may not sign certificates")]
    IssuerMayNotSign,
    /// The leaf's key is of a kind or size that is not accepted.
    #[error("the leaf's key is not supported")]
    Key,
    /// The leaf's `keyUsage` is not critical or lacks `digitalSignature`.
    #[error("the leaf's key usage is not critical or lacks digital signatures")]
    KeyUsage,
    /// The leaf has no `keyUsage`.
    #[error("the leaf has no key usage")]
    KeyUsageMissing,
    /// The leaf is an authority (`cA` is true).
    #[error("the leaf is an authority")]
    LeafIsAuthority,
    /// The leaf has `keyCertSign` or `cRLSign`.
    #[error("the leaf may sign certificates or revocation lists")]
    LeafMaySign,
    /// Bytes that are no X.509 version 3 certificate in DER, or more than one.
    #[error("a certificate is malformed")]
    Malformed,
    /// A name that an authority's constraints exclude; constraints on URIs exclude all.
    #[error("a name constraint is violated")]
    NameConstraint,
    /// A certificate of the path, or the anchor it ends in, is not good yet.
    #[error("a certificate is not valid yet")]
    NotYetValid,
    /// More signing certificates than an authority allows below it.
    #[error("the path is longer than an authority allows")]
    PathTooLong,
    /// Nothing is known of the leaf's trust domain.
    #[error("the trust domain is not known")]
    TrustDomainUnknown,
    /// No path of good signatures leads to an anchor of the leaf's trust domain.
    #[error("no path leads to an authority of the trust domain")]
    Untrusted,
}

impl SvidError {
    /// A stable code for metrics and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CertificateTooLarge { .. } => "certificate_too_large",
            Self::ChainEmpty => "chain_empty",
            Self::ChainTooLong { .. } => "chain_too_long",
            Self::CriticalExtension => "critical_extension",
            Self::Expired => "expired",
            Self::ExtendedKeyUsage => "extended_key_usage",
            Self::Id(_) => "id",
            Self::IdAmbiguous => "id_ambiguous",
            Self::IdMissing => "id_missing",
            Self::IssuerId => "issuer_id",
            Self::IssuerIsNoAuthority => "issuer_is_no_authority",
            Self::IssuerMayNotSign => "issuer_may_not_sign",
            Self::Key => "key",
            Self::KeyUsage => "key_usage",
            Self::KeyUsageMissing => "key_usage_missing",
            Self::LeafIsAuthority => "leaf_is_authority",
            Self::LeafMaySign => "leaf_may_sign",
            Self::Malformed => "malformed",
            Self::NameConstraint => "name_constraint",
            Self::NotYetValid => "not_yet_valid",
            Self::PathTooLong => "path_too_long",
            Self::TrustDomainUnknown => "trust_domain_unknown",
            Self::Untrusted => "untrusted",
        }
    }
}

impl From<webpki::Error> for SvidError {
    fn from(error: webpki::Error) -> Self {
        use webpki::Error;
        match error {
            Error::BadDer
            | Error::BadDerTime
            | Error::ExtensionValueInvalid
            | Error::InvalidCertValidity
            | Error::SignatureAlgorithmMismatch
            | Error::TrailingData(_)
            | Error::UnsupportedCertVersion => Self::Malformed,
            Error::CaUsedAsEndEntity => Self::LeafIsAuthority,
            Error::CertExpired { .. } => Self::Expired,
            Error::CertNotValidYet { .. } => Self::NotYetValid,
            Error::EmptyEkuExtension | Error::RequiredEkuNotFoundContext(_) => {
                Self::ExtendedKeyUsage
            }
            Error::EndEntityUsedAsCa => Self::IssuerIsNoAuthority,
            Error::NameConstraintViolation => Self::NameConstraint,
            Error::PathLenConstraintViolated => Self::PathTooLong,
            Error::UnsupportedCriticalExtension => Self::CriticalExtension,
            // FAIL-CLOSED: unknown issuers, bad signatures, exhausted budgets and whatever is new.
            _ => Self::Untrusted,
        }
    }
}
