//! Why a trust file cannot be used.

use std::io;
use std::path::PathBuf;

use palisade_attest::{
    AttestationConfigError, CodePolicyError, MappingError, NitroError, ProvenanceKeyError, TpmError,
};
use palisade_core::StateError;
use palisade_identity::{CallersError, EventReceiverError, IdentityConfigError, RateError};
use palisade_jose::StartFollowerError;
use palisade_state::OpenStateError;

/// Why a trust file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadTrustError {
    /// The attestation section does not make sense.
    #[error("the attestation verifiers are not usable")]
    Attestation(#[from] AttestationConfigError),
    /// The callers cannot be told apart, or can do nothing.
    #[error("the callers are not usable")]
    Callers(#[from] CallersError),
    /// The pins of builders and sources are not usable.
    #[error("`attestation.code` is not usable")]
    Code(#[from] CodePolicyError),
    /// A key of the file cannot be read as what it is.
    #[error("`{key}` of `{owner}`: {expected}")]
    Entry {
        /// Which entry of the file, by its name.
        owner: String,
        /// The key.
        key: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// The transmitters are not usable.
    #[error("the transmitters are not usable")]
    Events(#[from] EventReceiverError),
    /// Keys cannot be followed.
    #[error("keys cannot be followed")]
    Follow(#[from] StartFollowerError),
    /// The file is of another version.
    #[error("trust files of format {found} are not known; this version reads format 1")]
    Format {
        /// What it says.
        found: u64,
    },
    /// The issuers are not usable.
    #[error("the issuers are not usable")]
    Identity(#[from] IdentityConfigError),
    /// A mapping of claims is not usable.
    #[error("the mapping of `{owner}` is not usable")]
    Mapping {
        /// The verifier.
        owner: String,
        /// Why.
        #[source]
        source: MappingError,
    },
    /// The roots of Nitro documents are not usable.
    #[error("the roots of `{owner}` are not usable")]
    Nitro {
        /// The verifier.
        owner: String,
        /// Why.
        #[source]
        source: NitroError,
    },
    /// A file is no text.
    #[error("`{}` is no UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A public key is none.
    #[error("`{}` holds no usable public key", path.display())]
    ProvenanceKey {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ProvenanceKeyError,
    },
    /// A rate is none.
    #[error("the rate of `{owner}` is not usable")]
    Rate {
        /// The caller.
        owner: String,
        /// Why.
        #[source]
        source: RateError,
    },
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Revocations cannot be read.
    #[error("what was revoked cannot be read")]
    Revocations(#[from] StateError),
    /// Revocations cannot be opened.
    #[error("what was revoked cannot be opened")]
    State(#[from] OpenStateError),
    /// The file is no YAML of the right form.
    #[error("`{}` is no trust file: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the reader says, with the place.
        message: String,
    },
    /// A file is too large.
    #[error("`{}` has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// A key of a machine is not usable.
    #[error("the attestation key of `{owner}` is not usable")]
    Tpm {
        /// The machine.
        owner: String,
        /// Why.
        #[source]
        source: TpmError,
    },
    /// A Sigstore trusted root is none.
    #[error("`{}` is no trusted root", path.display())]
    TrustedRoot {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: palisade_attest::CodeError,
    },
}
