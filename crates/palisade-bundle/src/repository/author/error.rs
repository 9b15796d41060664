//! What keeps a repository from being changed.

use std::io;
use std::path::PathBuf;

use super::key::KeyId;
use super::sign::SignaturesNeeded;
use crate::error::ReadBundleError;
use crate::repository::error::{OpenRepositoryError, RepositoryError};
use crate::repository::metadata::RoleName;

/// A repository is not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// The archive is no packed bundle.
    #[error("`{}` is no packed bundle; make one with `palisade bundle build`", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ReadBundleError,
    },
    /// A channel's version has no content of its own.
    #[error("`{}` has no `bundle.yaml` with a name and a version", path.display())]
    NoIdentity {
        /// The file.
        path: PathBuf,
    },
    /// Several bundles have this version.
    #[error("version {version} is one of several bundles ({bundles}); say which")]
    Ambiguous {
        /// The version.
        version: u64,
        /// The bundles.
        bundles: String,
    },
    /// A file of the repository is not in its form.
    #[error("`{}` is not understood: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// There is something already, and it is never overwritten.
    #[error("`{}` exists already", path.display())]
    Exists {
        /// What exists.
        path: PathBuf,
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
    /// A file that should hold a key does not.
    #[error("`{}` is no Ed25519 key: {reason}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A key that may sign nothing of what is staged.
    #[error("key {key} may not sign what is staged ({staged})")]
    KeyOfNoRole {
        /// The key.
        key: KeyId,
        /// What is staged.
        staged: String,
    },
    /// The keys of a role do not fit its threshold.
    #[error("role {role} cannot have threshold {threshold} with {keys} keys")]
    Threshold {
        /// The role.
        role: RoleName,
        /// Signatures it would need.
        threshold: u64,
        /// Keys it would have.
        keys: usize,
    },
    /// What is published has more signatures to get first.
    #[error("more signatures are needed: {}", list(needed))]
    NotSigned {
        /// What is missing.
        needed: Vec<SignaturesNeeded>,
    },
    /// The given keys are not enough for a role that signs while publishing.
    #[error("publishing needs {threshold} keys of role {role}; {valid} of those given are")]
    PublishingKeys {
        /// The role.
        role: RoleName,
        /// How many are needed.
        threshold: u64,
        /// How many are there.
        valid: u64,
    },
    /// Nothing is staged.
    #[error("nothing is staged; `add`, `channel`, `renew` and `rotate` stage changes")]
    NothingStaged,
    /// Nothing was published yet.
    #[error("`{}` has nothing published yet", path.display())]
    NotPublished {
        /// The repository.
        path: PathBuf,
    },
    /// No repository.
    #[error("`{}` is no repository; make one with `palisade bundle init-repo`", path.display())]
    NotARepository {
        /// The directory.
        path: PathBuf,
    },
    /// Our own client refuses what would be published.
    #[error("clients would refuse it")]
    Refused(#[source] RepositoryError),
    /// Our own client cannot be set up.
    #[error("it cannot be verified")]
    Unverifiable(#[source] OpenRepositoryError),
    /// What is staged was made from something older than what is published.
    #[error(
        "what is staged for role {role} is version {staged}, but {published} is published; delete `staged/` and stage it again"
    )]
    Stale {
        /// The role.
        role: RoleName,
        /// The staged version.
        staged: u64,
        /// The published version.
        published: u64,
    },
    /// The key is none of the role's.
    #[error("role {role} has no key that is, or begins with, `{key}`")]
    UnknownKey {
        /// The role.
        role: RoleName,
        /// What was asked for.
        key: String,
    },
    /// No such version.
    #[error("the repository has no version {version}{}", of(bundle))]
    UnknownVersion {
        /// The bundle, if it was named.
        bundle: Option<String>,
        /// The version.
        version: u64,
    },
    /// A version with another content.
    #[error(
        "version {version} of bundle `{bundle}` has another content already; raise `version` in `bundle.yaml`"
    )]
    VersionTaken {
        /// The bundle.
        bundle: String,
        /// The version.
        version: u64,
    },
}

fn of(bundle: &Option<String>) -> String {
    bundle.as_ref().map(|bundle| format!(" of bundle `{bundle}`")).unwrap_or_default()
}

fn list(needed: &[SignaturesNeeded]) -> String {
    needed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
