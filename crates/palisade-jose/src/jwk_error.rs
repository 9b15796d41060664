//! Why a key is not taken.

/// Why a key is not taken. Never holds any of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// `alg` does not go with the key's type.
    #[error("`alg` does not go with the type of the key")]
    Algorithm,
    /// A number of the key is too long, too short, or not of the length its type has.
    #[error("a number of the key does not have the length it has to have")]
    Length,
    /// A member is missing, of the wrong JSON type, too long, or no canonical base64url.
    #[error("the member `{member}` is missing or malformed")]
    Member {
        /// Its name.
        member: &'static str,
    },
    /// The numbers are no point of the curve, or one that everybody can sign for.
    #[error("it is no good point of its curve")]
    Point,
    /// A private or symmetric key: whoever published it has given it away.
    #[error("it is a private or a symmetric key")]
    Private,
    /// Modulus and exponent do not make an RSA key that is safe to use.
    #[error("it is no acceptable RSA key")]
    Rsa,
    /// Not a `SubjectPublicKeyInfo`, whole and in DER.
    #[error("it is no `SubjectPublicKeyInfo` in DER")]
    Spki,
    /// A type, curve or algorithm that is not spoken.
    #[error("the type, curve or algorithm of the key is not supported")]
    UnsupportedType,
    /// `use` or `key_ops` say that it is not for verifying signatures.
    #[error("the key is not for verifying signatures")]
    Use,
}

impl JwkError {
    /// A stable name for metrics and logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Algorithm => "jwk_algorithm",
            Self::Length => "jwk_length",
            Self::Member { .. } => "jwk_member",
            Self::Point => "jwk_point",
            Self::Private => "jwk_private",
            Self::Rsa => "jwk_rsa",
            Self::Spki => "jwk_spki",
            Self::UnsupportedType => "jwk_unsupported",
            Self::Use => "jwk_use",
        }
    }
}
