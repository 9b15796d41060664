//! Makes what is staged the newest state of the repository.
//!
//! Files of the new state have names of their own and are written first; `timestamp.json`, the one
//! file that is replaced, comes last. So whoever reads the folder sees the old or the new state.
//! Only a new root can be seen before the rest: if it has other keys for the timestamp or the
//! snapshot, a client that asks in that moment refuses what it finds and asks again later.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use palisade_core::{Clock, EpochMillis, Sha256Digest};
use tough::schema::{Hashes, Metafile, Role, Root, Signed, Snapshot, Timestamp};
use url::Url;

use super::change::check_stale;
use super::error::AuthorError;
use super::folder::{
    Lifetimes, RepositoryFolder, SPEC_VERSION, State, add_signature, after, io_error, role_keys,
    to_bytes, write,
};
use super::key::SigningKey;
use super::sign::{missing, needed};
use crate::repository::config::DownloadTimeouts;
use crate::repository::error::RepositoryError;
use crate::repository::follower::{Follower, verify_target};
use crate::repository::metadata::RoleName;
use crate::repository::offer::{Offer, all_offers};

/// How far back a root may be that publishing is verified from.
// LIMIT: clients follow 200 new versions in one check.
const ROOTS_VERIFIED: u64 = 100;

/// The state that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The version of the timestamp.
    pub timestamp: u64,
    /// The version of the snapshot.
    pub snapshot: u64,
    /// The version of the list of targets.
    pub targets: u64,
    /// The version of the root.
    pub root: u64,
    /// When the first of the metadata expires.
    pub expires: EpochMillis,
}

/// Files of a new state of a repository, by the names below `metadata/`.
struct NewFiles {
    versioned: Vec<(String, Vec<u8>)>,
    timestamp: Vec<u8>,
    published: Published,
}

impl RepositoryFolder {
    /// Publishes what is staged, with a new snapshot and a new timestamp; with nothing staged,
    /// only these two are renewed.
    ///
    /// # Errors
    /// Signatures are missing, our own client would refuse the result, or nothing can be written.
    /// Nothing is changed then.
    pub fn publish(
        &self,
        snapshot_keys: &[SigningKey],
        timestamp_keys: &[SigningKey],
        lifetimes: Lifetimes,
        clock: &Arc<dyn Clock>,
    ) -> Result<Published, AuthorError> {
        let state = self.state()?;
        let published = |version: Option<u64>| version.unwrap_or(0);
        let root_version = published(state.root.as_ref().map(|root| root.signed.version.get()));
        let targets_version =
            published(state.targets.as_ref().map(|targets| targets.signed.version.get()));
        check_stale(RoleName::Root, state.staged_root.as_ref(), root_version)?;
        check_stale(RoleName::Targets, state.staged_targets.as_ref(), targets_version)?;
        let needed = needed(&state);
        if !needed.is_empty() {
            return Err(AuthorError::NotSigned { needed });
        }
        let new = self.new_files(&state, snapshot_keys, timestamp_keys, lifetimes, clock.now())?;
        let targets = self.check_targets(&state)?;
        self.rehearse(&new, root_version, clock)?;
        for (path, bytes) in targets {
            write(&self.targets(&path), &bytes)?;
        }
        let NewFiles { versioned, timestamp, published } = new;
        for (name, bytes) in versioned {
            write(&self.metadata(&name), &bytes)?;
        }
        write(&self.metadata("timestamp.json"), &timestamp)?;
        remove(&self.path().join("staged"))?;
        Ok(published)
    }

    /// Makes the files; the root comes last, right before the timestamp.
    fn new_files(
        &self,
        state: &State,
        snapshot_keys: &[SigningKey],
        timestamp_keys: &[SigningKey],
        lifetimes: Lifetimes,
        now: EpochMillis,
    ) -> Result<NewFiles, AuthorError> {
        let not_published = || AuthorError::NotPublished { path: self.path().to_owned() };
        let root = state.next_root().ok_or_else(not_published)?;
        let targets = state.next_targets().ok_or_else(not_published)?;
        let mut versioned = Vec::new();

        let targets_name = targets.signed.filename(true);
        let targets_bytes = match &state.staged_targets {
            Some(staged) => to_bytes(staged, &self.staged("targets.json"))?,
            // As published: other spaces would make other hashes.
            None => {
                let path = self.metadata(&targets_name);
                fs::read(&path).map_err(io_error(&path))?
            }
        };
        let version = state.snapshot.as_ref().map_or(0, |old| old.signed.version.get());
        let version = NonZeroU64::MIN.saturating_add(version);
        let expires = after(now, lifetimes.snapshot_days);
        let mut snapshot = Snapshot::new(SPEC_VERSION.to_owned(), version, expires);
        let entry = metafile(&targets_bytes, targets.signed.version);
        snapshot.meta.insert("targets.json".to_owned(), entry);
        let snapshot = sign(snapshot, &root.signed, snapshot_keys, self)?;
        let snapshot_name = snapshot.signed.filename(true);
        let snapshot_bytes = to_bytes(&snapshot, &self.metadata(&snapshot_name))?;

        let version = state.timestamp.as_ref().map_or(0, |old| old.signed.version.get());
        let version = NonZeroU64::MIN.saturating_add(version);
        let expires = after(now, lifetimes.timestamp_days);
        let mut timestamp = Timestamp::new(SPEC_VERSION.to_owned(), version, expires);
        let entry = metafile(&snapshot_bytes, snapshot.signed.version);
        timestamp.meta.insert("snapshot.json".to_owned(), entry);
        let timestamp = sign(timestamp, &root.signed, timestamp_keys, self)?;
        let timestamp_bytes = to_bytes(&timestamp, &self.metadata("timestamp.json"))?;

        if state.staged_targets.is_some() {
            versioned.push((targets_name, targets_bytes));
        }
        versioned.push((snapshot_name, snapshot_bytes));
        if let Some(staged) = &state.staged_root {
            let bytes = to_bytes(staged, &self.staged("root.json"))?;
            versioned.push((staged.signed.filename(true), bytes));
        }
        let first = [
            root.signed.expires,
            targets.signed.expires,
            snapshot.signed.expires,
            timestamp.signed.expires,
        ]
        .into_iter()
        .min();
        let published = Published {
            timestamp: timestamp.signed.version.get(),
            snapshot: snapshot.signed.version.get(),
            targets: targets.signed.version.get(),
            root: root.signed.version.get(),
            expires: EpochMillis::new(first.map_or(0, |first| first.as_millisecond())),
        };
        Ok(NewFiles { versioned, timestamp: timestamp_bytes, published })
    }

