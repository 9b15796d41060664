//! Why `tough` refused, in our words.

use std::error::Error as _;
use std::path::Path;

use palisade_core::EpochMillis;
use tough::TransportError;
use tough::error::Error;

use super::error::{RepositoryError, TrustStateError};
use super::metadata::RoleName;

/// Characters of somebody else's text that are shown.
const DETAIL_CHARS_MAX: usize = 200;

/// Text from a repository, made safe to print: short and without control characters.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .take(DETAIL_CHARS_MAX)
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

/// What a failed load means. `scratch` is where `tough` kept its files.
pub(super) fn refusal(error: &Error, scratch: &Path) -> RepositoryError {
    let detail = printable(&error.to_string());
    match error {
        Error::ExpiredMetadata { role, .. } => expired((*role).into()),
        Error::HashMismatch { .. }
        | Error::MaxSizeExceeded { .. }
        | Error::VersionMismatch { .. } => {
            RepositoryError::MixedVersions { what: "metadata".to_owned(), detail }
        }
        Error::MaxUpdatesExceeded { max_root_updates, .. } => {
            RepositoryError::TooManyRoots { limit: *max_root_updates }
        }
        Error::OlderMetadata { role, .. } => RepositoryError::Rollback {
            what: format!("the {} metadata", RoleName::from(*role)),
            detail,
        },
        Error::OlderSnapshotInTimestamp { .. }
        | Error::SnapshotRoleMissing { .. }
        | Error::SnapshotRoleRollback { .. } => {
            RepositoryError::Rollback { what: "the repository".to_owned(), detail }
        }
        Error::ParseMetadata { role, source, .. } => {
            let what = format!("the {} metadata", RoleName::from(*role));
            if source.is_eof() {
                RepositoryError::Truncated { what }
            } else {
                RepositoryError::Malformed { what, detail }
            }
        }
        Error::SystemTimeSteppedBackward { sys_time, latest_known_time } => {
            RepositoryError::Clock {
                now: EpochMillis::new(sys_time.as_millisecond()),
                known: EpochMillis::new(latest_known_time.as_millisecond()),
            }
        }
        Error::Transport { source, .. } => in_transport(source, detail),
        Error::VerifyMetadata { role, source, .. } => signatures((*role).into(), source),
        Error::DatastoreInit { .. }
        | Error::DatastoreCreate { .. }
        | Error::DatastoreOpen { .. }
        | Error::DatastoreRemove { .. }
        | Error::DatastoreSerialize { .. }
        | Error::ParseTrustedMetadata { .. }
        | Error::VerifyTrustedMetadata { .. } => {
            RepositoryError::TrustState(TrustStateError::Damaged {
                path: scratch.to_owned(),
                detail,
            })
        }
        // Whatever else there is or will be is refused, too.
        _ => RepositoryError::Malformed { what: "the repository".to_owned(), detail },
    }
}

/// Metadata of this role expired.
pub(super) fn expired(role: RoleName) -> RepositoryError {
    match role {
        RoleName::Timestamp => RepositoryError::Frozen,
        role => RepositoryError::Expired { role },
    }
}

/// `tough` wraps mismatches of hash and length that show while reading.
fn in_transport(error: &TransportError, detail: String) -> RepositoryError {
    let cause = error.source().and_then(|source| source.downcast_ref::<Error>());
    match cause {
        Some(cause @ (Error::HashMismatch { .. } | Error::MaxSizeExceeded { .. })) => {
            RepositoryError::MixedVersions {
                what: format!("`{}`", error.url()),
                detail: printable(&cause.to_string()),
            }
        }
        _ => RepositoryError::Malformed { what: "the repository".to_owned(), detail },
    }
}

fn signatures(role: RoleName, error: &tough::schema::Error) -> RepositoryError {
    match error {
        tough::schema::Error::SignatureThreshold { valid: 0, .. } => {
            RepositoryError::WrongKey { role }
        }
        tough::schema::Error::SignatureThreshold { threshold, valid, .. } => {
            RepositoryError::TooFewSignatures { role, valid: *valid, threshold: *threshold }
        }
        error => RepositoryError::Malformed {
            what: format!("the {role} metadata"),
            detail: printable(&error.to_string()),
        },
    }
}
