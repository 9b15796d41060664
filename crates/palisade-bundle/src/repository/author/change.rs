//! Stages changes: a new bundle, other channels, other keys, a new expiry.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::num::NonZeroU64;
use std::path::Path;

use palisade_core::{BundleName, EpochMillis, Sha256Digest};
use tough::TargetName;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::{Hashes, Role, Root, Signed, Target, Targets};

use super::error::AuthorError;
use super::folder::{
    Lifetimes, RepositoryFolder, State, after, check_threshold, empty_targets, io_error, role_keys,
    write,
};
use super::key::PublicKey;
use crate::archive::ARCHIVE_BYTES_MAX;
use crate::raw::RawBundle;
use crate::repository::metadata::RoleName;
use crate::repository::offer::{CUSTOM_KEY, Channel, Custom, Offer, all_offers, target_name};

/// A bundle that was staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The target's name.
    pub target: String,
    /// The bundle.
    pub bundle: BundleName,
    /// Its version.
    pub version: u64,
    /// The digest of its content.
    pub digest: Sha256Digest,
    /// The digest of the packed bundle.
    pub sha256: Sha256Digest,
    /// Signatures that were made of what was staged before, and do not count any more.
    pub signatures_dropped: usize,
}

/// How a role changes.
#[derive(Clone, Debug)]
pub struct RotateRole {
    /// Which role.
    pub role: RoleName,
    /// Keys it gets.
    pub add: Vec<PublicKey>,
    /// Keys it loses: beginnings of their ids, each of one key.
    pub remove: Vec<String>,
    /// Its new threshold, if it changes.
    pub threshold: Option<u64>,
}

impl RepositoryFolder {
    /// Stages a packed bundle in some channels; the list of targets then has to be signed again.
    /// Older versions leave none of their channels: clients take the highest version of theirs.
    ///
    /// # Errors
    /// The file is no packed bundle, its version has another content already, or nothing can be
    /// written.
    pub fn add(
        &self,
        archive: &Path,
        channels: &BTreeSet<Channel>,
        lifetimes: Lifetimes,
        now: EpochMillis,
    ) -> Result<Added, AuthorError> {
        let bytes = read_archive(archive)?;
        let bundle = RawBundle::read_archive(&bytes)
            .map_err(|source| AuthorError::Archive { path: archive.to_owned(), source })?;
        let Some((name, version)) = bundle.identity().filter(|(_, version)| *version > 0) else {
            return Err(AuthorError::NoIdentity { path: archive.to_owned() });
        };
        let (digest, sha256) = (bundle.digest(), Sha256Digest::of(&bytes));
        let state = self.state()?;
        let target = target_name(&name, version);
        let offers = state.next_targets().map(|targets| all_offers(&targets.signed));
        let taken = offers.unwrap_or_default().into_iter().any(|offer| {
            offer.target == target && (offer.digest != digest || offer.sha256 != sha256)
        });
        if taken {
            return Err(AuthorError::VersionTaken { bundle: name.as_str().to_owned(), version });
        }
        let offer = Offer {
            target: target.clone(),
            bundle: name.clone(),
            version,
            digest,
            length: bytes.len() as u64,
            sha256,
            channels: channels.clone(),
        };
        write(&self.staged(&format!("targets/{}", offer.path())), &bytes)?;
        let signatures_dropped =
            self.stage_targets(&state, lifetimes, now, |targets| insert(targets, &offer))?;
        Ok(Added { target, bundle: name, version, digest, sha256, signatures_dropped })
    }