    /// The packed bundles that are new, each verified as a client would.
    fn check_targets(&self, state: &State) -> Result<Vec<(String, Vec<u8>)>, AuthorError> {
        let offers = state.next_targets().map(|targets| all_offers(&targets.signed));
        let mut new = Vec::new();
        for offer in offers.unwrap_or_default() {
            let path = offer.path();
            if self.targets(&path).is_file() {
                continue;
            }
            let staged = self.staged(&format!("targets/{path}"));
            let bytes = match fs::read(&staged) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(AuthorError::Refused(absent(&offer)));
                }
                Err(error) => return Err(io_error(&staged)(error)),
            };
            verify_target(&offer, &bytes).map_err(AuthorError::Refused)?;
            new.push((path, bytes));
        }
        Ok(new)
    }

    /// Has our own client, which has seen the published state, look at the new one.
    fn rehearse(
        &self,
        new: &NewFiles,
        published_root: u64,
        clock: &Arc<dyn Clock>,
    ) -> Result<(), AuthorError> {
        let preview = self.staged("preview");
        remove(&preview)?;
        let place = preview.join("new/metadata");
        fs::create_dir_all(&place).map_err(io_error(&place))?;
        for version in 1..=published_root {
            let name = format!("{version}.root.json");
            let from = self.metadata(&name);
            fs::copy(&from, place.join(&name)).map_err(io_error(&from))?;
        }
        let published_targets = format!("{}.targets.json", new.published.targets);
        let from = self.metadata(&published_targets);
        if from.is_file() {
            fs::copy(&from, place.join(&published_targets)).map_err(io_error(&from))?;
        }
        for (name, bytes) in &new.versioned {
            let path = place.join(name);
            fs::write(&path, bytes).map_err(io_error(&path))?;
        }
        let path = place.join("timestamp.json");
        fs::write(&path, &new.timestamp).map_err(io_error(&path))?;

        let first = published_root.saturating_sub(ROOTS_VERIFIED).max(1);
        let path = place.join(format!("{first}.root.json"));
        let root = fs::read(&path).map_err(io_error(&path))?;
        let trust = preview.join("trust");
        if published_root > 0 {
            // What is published may have expired; what could be verified of it counts.
            match follow(self.path(), &root, &trust, clock)? {
                Ok(()) => {}
                Err(error) => {
                    tracing::debug!(code = error.code(), "the published state is refused");
                }
            }
        }
        follow(&preview.join("new"), &root, &trust, clock)?.map_err(AuthorError::Refused)?;
        remove(&preview)
    }
}

/// Verifies the metadata of a folder; `trust` keeps what was seen.
fn follow(
    folder: &Path,
    root: &[u8],
    trust: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Result<(), RepositoryError>, AuthorError> {
    let folder = fs::canonicalize(folder).map_err(io_error(folder))?;
    let Ok(url) = Url::from_directory_path(&folder) else {
        return Err(AuthorError::NotARepository { path: folder });
    };
    let timeouts = DownloadTimeouts::default();
    let mut follower = Follower::open(&url, root, trust, timeouts, Arc::clone(clock))
        .map_err(AuthorError::Unverifiable)?;
    Ok(follower.refresh(&Arc::new(AtomicBool::new(false))).map(drop))
}

fn absent(offer: &Offer) -> RepositoryError {
    RepositoryError::TargetMissing {
        target: offer.target.clone(),
        detail: "it is neither in `targets/` nor in `staged/targets/`".to_owned(),
    }
}

fn metafile(bytes: &[u8], version: NonZeroU64) -> Metafile {
    let sha256 = Sha256Digest::of(bytes).as_bytes().to_vec().into();
    Metafile {
        length: Some(bytes.len() as u64),
        hashes: Some(Hashes { sha256, _extra: HashMap::new() }),
        version,
        _extra: HashMap::new(),
    }
}

/// Signs with those of the keys that are the role's.
fn sign<T: Role>(
    role: T,
    root: &Root,
    keys: &[SigningKey],
    folder: &RepositoryFolder,
) -> Result<Signed<T>, AuthorError> {
    let mut signed = Signed { signed: role, signatures: Vec::new() };
    for key in keys.iter().filter(|key| role_keys(root, T::TYPE).contains(&key.public().id)) {
        add_signature(&mut signed, key, folder.path())?;
    }
    match missing(root, &signed, false) {
        None => Ok(signed),
        Some(missing) => Err(AuthorError::PublishingKeys {
            role: missing.role,
            threshold: missing.threshold,
            valid: missing.valid,
        }),
    }
}

fn remove(directory: &Path) -> Result<(), AuthorError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(directory)(error)),
        _ => Ok(()),
    }
}
