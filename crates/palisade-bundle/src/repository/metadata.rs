//! The signed descriptions of a repository: reading them, and who must have signed them.

use std::fmt;

use palisade_core::EpochMillis;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tough::schema::{Role, RoleType, Root, Signed};

/// Bytes of root, timestamp and snapshot metadata.
// LIMIT: a root with 50 keys has about 15 kB; the others name one file each.
pub(super) const SMALL_METADATA_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of targets metadata.
// LIMIT: about 450 bytes for each version of a bundle, so two thousand of them.
pub(super) const TARGETS_METADATA_BYTES_MAX: u64 = 1024 * 1024;

/// Whose metadata it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    /// Says which keys the roles have. Its keys are kept offline.
    Root,
    /// Says which state of the targets is the newest.
    Snapshot,
    /// Says which bundles there are. Its keys belong to people who release them.
    Targets,
    /// Says, signed again every day, that nothing newer is withheld.
    Timestamp,
}

impl RoleName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Snapshot, Self::Targets, Self::Timestamp];

    /// The name in metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
            Self::Timestamp => "timestamp",
        }
    }

    pub(super) const fn role_type(self) -> RoleType {
        match self {
            Self::Root => RoleType::Root,
            Self::Snapshot => RoleType::Snapshot,
            Self::Targets => RoleType::Targets,
            Self::Timestamp => RoleType::Timestamp,
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<RoleType> for RoleName {
    fn from(role: RoleType) -> Self {
        match role {
            RoleType::Root => Self::Root,
            RoleType::Snapshot => Self::Snapshot,
            RoleType::Timestamp => Self::Timestamp,
            // There are no delegations here; whoever had one would sign targets.
            RoleType::Targets | RoleType::DelegatedTargets => Self::Targets,
        }
    }
}

/// Metadata that its role's keys have signed, if `text` is that.
pub(super) fn verified<T>(text: &str, root: &Root) -> Option<Signed<T>>
where
    T: Role + Serialize + DeserializeOwned,
{
    let signed: Signed<T> = serde_json::from_str(text).ok()?;
    root.verify_role(&signed).is_ok().then_some(signed)
}

/// Root metadata that enough of its own keys have signed.
///
/// # Errors
/// It is not; says why.
pub(super) fn self_signed_root(bytes: &[u8]) -> Result<Signed<Root>, String> {
    let root: Signed<Root> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    root.signed.verify_role(&root).map_err(|error| error.to_string())?;
    Ok(root)
}

/// When metadata expires.
pub(super) fn expires(role: &impl Role) -> EpochMillis {
    EpochMillis::new(role.expires().as_millisecond())
}
