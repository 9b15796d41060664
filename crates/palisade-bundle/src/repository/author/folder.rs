//! A repository's folder: what is published in it, and what is staged.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use palisade_core::EpochMillis;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tough::schema::{Role, RoleKeys, RoleType, Root, Signed, Snapshot, Targets, Timestamp};

use super::error::AuthorError;
use super::key::{KeyFile, SigningKey};
use crate::files;
use crate::repository::metadata::RoleName;

/// The version of TUF that is followed.
pub(super) const SPEC_VERSION: &str = "1.0.0";

/// Versions of a root that are looked for.
const ROOTS_MAX: u64 = 100_000;

const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

/// For how many days metadata is good once it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of the root: until then its keys must have signed again.
    pub root_days: u32,
    /// Of the targets: until then those who release must have signed again.
    pub targets_days: u32,
    /// Of the snapshot, which is made anew at each publishing.
    pub snapshot_days: u32,
    /// Of the timestamp, likewise: for so long newer bundles can be withheld from a client without
    /// its noticing.
    pub timestamp_days: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { root_days: 365, targets_days: 90, snapshot_days: 7, timestamp_days: 1 }
    }
}

/// Keys and threshold of a role.
#[derive(Debug)]
pub struct RoleSetup {
    /// Its keys. Those that can sign do so at once.
    pub keys: Vec<KeyFile>,
    /// How many of them must sign.
    pub threshold: u64,
}

/// Keys and thresholds of a new repository.
#[derive(Debug)]
pub struct Setup {
    /// Says who the others are.
    pub root: RoleSetup,
    /// Release bundles.
    pub targets: RoleSetup,
    /// Publish.
    pub snapshot: RoleSetup,
    /// Publish and refresh.
    pub timestamp: RoleSetup,
}

/// The folder of a repository.
#[derive(Clone, Debug)]
pub struct RepositoryFolder {
    path: PathBuf,
}

/// What is in the folder.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) root: Option<Signed<Root>>,
    pub(super) timestamp: Option<Signed<Timestamp>>,
    pub(super) snapshot: Option<Signed<Snapshot>>,
    pub(super) targets: Option<Signed<Targets>>,
    pub(super) staged_root: Option<Signed<Root>>,
    pub(super) staged_targets: Option<Signed<Targets>>,
}

impl State {
    /// The root that will be in force after the next publishing.
    pub(super) fn next_root(&self) -> Option<&Signed<Root>> {
        self.staged_root.as_ref().or(self.root.as_ref())
    }

    /// The targets that will be in force after the next publishing.
    pub(super) fn next_targets(&self) -> Option<&Signed<Targets>> {
        self.staged_targets.as_ref().or(self.targets.as_ref())
    }
}

impl RepositoryFolder {
    /// A repository's folder that exists.
    ///
    /// # Errors
    /// There is neither metadata nor anything staged in it.
    pub fn open(path: &Path) -> Result<Self, AuthorError> {
        let folder = Self { path: path.to_owned() };
        if folder.metadata("1.root.json").is_file() || folder.staged("root.json").is_file() {
            Ok(folder)
        } else {
            Err(AuthorError::NotARepository { path: path.to_owned() })
        }
    }

