//! Why a token is not taken.

/// Why a token is not taken.
///
/// The variants are for metrics and logs. Whoever sent the token is told one thing for all of
/// them, or they learn which keys and algorithms there are. None holds any of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// `alg` is unknown, symmetric, `none`, or not allowed here.
    #[error("its algorithm is not allowed")]
    Algorithm,
    /// The payload is not a JSON object, read strictly.
    #[error("its payload is no acceptable JSON object")]
    Claims,
    /// It asks for extensions that have to be understood.
    #[error("it asks for an extension that is not understood")]
    Crit,
    /// The header is not a JSON object, read strictly, or a member has the wrong type.
    #[error("its header is not acceptable")]
    Header,
    /// Not three parts in canonical base64url.
    #[error("it is no compact JWS")]
    Malformed,
    /// None of the issuer's keys has signed it.
    #[error("its signature does not match")]
    Signature,
    /// More bytes than a limit.
    #[error("it is larger than a limit")]
    TooLarge,
    /// The issuer has no such key, or none for this algorithm.
    #[error("there is no such key for its algorithm")]
    UnknownKey,
}

impl JwsError {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Algorithm,
        Self::Claims,
        Self::Crit,
        Self::Header,
        Self::Malformed,
        Self::Signature,
        Self::TooLarge,
        Self::UnknownKey,
    ];

    /// A stable name for metrics and logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Algorithm => "jws_algorithm",
            Self::Claims => "jws_claims",
            Self::Crit => "jws_crit",
            Self::Header => "jws_header",
            Self::Malformed => "jws_malformed",
            Self::Signature => "jws_signature",
            Self::TooLarge => "jws_too_large",
            Self::UnknownKey => "jws_unknown_key",
        }
    }
}
