//! What is in a repository, for people to look at. Verifies nothing.

use palisade_core::EpochMillis;
use tough::schema::{Role, Root, Signed};

use super::error::AuthorError;
use super::folder::{RepositoryFolder, role_keys};
use super::key::KeyId;
use super::sign::{SignaturesNeeded, needed};
use crate::repository::metadata::{RoleName, expires};
use crate::repository::offer::{Offer, all_offers};

/// A role, as a root and its newest metadata say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleOverview {
    /// The role.
    pub role: RoleName,
    /// The version of its metadata, if there is some.
    pub version: Option<u64>,
    /// When that expires.
    pub expires: Option<EpochMillis>,
    /// How many of its keys must sign.
    pub threshold: u64,
    /// Its keys.
    pub keys: Vec<KeyId>,
    /// Those of its keys that claim to have signed.
    pub signed_by: Vec<KeyId>,
}

/// A repository, as its files say.
#[derive(Clone, Debug)]
pub struct Overview {
    /// What is published.
    pub published: Vec<RoleOverview>,
    /// All published bundles.
    pub offers: Vec<Offer>,
    /// What is staged: root and targets, as far as they are.
    pub staged: Vec<RoleOverview>,
    /// All bundles as they will be, if targets are staged.
    pub staged_offers: Option<Vec<Offer>>,
    /// What is missing before publishing.
    pub needed: Vec<SignaturesNeeded>,
}

impl RepositoryFolder {
    /// What is published and what is staged.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn overview(&self) -> Result<Overview, AuthorError> {
        let state = self.state()?;
        let mut published = Vec::new();
        if let Some(root) = &state.root {
            let root_keys = &root.signed;
            published.push(role(root_keys, RoleName::Root, Some(root)));
            published.push(role(root_keys, RoleName::Targets, state.targets.as_ref()));
            published.push(role(root_keys, RoleName::Snapshot, state.snapshot.as_ref()));
            published.push(role(root_keys, RoleName::Timestamp, state.timestamp.as_ref()));
        }
        let mut staged = Vec::new();
        if let Some(root) = &state.staged_root {
            staged.push(role(&root.signed, RoleName::Root, Some(root)));
        }
        if let (Some(root), Some(targets)) = (state.next_root(), &state.staged_targets) {
            staged.push(role(&root.signed, RoleName::Targets, Some(targets)));
        }
        let offers = state.targets.as_ref().map(|targets| all_offers(&targets.signed));
        let staged_offers =
            state.staged_targets.as_ref().map(|targets| all_offers(&targets.signed));
        let needed = needed(&state);
        let offers = offers.unwrap_or_default();
        Ok(Overview { published, offers, staged, staged_offers, needed })
    }
}

fn role<T: Role>(root: &Root, role: RoleName, signed: Option<&Signed<T>>) -> RoleOverview {
    let keys: Vec<KeyId> = role_keys(root, role.role_type()).iter().map(KeyId::of).collect();
    let signatures = signed.map_or(&[][..], |signed| &signed.signatures);
    let mut signed_by: Vec<KeyId> =
        signatures.iter().map(|signature| KeyId::of(&signature.keyid)).collect();
    signed_by.retain(|id| keys.contains(id));
    RoleOverview {
        role,
        version: signed.map(|signed| signed.signed.version().get()),
        expires: signed.map(|signed| expires(&signed.signed)),
        threshold: root.roles.get(&role.role_type()).map_or(0, |keys| keys.threshold.get()),
        keys,
        signed_by,
    }
}
