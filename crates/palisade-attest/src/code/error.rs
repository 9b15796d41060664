//! Why code is not what it is said to be.

use palisade_core::StrictJsonError;

/// Why provenance is not accepted.
///
/// What it quotes from a document is made of printable ASCII and bounded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The builder is none of the pinned ones.
    #[error("the builder `{builder}` is not pinned")]
    BuilderNotPinned {
        /// `runDetails.builder.id`.
        builder: String,
    },
    /// The Sigstore bundle is malformed, contradicts itself or is of a kind that is not verified.
    #[error("the Sigstore bundle is not valid")]
    Bundle(#[source] Box<sigstore_verify::Error>),
    /// The bundle is ambiguous or lacks what every bundle has.
    #[error("the Sigstore bundle is malformed: {why}")]
    BundleShape {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The bundle is not written as one.
    #[error("the Sigstore bundle cannot be read")]
    BundleSyntax(#[source] serde_json::Error),
    /// The signing certificate is not acceptable.
    #[error("the signing certificate is not valid")]
    Certificate(#[source] Box<sigstore_verify::Error>),
    /// The DSSE envelope is malformed.
    #[error("the envelope is malformed: {why}")]
    Envelope {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A document is no JSON object, too large, or ambiguous.
    #[error("the {what} is not acceptable as JSON")]
    Json {
        /// Which document.
        what: &'static str,
        /// Why.
        #[source]
        source: StrictJsonError,
    },
    /// The bundle is not one that a workflow signed over a statement.
    #[error("the bundle holds no statement that a workflow signed")]
    NotByWorkflow,
    /// The envelope carries something else than an in-toto statement.
    #[error("the envelope's payload is of another type than an in-toto statement")]
    PayloadType,
    /// The statement is no SLSA provenance v1.
    #[error("the statement's predicate is of another type than SLSA provenance v1")]
    PredicateType,
    /// No signature by a pinned key, or not by the certificate's key.
    #[error("there is no valid signature by an accepted key")]
    Signature,
    /// The certificate belongs to nobody who is pinned.
    #[error("the signer `{identity}`, identified by `{issuer}`, is not pinned")]
    SignerNotPinned {
        /// The certificate's URI.
        identity: String,
        /// Its OIDC issuer.
        issuer: String,
    },
    /// Two places name different source repositories.
    #[error("the source is named both `{first}` and `{second}`")]
    SourceConflict {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// No place that is known names the source repository.
    #[error("the provenance does not name its source repository")]
    SourceMissing,
    /// The source repository is none of the pinned ones.
    #[error("the source `{repository}` is not pinned")]
    SourceNotPinned {
        /// The repository, as compared.
        repository: String,
    },
    /// The statement is malformed.
    #[error("the statement is malformed: {why}")]
    Statement {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The statement, or the log entry, is about something else.
    #[error("it is not about the artefact")]
    SubjectMismatch,
    /// The time of signing is not proven.
    #[error("the time of signing is not proven")]
    Timestamp(#[source] Box<sigstore_verify::Error>),
    /// More of something than the limit.
    #[error("{count} {what}; the limit is {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// The entry of the transparency log is not proven.
    #[error("the transparency log's entry is not proven")]
    TransparencyLog(#[source] Box<sigstore_verify::Error>),
    /// The trusted root lacks what every bundle needs.
    #[error("the trusted root names no {missing}")]
    TrustedRootIncomplete {
        /// What is missing.
        missing: &'static str,
    },
    /// A certificate, key or time in the trusted root is not acceptable.
    #[error("the trusted root is not valid")]
    TrustedRootInvalid(#[source] Box<sigstore_verify::Error>),
    /// The trusted root is not written as one.
    #[error("the trusted root cannot be read")]
    TrustedRootSyntax(#[source] serde_json::Error),
}

impl CodeError {
    /// A stable name for records and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BuilderNotPinned { .. } => "builder_not_pinned",
            Self::Bundle(_) | Self::BundleShape { .. } | Self::BundleSyntax(_) => "bundle_invalid",
            Self::Certificate(_) => "certificate_invalid",
            Self::Envelope { .. } => "envelope_malformed",
            Self::Json { .. } => "json_refused",
            Self::NotByWorkflow => "not_by_workflow",
            Self::PayloadType => "payload_type_unknown",
            Self::PredicateType => "predicate_type_unknown",
            Self::Signature => "signature_invalid",
            Self::SignerNotPinned { .. } => "signer_not_pinned",
            Self::SourceConflict { .. } => "source_conflict",
            Self::SourceMissing => "source_missing",
            Self::SourceNotPinned { .. } => "source_not_pinned",
            Self::Statement { .. } => "statement_malformed",
            Self::SubjectMismatch => "subject_mismatch",
            Self::Timestamp(_) => "timestamp_invalid",
            Self::TooMany { .. } => "too_many",
            Self::TransparencyLog(_) => "log_entry_invalid",
            Self::TrustedRootIncomplete { .. }
            | Self::TrustedRootInvalid(_)
            | Self::TrustedRootSyntax(_) => "trusted_root_invalid",
        }
    }
}

impl From<sigstore_verify::Error> for CodeError {
    /// Sorts what the library says of a bundle.
    fn from(error: sigstore_verify::Error) -> Self {
        use sigstore_verify::Error as Verify;
        match error {
            Verify::ArtifactMismatch(_) => Self::SubjectMismatch,
            Verify::Certificate(_) => Self::Certificate(Box::new(error)),
            Verify::SignatureInvalid(_) => Self::Signature,
            Verify::Timestamp(_) => Self::Timestamp(Box::new(error)),
            Verify::TransparencyLog(_) => Self::TransparencyLog(Box::new(error)),
            // The enum is open: what it may learn to say is a refusal all the same.
            _ => Self::Bundle(Box::new(error)),
        }
    }
}
