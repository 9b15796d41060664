//! Why a Nitro document is refused.

/// Why a Nitro attestation document is not accepted. What the stranger wrote is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NitroError {
    /// The certificates do not lead to a root that is trusted, or did not hold at the document's
    /// time.
    #[error("the certificates of the Nitro document do not hold")]
    Certificates(#[source] webpki::Error),
    /// It is older than is accepted, or its certificate is past its time.
    #[error("the Nitro document is too old")]
    Expired,
    /// It is not of the form that AWS specifies.
    #[error("the Nitro document is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It carries no nonce, or another one than those that are expected.
    #[error("the Nitro document has none of the expected nonces")]
    Nonce,
    /// It is from the future.
    #[error("the Nitro document is from the future")]
    NotYetValid,
    /// A root certificate that was given cannot be read.
    #[error("a root certificate for Nitro documents cannot be read")]
    Root,
    /// It was not signed by the key of its certificate.
    #[error("the signature of the Nitro document does not hold")]
    Signature,
    /// More bytes than the limit.
    #[error("the Nitro document has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// How many.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl NitroError {
    /// A stable code for records and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Certificates(_) => "nitro_certificate_invalid",
            Self::Expired => "nitro_expired",
            Self::Malformed { .. } => "nitro_malformed",
            Self::Nonce => "nitro_nonce_mismatch",
            Self::NotYetValid => "nitro_not_yet_valid",
            Self::Root => "nitro_root_invalid",
            Self::Signature => "nitro_signature_invalid",
            Self::TooLarge { .. } => "nitro_too_large",
        }
    }
}
