//! Why the state cannot be opened, and what an error of the database means to us.

use std::io;
use std::path::PathBuf;

use palisade_core::StateError;

/// The file of the state cannot be used. It is left as it is, for a person to look at: whatever
/// was revoked in it would be trusted again if another took its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenStateError {
    /// The file is damaged, or none of ours.
    #[error("`{}` is damaged, or no state of Palisade: {detail}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What of it.
        detail: String,
    },
    /// Another process, or this one, has it open.
    #[error("`{}` is in use by another server", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is out of reach, or failed.
    #[error("`{}` cannot be read or written", path.display())]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file was written by a version of Palisade that keeps its state differently.
    #[error("`{}` has the format {found}; this version reads {known}", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The format that is read.
        known: u64,
    },
}

impl OpenStateError {
    /// The stable code, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "state_corrupt",
            Self::InUse { .. } => "state_in_use",
            Self::Unavailable { .. } => "state_unavailable",
            Self::UnknownFormat { .. } => "state_unknown_format",
        }
    }
}

/// While the server runs there is no path to say, and what the file is has been seen before.
impl From<OpenStateError> for StateError {
    fn from(error: OpenStateError) -> Self {
        match error {
            OpenStateError::Corrupt { detail, .. } => Self::Corrupt { detail },
            other => Self::Unavailable(io::Error::other(other)),
        }
    }
}

/// What an error of the database means.
pub(crate) fn state_error(error: impl Into<redb::Error>) -> StateError {
    match error.into() {
        redb::Error::Io(error) if is_no_database(&error) => {
            StateError::Corrupt { detail: error.to_string() }
        }
        redb::Error::Io(error) => StateError::Unavailable(error),
        error if is_corruption(&error) => StateError::Corrupt { detail: error.to_string() },
        error => StateError::Unavailable(io::Error::other(error)),
    }
}

/// How redb says that a file is none of its own, or shorter than it was.
fn is_no_database(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn is_corruption(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Corrupted(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
    )
}
