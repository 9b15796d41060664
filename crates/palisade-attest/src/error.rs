//! Why an attestation is refused.

use palisade_core::ReasonCode;

use crate::trust::TrustError;

/// Why an attestation is refused.
///
/// The caller's answer has the reason. The code is for metrics and logs: whoever presents evidence
/// is not told which check it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attestation is refused: {code}")]
pub struct AttestationRefusal {
    /// [`ReasonCode::AttestationExpired`] or [`ReasonCode::AttestationInvalid`].
    pub reason: ReasonCode,
    /// Stable machine code of the check that failed, e.g. `not_bound`.
    pub code: &'static str,
}

impl AttestationRefusal {
    /// It was good once.
    #[must_use]
    pub const fn expired(code: &'static str) -> Self {
        Self { reason: ReasonCode::AttestationExpired, code }
    }

    /// It proves nothing.
    #[must_use]
    pub const fn invalid(code: &'static str) -> Self {
        Self { reason: ReasonCode::AttestationInvalid, code }
    }
}

impl From<TrustError> for AttestationRefusal {
    fn from(error: TrustError) -> Self {
        Self::invalid(match error {
            TrustError::Better => "status_better_than_claims",
            TrustError::Category => "trust_category",
            TrustError::Status => "trust_status",
            TrustError::Value => "trust_value",
        })
    }
}
