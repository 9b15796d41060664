//! Why a quote is refused.

use palisade_core::StrictJsonError;

/// Why a quote is not accepted. What the stranger wrote is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// The evidence is no JSON object of the agreed form.
    #[error("the TPM evidence is not of the agreed form: {what}")]
    Container {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The quote is bound to something that nobody expects: another nonce, another call.
    #[error("the TPM quote is not bound to what was expected")]
    ExtraData,
    /// The evidence is no JSON that can be read in one way only.
    #[error("the TPM evidence is not strict JSON")]
    Json(#[source] StrictJsonError),
    /// The key may sign things that are no statements of its TPM, or may leave it.
    #[error("the TPM key is no attestation key: {what}")]
    KeyAttributes {
        /// Which attribute speaks against it.
        what: &'static str,
    },
    /// The evidence brings another key than the registered one.
    #[error("the TPM evidence was made by another attestation key")]
    KeyMismatch,
    /// A structure is not what Part 2 of the TPM specification says.
    #[error("{structure} is malformed: {what}")]
    Malformed {
        /// The structure, by its name in the specification.
        structure: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The structure was not made by a TPM, or states something other than a quote.
    #[error("the TPM statement is no quote")]
    NotAQuote,
    /// The register values beside the quote are not those that were quoted.
    #[error("the register values are not the quoted ones")]
    PcrDigest,
    /// Other registers are quoted than the ones that were asked for.
    #[error("the quote covers other registers than those that were asked for")]
    PcrSelection,
    /// The signature is not by this key over this statement.
    #[error("the signature of the TPM quote does not hold")]
    Signature,
    /// An algorithm, curve or key size that is not accepted.
    #[error("{structure} uses what is not supported: {what}")]
    Unsupported {
        /// The structure, by its name in the specification.
        structure: &'static str,
        /// What it uses.
        what: &'static str,
    },
}

impl TpmError {
    /// A stable code for records and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Container { .. } | Self::Json(_) => "tpm_evidence_malformed",
            Self::ExtraData => "tpm_nonce_mismatch",
            Self::KeyAttributes { .. } => "tpm_key_unfit",
            Self::KeyMismatch => "tpm_key_mismatch",
            Self::Malformed { .. } => "tpm_malformed",
            Self::NotAQuote => "tpm_not_a_quote",
            Self::PcrDigest => "tpm_pcr_mismatch",
            Self::PcrSelection => "tpm_pcr_selection",
            Self::Signature => "tpm_signature_invalid",
            Self::Unsupported { .. } => "tpm_unsupported",
        }
    }
}
