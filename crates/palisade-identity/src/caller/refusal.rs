//! Why somebody is not let in, told in full to the operator only.

use crate::x509::SvidError;

/// Why a caller is not authenticated.
///
/// To whoever called, all of these are the same: its text never says which it was, and neither
/// does [`CallerRefusal::PUBLIC_CODE`]. [`CallerRefusal::code`] is for metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallerRefusal {
    /// A token that does not hold, for a reason its verifier names.
    #[error("the caller is not authenticated")]
    Bearer(#[source] BearerRefusal),
    /// A certificate that does not hold.
    #[error("the caller is not authenticated")]
    Certificate(#[source] SvidError),
    /// A credential that held when it was shown, and has ended.
    #[error("the caller is not authenticated")]
    Expired,
    /// A credential that was revoked.
    #[error("the caller is not authenticated")]
    Revoked,
    /// A credential that holds, of somebody who is no caller here.
    #[error("the caller is not authenticated")]
    Unknown,
    /// A kind of credential that nothing here verifies.
    #[error("the caller is not authenticated")]
    Unsupported,
}

impl CallerRefusal {
    /// What a caller may be told.
    pub const PUBLIC_CODE: &'static str = "unauthenticated";

    /// A stable code for metrics and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bearer(refusal) => refusal.code,
            Self::Certificate(error) => error.code(),
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Unknown => "caller_unknown",
            Self::Unsupported => "credential_unsupported",
        }
    }
}

/// Why a token proves nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is refused: {code}")]
pub struct BearerRefusal {
    /// A stable code; it never quotes the token.
    pub code: &'static str,
}
