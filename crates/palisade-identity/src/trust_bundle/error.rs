//! Why a trust bundle is not taken.

use crate::trust_bundle::{
    TRUST_BUNDLE_AUTHORITIES_MAX, TRUST_BUNDLE_BYTES_MAX, TRUST_BUNDLE_KEYS_MAX,
};
use crate::x509::SvidError;

/// Why a trust bundle is not taken. The one before it stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustBundleError {
    /// A certificate that cannot be read.
    #[error("certificate {index} cannot be read")]
    Certificate {
        /// Which of the document, from 0.
        index: usize,
        /// Why.
        #[source]
        source: SvidError,
    },
    /// Two keys of one use and type have the same `kid`.
    #[error("two keys of one use and type have the same `kid`")]
    DuplicateKeyId,
    /// The text of a certificate is no base64, or a member of an entry has the wrong type.
    #[error("entry {index} is malformed")]
    Entry {
        /// Which of the document, from 0.
        index: usize,
    },
    /// The entry's own numbers are another key than its certificate's (RFC 7517, section 4.7).
    #[error("entry {index} is another key than its certificate's")]
    KeyMismatch {
        /// Which of the document, from 0.
        index: usize,
    },
    /// Not a JWK set in strict JSON, or no PEM.
    #[error("it is no trust bundle")]
    Malformed,
    /// There is nothing in it that could be trusted.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// A certificate that may not sign certificates.
    #[error("certificate {index} is no authority")]
    NotAnAuthority {
        /// Which of the document, from 0.
        index: usize,
    },
    /// An older bundle than one that was read before.
    #[error("it is older than the bundle before it")]
    Outdated,
    /// More bytes than [`TRUST_BUNDLE_BYTES_MAX`].
    #[error("it has {bytes} bytes; the limit is {TRUST_BUNDLE_BYTES_MAX}")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// More certificates than [`TRUST_BUNDLE_AUTHORITIES_MAX`].
    #[error("it has more than {TRUST_BUNDLE_AUTHORITIES_MAX} certificates")]
    TooManyAuthorities,
    /// More entries than [`TRUST_BUNDLE_KEYS_MAX`].
    #[error("it has {keys} entries; the limit is {TRUST_BUNDLE_KEYS_MAX}")]
    TooManyKeys {
        /// How many.
        keys: usize,
    },
}

impl TrustBundleError {
    /// A stable code for metrics and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => "trust_bundle_certificate",
            Self::DuplicateKeyId => "trust_bundle_duplicate_kid",
            Self::Entry { .. } => "trust_bundle_entry",
            Self::KeyMismatch { .. } => "trust_bundle_key_mismatch",
            Self::Malformed => "trust_bundle_malformed",
            Self::NoCertificate => "trust_bundle_no_certificate",
            Self::NotAnAuthority { .. } => "trust_bundle_not_an_authority",
            Self::Outdated => "trust_bundle_outdated",
            Self::TooLarge { .. } => "trust_bundle_too_large",
            Self::TooManyAuthorities => "trust_bundle_too_many_authorities",
            Self::TooManyKeys { .. } => "trust_bundle_too_many_keys",
        }
    }
}
