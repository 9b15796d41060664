//! Verifies what actors run in: attestation results and evidence to claims.

mod appraisal;
mod binding;
mod cache;
mod code;
mod code_identity;
mod conclusion;
mod config;
mod ear;
mod error;
mod evidence;
#[cfg(test)]
mod fixtures;
mod keys;
mod mapping;
mod nitro;
mod nitro_verifier;
mod nonce;
mod pointer;
mod token;
mod tpm;
mod tpm_verifier;
mod trust;
mod validity;
mod verifier;

pub use appraisal::MEASUREMENTS_MAX;
pub use binding::{BINDING_TEXTS_MAX, Binding};
pub use cache::CACHE_BYTES_DEFAULT;
pub use code::{
    CODE_DOCUMENT_BYTES_MAX, CODE_DOCUMENT_DEPTH_MAX, CodeClaims, CodeError, CodePins, CodePolicy,
    CodePolicyError, ProvenanceKey, ProvenanceKeyError, SLSA_PROVENANCE_V1, TrustedRoot,
    WorkflowIdentity, verify_dsse_provenance, verify_sigstore_bundle,
};
pub use code_identity::{CodeTrust, DSSE_TYPE, SIGSTORE_BUNDLE_TYPE};
pub use config::{
    AttestationConfig, AttestationConfigError, EarVerifier, MappedJwtVerifier, VERIFIERS_MAX,
    VerifierConfig, VerifierKind,
};
pub use ear::SUBMODS_MAX;
pub use error::AttestationRefusal;
pub use evidence::{EAT_JWT_TYPE, EVIDENCE_BYTES_MAX, EVIDENCE_PIECES_MAX, Evidence, JWT_TYPE};
pub use keys::VerifierKeys;
pub use mapping::{ClaimMapping, MAPPING_ENTRIES_MAX, MappingError, MeasurementClaim};
pub use nitro::{
    NITRO_DOCUMENT_BYTES_MAX, NITRO_EVIDENCE_TYPE, NitroClaims, NitroDocument, NitroError,
    NitroExpectation, NitroFreshness, NitroRoots, parse_nitro_document, verify_nitro_document,
};
pub use nitro_verifier::NitroVerifier;
pub use nonce::{
    IssueNonceError, IssuedNonce, NONCE_BYTES, NONCE_LIFETIME_DEFAULT, NONCE_LIFETIME_MAX,
    NONCES_MAX_DEFAULT, NONCES_PER_HOLDER_MAX, NonceLimits, NonceSource, Nonces, SystemNonces,
};
pub use pointer::{ClaimPointer, ParseClaimPointerError};
pub use tpm::{
    AttestationKey, EkCertificate, EkCertificateError, EkRoots, QUOTE_HISTORY_KEYS_MAX,
    QuoteExpectation, QuoteHistory, QuoteHistoryError, TPM_EVIDENCE_BYTES_MAX, TPM_EVIDENCE_TYPE,
    TpmAttest, TpmError, TpmHash, TpmName, TpmQuote, TpmQuoteClaims, parse_tpm_attest,
    verify_ek_certificate, verify_tpm_quote,
};
pub use tpm_verifier::TpmVerifier;
pub use trust::{TRUST_CLAIMS_MAX, TrustError, tier_of_value};
pub use validity::AgeLimits;
pub use verifier::AttestationVerifier;