    /// Stages other channels for a version: to promote it, or, with none, to withdraw it. Clients
    /// that have seen the version as their highest take no lower one in its place; they need a
    /// higher version. Says how many signatures of what was staged before do not count any more.
    ///
    /// # Errors
    /// There is no such version, or nothing can be written.
    pub fn set_channels(
        &self,
        bundle: Option<&BundleName>,
        version: u64,
        channels: &BTreeSet<Channel>,
        lifetimes: Lifetimes,
        now: EpochMillis,
    ) -> Result<usize, AuthorError> {
        let state = self.state()?;
        let offers = state.next_targets().map(|targets| all_offers(&targets.signed));
        let mut found: Vec<Offer> = offers
            .unwrap_or_default()
            .into_iter()
            .filter(|offer| {
                offer.version == version && bundle.is_none_or(|bundle| *bundle == offer.bundle)
            })
            .collect();
        let Some(mut offer) = found.pop() else {
            let bundle = bundle.map(|bundle| bundle.as_str().to_owned());
            return Err(AuthorError::UnknownVersion { bundle, version });
        };
        if !found.is_empty() {
            found.push(offer);
            let names: Vec<&str> = found.iter().map(|offer| offer.bundle.as_str()).collect();
            return Err(AuthorError::Ambiguous { version, bundles: names.join(", ") });
        }
        offer.channels.clone_from(channels);
        self.stage_targets(&state, lifetimes, now, |targets| insert(targets, &offer))
    }

    /// Stages the root or the list of targets as it is, with a new expiry.
    ///
    /// # Errors
    /// Nothing was published yet, or nothing can be written. Snapshot and timestamp are renewed by
    /// publishing; for them this does nothing.
    pub fn renew(
        &self,
        role: RoleName,
        lifetimes: Lifetimes,
        now: EpochMillis,
    ) -> Result<(), AuthorError> {
        let state = self.state()?;
        match role {
            RoleName::Root => self.stage_root(&state, lifetimes, now, |_| Ok(())),
            RoleName::Targets => self.stage_targets(&state, lifetimes, now, |_| Ok(())).map(drop),
            RoleName::Snapshot | RoleName::Timestamp => Ok(()),
        }
    }

    /// Stages a root with other keys or another threshold for a role. It must be signed as the
    /// published root and as the new one asks. If the role is targets, the list of targets is
    /// staged as well, to be signed by the new keys.
    ///
    /// # Errors
    /// The threshold cannot be met, a key to be removed is not there, nothing was published yet,
    /// or nothing can be written.
    pub fn rotate(
        &self,
        change: &RotateRole,
        lifetimes: Lifetimes,
        now: EpochMillis,
    ) -> Result<(), AuthorError> {
        let state = self.state()?;
        self.stage_root(&state, lifetimes, now, |root| apply(root, change))?;
        if change.role == RoleName::Targets {
            self.stage_targets(&state, lifetimes, now, |_| Ok(()))?;
        }
        Ok(())
    }

    fn stage_targets(
        &self,
        state: &State,
        lifetimes: Lifetimes,
        now: EpochMillis,
        change: impl FnOnce(&mut Targets) -> Result<(), AuthorError>,
    ) -> Result<usize, AuthorError> {
        let published = state.targets.as_ref().map_or(0, |targets| targets.signed.version.get());
        check_stale(RoleName::Targets, state.staged_targets.as_ref(), published)?;
        let expires = after(now, lifetimes.targets_days);
        let mut targets = state
            .next_targets()
            .map_or_else(|| empty_targets(expires), |targets| targets.signed.clone());
        targets.version = NonZeroU64::MIN.saturating_add(published);
        targets.expires = expires;
        change(&mut targets)?;
        let staged = Signed { signed: targets, signatures: Vec::new() };
        self.write_staged("targets.json", &staged)?;
        Ok(state.staged_targets.as_ref().map_or(0, |staged| staged.signatures.len()))
    }

