//! Why there is no decision. Every one of these is a deny to the caller.

use palisade_attest::IssueNonceError;
use palisade_identity::IdentityRefusal;

/// Why a call was not decided.
// Exhaustive on purpose: a new kind of failure has to be met by name wherever one is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// No bundle has been loaded yet.
    #[error("no bundle is loaded yet")]
    NoSnapshot,
    /// The caller asks for a newer bundle than the one in force.
    #[error("bundle version {minimum} or later was asked for; version {held} is in force")]
    RevisionNotHeld {
        /// The oldest version the caller accepts.
        minimum: u64,
        /// The version in force.
        held: u64,
    },
}

/// Why no nonce is given.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChallengeError {
    /// The chain is not acceptable.
    #[error(transparent)]
    Identity(#[from] IdentityRefusal),
    /// Nobody verifies attestations here.
    #[error("no attestation verifier is configured")]
    NotConfigured,
    /// No nonce can be issued.
    #[error(transparent)]
    Nonce(#[from] IssueNonceError),
}

/// Why tools cannot be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListToolsError {
    /// No bundle has been loaded yet.
    #[error("no bundle is loaded yet")]
    NoSnapshot,
}
