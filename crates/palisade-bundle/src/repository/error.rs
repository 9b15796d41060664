//! What can go wrong on the way from a repository, each with a stable code.

use std::io;
use std::path::PathBuf;

use palisade_core::EpochMillis;

use super::metadata::RoleName;
use crate::error::ReadBundleError;

/// The state of trust on disk cannot be used or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustStateError {
    /// Its content is not what was written.
    #[error("`{}` is damaged ({detail}); restore it, or delete it to trust from the configured root again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The operating system refused.
    #[error("cannot read or write `{}`", path.display())]
    Io {
        /// What was accessed.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// A repository cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenRepositoryError {
    /// Another process uses the directory.
    #[error("`{}` is in use by another process", directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// The configured root is no root metadata, or is not signed by enough of its own keys.
    #[error("the configured root cannot be used: {detail}")]
    Root {
        /// What is wrong.
        detail: String,
    },
    /// The state of trust cannot be used. Never a fresh start: that would forget which versions
    /// were seen.
    #[error("the state of trust cannot be used")]
    TrustState(#[source] TrustStateError),
    /// Not a URL of a folder.
    #[error("`{url}` cannot be a repository: {reason}")]
    Url {
        /// The URL, without credentials.
        url: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl OpenRepositoryError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "in_use",
            Self::Root { .. } => "bad_root",
            Self::TrustState(_) => "trust_state",
            Self::Url { .. } => "bad_url",
        }
    }
}

/// Nothing can be taken from the repository now. What was trusted before still is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The packed bundle is what was signed, but is no bundle.
    #[error("`{target}` is no packed bundle")]
    Archive {
        /// The target.
        target: String,
        /// What is wrong with it.
        #[source]
        source: ReadBundleError,
    },
    /// The machine's clock is behind an instant that has been before.
    #[error("the clock says {now}, but it was {known} before; set the clock")]
    Clock {
        /// What it says.
        now: EpochMillis,
        /// The latest known instant.
        known: EpochMillis,
    },
    /// Metadata other than the timestamp is past its time.
    #[error("the {role} metadata expired; it must be signed anew and published")]
    Expired {
        /// Whose.
        role: RoleName,
    },
    /// The timestamp is past its time: the repository is not maintained, or somebody withholds
    /// newer metadata.
    #[error(
        "the timestamp metadata expired: the repository is not refreshed, or newer metadata is withheld"
    )]
    Frozen,
    /// A server's answer that is no file.
    #[error("`{url}` answers with status {status}")]
    HttpStatus {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Something is not in its form.
    #[error("{what} is not understood: {detail}")]
    Malformed {
        /// What it is.
        what: String,
        /// What is wrong.
        detail: String,
    },
    /// Files that are not of one state of the repository.
    #[error("{what} does not fit the rest of the repository: {detail}")]
    MixedVersions {
        /// What it is.
        what: String,
        /// What does not fit.
        detail: String,
    },
    /// The channel offers nothing.
    #[error("the repository has no bundle `{bundle}` in channel `{channel}`")]
    NoBundle {
        /// The bundle.
        bundle: String,
        /// The channel.
        channel: String,
    },
    /// Something is older than what was seen before.
    #[error("{what} went back: {detail}")]
    Rollback {
        /// What it is.
        what: String,
        /// From where to where.
        detail: String,
    },
    /// The caller wants no more.
    #[error("stopped")]
    Stopped,
    /// A target's content is not what was signed, or not what was signed before.
    #[error("`{target}` changed: {detail}")]
    TargetChanged {
        /// The target.
        target: String,
        /// What is another.
        detail: String,
    },
    /// A signed target is not there.
    #[error("`{target}` is not in the repository: {detail}")]
    TargetMissing {
        /// The target.
        target: String,
        /// How that shows.
        detail: String,
    },
    /// Some keys of a role signed, but not enough of them.
    #[error("the {role} metadata has {valid} of {threshold} signatures that are needed")]
    TooFewSignatures {
        /// Whose metadata.
        role: RoleName,
        /// Good ones.
        valid: u64,
        /// Needed ones.
        threshold: u64,
    },
    /// More data than can be right.
    #[error("`{url}` has more than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// More new versions of the root than are followed in one check.
    #[error("there are more than {limit} new versions of the root")]
    TooManyRoots {
        /// The limit.
        limit: u64,
    },
    /// Data comes too slowly.
    #[error("`{url}` is too slow: {received} bytes in {} ms", elapsed.as_millis())]
    TooSlow {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        received: u64,
        /// How long it took.
        elapsed: std::time::Duration,
    },
    /// The data ends too early.
    #[error("{what} ends too early")]
    Truncated {
        /// What it is.
        what: String,
    },
    /// The state of trust cannot be kept.
    #[error("the state of trust cannot be kept")]
    TrustState(#[source] TrustStateError),
    /// The server cannot be reached.
    #[error("cannot get `{url}`")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why it failed.
        #[source]
        source: Box<ureq::Error>,
    },
    /// No key of the role signed.
    #[error("the {role} metadata is not signed by any key of that role")]
    WrongKey {
        /// Whose metadata.
        role: RoleName,
    },
}

impl RepositoryError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Archive { .. } | Self::Malformed { .. } => "malformed",
            Self::Clock { .. } => "clock",
            Self::Expired { .. } => "expired",
            Self::Frozen => "frozen",
            Self::HttpStatus { .. } => "http_status",
            Self::MixedVersions { .. } => "mixed_versions",
            Self::NoBundle { .. } => "no_bundle",
            Self::Rollback { .. } => "rollback",
            Self::Stopped => "stopped",
            Self::TargetChanged { .. } => "target_changed",
            Self::TargetMissing { .. } => "target_missing",
            Self::TooFewSignatures { .. } => "too_few_signatures",
            Self::TooLarge { .. } | Self::TooManyRoots { .. } => "too_large",
            Self::TooSlow { .. } => "too_slow",
            Self::Truncated { .. } => "truncated",
            Self::TrustState(_) => "trust_state",
            Self::Unreachable { .. } => "unreachable",
            Self::WrongKey { .. } => "wrong_key",
        }
    }
}