    /// Makes a new repository: stages its first root and a list of no targets, signed by those of
    /// the given keys that can sign.
    ///
    /// # Errors
    /// A threshold cannot be met, the directory is not empty, or it cannot be written.
    pub fn init(
        path: &Path,
        setup: &Setup,
        lifetimes: Lifetimes,
        now: EpochMillis,
    ) -> Result<Self, AuthorError> {
        let folder = Self { path: path.to_owned() };
        fs::create_dir_all(path).map_err(io_error(path))?;
        if fs::read_dir(path).map_err(io_error(path))?.next().is_some() {
            return Err(AuthorError::Exists { path: path.to_owned() });
        }
        let mut root = Root {
            spec_version: SPEC_VERSION.to_owned(),
            consistent_snapshot: true,
            version: NonZeroU64::MIN,
            expires: after(now, lifetimes.root_days),
            keys: HashMap::new(),
            roles: HashMap::new(),
            _extra: HashMap::new(),
        };
        let Setup { root: root_setup, targets, snapshot, timestamp } = setup;
        for (role, RoleSetup { keys, threshold }) in [
            (RoleName::Root, root_setup),
            (RoleName::Targets, targets),
            (RoleName::Snapshot, snapshot),
            (RoleName::Timestamp, timestamp),
        ] {
            let mut keyids = Vec::new();
            for key in keys {
                let key = key.public();
                root.keys.insert(key.id.clone(), key.key.clone());
                if !keyids.contains(&key.id) {
                    keyids.push(key.id.clone());
                }
            }
            let threshold = check_threshold(role, *threshold, keyids.len())?;
            let role_keys = RoleKeys { keyids, threshold, _extra: HashMap::new() };
            root.roles.insert(role.role_type(), role_keys);
        }
        let mut root = Signed { signed: root, signatures: Vec::new() };
        for key in signing(&root_setup.keys) {
            add_signature(&mut root, key, &folder.staged("root.json"))?;
        }
        let list = empty_targets(after(now, lifetimes.targets_days));
        let mut list = Signed { signed: list, signatures: Vec::new() };
        for key in signing(&targets.keys) {
            add_signature(&mut list, key, &folder.staged("targets.json"))?;
        }
        folder.write_staged("targets.json", &list)?;
        folder.write_staged("root.json", &root)?;
        Ok(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn metadata(&self, name: &str) -> PathBuf {
        self.path.join("metadata").join(name)
    }

    pub(super) fn targets(&self, path: &str) -> PathBuf {
        self.path.join("targets").join(path)
    }

    pub(super) fn staged(&self, name: &str) -> PathBuf {
        self.path.join("staged").join(name)
    }

    /// Reads everything.
    pub(super) fn state(&self) -> Result<State, AuthorError> {
        let version = self.newest_root_version();
        let root = match version {
            0 => None,
            version => read(&self.metadata(&format!("{version}.root.json")))?,
        };
        let timestamp: Option<Signed<Timestamp>> = read(&self.metadata("timestamp.json"))?;
        let named = |meta: Option<&HashMap<String, tough::schema::Metafile>>, name: &str| {
            let version = meta?.get(name)?.version;
            Some(self.metadata(&format!("{version}.{name}")))
        };
        let snapshot: Option<Signed<Snapshot>> =
            match named(timestamp.as_ref().map(|signed| &signed.signed.meta), "snapshot.json") {
                Some(path) => read(&path)?,
                None => None,
            };
        let targets: Option<Signed<Targets>> =
            match named(snapshot.as_ref().map(|signed| &signed.signed.meta), "targets.json") {
                Some(path) => read(&path)?,
                None => None,
            };
        // What is published already is not staged any more, even if a publishing was cut off
        // before it could clear it away.
        let staged_root: Option<Signed<Root>> = read(&self.staged("root.json"))?;
        let staged_root = staged_root.filter(|staged| root.as_ref() != Some(staged));
        let staged_targets: Option<Signed<Targets>> = read(&self.staged("targets.json"))?;
        let staged_targets = staged_targets.filter(|staged| targets.as_ref() != Some(staged));
        Ok(State { root, timestamp, snapshot, targets, staged_root, staged_targets })
    }

    /// The newest root there is; 0 if there is none.
    pub(super) fn newest_root_version(&self) -> u64 {
        let exists = |version: &u64| self.metadata(&format!("{version}.root.json")).is_file();
        (1..=ROOTS_MAX).take_while(exists).last().unwrap_or(0)
    }

    pub(super) fn write_staged<T: Serialize>(
        &self,
        name: &str,
        signed: &Signed<T>,
    ) -> Result<(), AuthorError> {
        let path = self.staged(name);
        write(&path, &to_bytes(signed, &path)?)
    }
}

pub(super) fn empty_targets(expires: jiff::Timestamp) -> Targets {
    let mut targets = Targets::new(SPEC_VERSION.to_owned(), NonZeroU64::MIN, expires);
    targets.delegations = None;
    targets
}

pub(super) fn check_threshold(
    role: RoleName,
    threshold: u64,
    keys: usize,
) -> Result<NonZeroU64, AuthorError> {
    NonZeroU64::new(threshold)
        .filter(|threshold| threshold.get() <= keys as u64)
        .ok_or(AuthorError::Threshold { role, threshold, keys })
}

fn signing(keys: &[KeyFile]) -> impl Iterator<Item = &SigningKey> {
    keys.iter().filter_map(|key| match key {
        KeyFile::Signing(key) => Some(&**key),
        KeyFile::Public(_) => None,
    })
}

/// The instant so many days after `now`, in whole seconds, as TUF asks for.
pub(super) fn after(now: EpochMillis, days: u32) -> jiff::Timestamp {
    let millis = now.as_millis().saturating_add(i64::from(days).saturating_mul(MILLIS_PER_DAY));
    jiff::Timestamp::from_second(millis.div_euclid(1000)).unwrap_or(jiff::Timestamp::MAX)
}

/// Adds a signature, in place of an older one by the same key.
pub(super) fn add_signature<T: Role>(
    signed: &mut Signed<T>,
    key: &SigningKey,
    path: &Path,
) -> Result<(), AuthorError> {
    let message = signed.signed.canonical_form().map_err(|error| AuthorError::Damaged {
        path: path.to_owned(),
        detail: error.to_string(),
    })?;
    let signature = key.sign(&message);
    signed.signatures.retain(|other| other.keyid != signature.keyid);
    signed.signatures.push(signature);
    Ok(())
}

/// The keys of a role.
pub(super) fn role_keys(
    root: &Root,
    role: RoleType,
) -> &[tough::schema::decoded::Decoded<tough::schema::decoded::Hex>] {
    root.roles.get(&role).map_or(&[], |keys| &keys.keyids)
}

pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> AuthorError {
    let path = path.to_owned();
    move |source| AuthorError::Io { path, source }
}

/// The bytes of a file of metadata: sorted, so that the same content makes the same file.
pub(super) fn to_bytes<T: Serialize>(signed: &T, path: &Path) -> Result<Vec<u8>, AuthorError> {
    let damaged = |error: serde_json::Error| AuthorError::Damaged {
        path: path.to_owned(),
        detail: error.to_string(),
    };
    let value = serde_json::to_value(signed).map_err(damaged)?;
    let mut bytes = serde_json::to_vec_pretty(&value).map_err(damaged)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a file whole, with the folders it is in.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), AuthorError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(io_error(parent))?;
    }
    files::replace(path, bytes, files::PUBLIC).map_err(io_error(path))
}

/// Reads a file of metadata, if it is there.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, AuthorError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path)(error)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| AuthorError::Damaged { path: path.to_owned(), detail: error.to_string() })
}