    fn stage_root(
        &self,
        state: &State,
        lifetimes: Lifetimes,
        now: EpochMillis,
        change: impl FnOnce(&mut Root) -> Result<(), AuthorError>,
    ) -> Result<(), AuthorError> {
        let published = state.root.as_ref().map_or(0, |root| root.signed.version.get());
        check_stale(RoleName::Root, state.staged_root.as_ref(), published)?;
        let Some(root) = state.next_root() else {
            return Err(AuthorError::NotPublished { path: self.path().to_owned() });
        };
        let mut root = root.signed.clone();
        root.version = NonZeroU64::MIN.saturating_add(published);
        root.expires = after(now, lifetimes.root_days);
        change(&mut root)?;
        self.write_staged("root.json", &Signed { signed: root, signatures: Vec::new() })
    }
}

/// Refuses what was staged before something else was published.
pub(super) fn check_stale<T: Role>(
    role: RoleName,
    staged: Option<&Signed<T>>,
    published: u64,
) -> Result<(), AuthorError> {
    match staged.map(|staged| staged.signed.version().get()) {
        Some(staged) if staged != published.saturating_add(1) => {
            Err(AuthorError::Stale { role, staged, published })
        }
        _ => Ok(()),
    }
}

fn read_archive(path: &Path) -> Result<Vec<u8>, AuthorError> {
    let length = fs::metadata(path).map_err(io_error(path))?.len();
    if length > ARCHIVE_BYTES_MAX {
        let source = crate::error::ReadBundleError::TooLarge { limit: ARCHIVE_BYTES_MAX };
        return Err(AuthorError::Archive { path: path.to_owned(), source });
    }
    fs::read(path).map_err(io_error(path))
}

/// Lists a target.
fn insert(targets: &mut Targets, offer: &Offer) -> Result<(), AuthorError> {
    let damaged = |detail: String| AuthorError::Damaged { path: (&offer.target).into(), detail };
    let name =
        TargetName::new(offer.target.as_str()).map_err(|error| damaged(error.to_string()))?;
    let custom = Custom {
        bundle: offer.bundle.as_str().to_owned(),
        version: offer.version,
        digest: offer.digest.to_string(),
        channels: offer.channels.iter().map(|channel| channel.as_str().to_owned()).collect(),
    };
    let custom = serde_json::to_value(custom).map_err(|error| damaged(error.to_string()))?;
    let sha256 = offer.sha256.as_bytes().to_vec().into();
    let target = Target {
        length: offer.length,
        hashes: Hashes { sha256, _extra: HashMap::new() },
        custom: HashMap::from([(CUSTOM_KEY.to_owned(), custom)]),
        _extra: HashMap::new(),
    };
    targets.targets.insert(name, target);
    Ok(())
}

fn apply(root: &mut Root, change: &RotateRole) -> Result<(), AuthorError> {
    let RotateRole { role, add, remove, threshold } = change;
    let role_type = role.role_type();
    let mut keyids: Vec<Decoded<Hex>> = role_keys(root, role_type).to_vec();
    for prefix in remove {
        let matching: Vec<usize> = keyids
            .iter()
            .enumerate()
            .filter(|(_, id)| hex::encode(id).starts_with(prefix.as_str()))
            .map(|(index, _)| index)
            .collect();
        let [index] = matching.as_slice() else {
            return Err(AuthorError::UnknownKey { role: *role, key: prefix.clone() });
        };
        keyids.remove(*index);
    }
    for key in add {
        root.keys.insert(key.id.clone(), key.key.clone());
        if !keyids.contains(&key.id) {
            keyids.push(key.id.clone());
        }
    }
    let count = keyids.len();
    let Some(keys) = root.roles.get_mut(&role_type) else {
        return Err(AuthorError::UnknownKey { role: *role, key: String::new() });
    };
    keys.threshold = check_threshold(*role, threshold.unwrap_or(keys.threshold.get()), count)?;
    keys.keyids = keyids;
    // A key of no role stays out of the root.
    let used: BTreeSet<Decoded<Hex>> =
        root.roles.values().flat_map(|keys| keys.keyids.iter().cloned()).collect();
    root.keys.retain(|id, _| used.contains(id));
    Ok(())
}
