//! What a client has come to trust, kept on disk so that nothing older is ever accepted again.
//!
//! One file, replaced as a whole: either the old or the new state is there after a crash. Its
//! first line is the digest of the rest, so a file that was torn or damaged otherwise is noticed
//! and refused; to take it for an empty one would forget every version that was seen.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use palisade_core::{EpochMillis, Sha256Digest};
use serde::{Deserialize, Serialize};
use tough::schema::{Role, Root, Snapshot, Targets, Timestamp};

use super::error::{RepositoryError, TrustStateError};
use super::metadata::{RoleName, expires, self_signed_root, verified};
use crate::files;

/// The name of the file.
const FILE: &str = "trusted.json";

/// The form this version writes.
const FORMAT: u32 = 1;

/// Bytes of the file.
// LIMIT: four files of metadata of at most 1.2 MiB together, escaped as JSON strings.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// How much the clock must have moved for its instant alone to be written.
const TIME_STEP_MILLIS: i64 = 10 * 60 * 1000;

/// The state of trust.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustState {
    format: u32,
    /// The digest of the configured root that all this was derived from.
    bootstrap: String,
    /// The latest instant that has been, in milliseconds.
    pub(super) time: i64,
    /// The newest of each, as text. What the newest root does not vouch for is not kept.
    pub(super) root: String,
    pub(super) timestamp: Option<String>,
    pub(super) snapshot: Option<String>,
    pub(super) targets: Option<String>,
    /// `<bundle>/<channel>` to the highest version that was seen there.
    pub(super) highest: BTreeMap<String, Highest>,
}

/// A version that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Highest {
    pub(super) version: u64,
    /// The digest of its content.
    pub(super) digest: String,
}

impl TrustState {
    /// Trust in nothing but a root.
    fn new(bootstrap: &[u8]) -> Self {
        Self {
            format: FORMAT,
            bootstrap: Sha256Digest::of(bootstrap).to_string(),
            time: 0,
            root: String::from_utf8_lossy(bootstrap).into_owned(),
            timestamp: None,
            snapshot: None,
            targets: None,
            highest: BTreeMap::new(),
        }
    }

    /// When the first of the trusted metadata expires, if it is complete.
    pub(super) fn expires(&self) -> Option<EpochMillis> {
        let root = root_of(&self.root)?;
        let timestamp = verified::<Timestamp>(self.timestamp.as_deref()?, &root)?;
        let snapshot = verified::<Snapshot>(self.snapshot.as_deref()?, &root)?;
        let targets = verified::<Targets>(self.targets.as_deref()?, &root)?;
        [
            expires(&root),
            expires(&timestamp.signed),
            expires(&snapshot.signed),
            expires(&targets.signed),
        ]
        .into_iter()
        .min()
    }

    /// Refuses a clock that is behind an instant that has been: expired metadata would be good
    /// again.
    pub(super) fn check_time(&self, now: EpochMillis) -> Result<(), RepositoryError> {
        if now.as_millis() < self.time {
            return Err(RepositoryError::Clock { now, known: EpochMillis::new(self.time) });
        }
        Ok(())
    }

    /// Takes what `tough` has verified and left in `scratch`; everything is verified again, so a
    /// file that could not be written whole is not taken.
    pub(super) fn adopt(&mut self, scratch: &Path) -> Result<(), TrustStateError> {
        let trusted = root_of(&self.root);
        let found = read_text(&scratch.join("root.json"))?;
        let newer = found.and_then(|text| {
            let root = self_signed_root(text.as_bytes()).ok()?;
            let is_newer = trusted.as_ref().is_none_or(|old| old.version() < root.signed.version());
            is_newer.then_some(text)
        });
        if let Some(newer) = newer {
            self.root = newer;
        }
        let Some(root) = root_of(&self.root) else { return Ok(()) };
        self.timestamp = left::<Timestamp>(&self.timestamp, scratch, RoleName::Timestamp, &root)?;
        self.snapshot = left::<Snapshot>(&self.snapshot, scratch, RoleName::Snapshot, &root)?;
        self.targets = left::<Targets>(&self.targets, scratch, RoleName::Targets, &root)?;
        Ok(())
    }

    /// Writes what `tough` compares new metadata with.
    pub(super) fn unpack(&self, scratch: &Path) -> Result<(), TrustStateError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| TrustStateError::Io { path, source }
        };
        match fs::remove_dir_all(scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io(scratch)(error));
            }
            _ => {}
        }
        fs::create_dir(scratch).map_err(io(scratch))?;
        for (role, text) in [
            (RoleName::Timestamp, &self.timestamp),
            (RoleName::Snapshot, &self.snapshot),
            (RoleName::Targets, &self.targets),
        ] {
            if let Some(text) = text {
                let path = scratch.join(format!("{role}.json"));
                fs::write(&path, text).map_err(io(&path))?;
            }
        }
        Ok(())
    }
}

fn root_of(text: &str) -> Option<Root> {
    self_signed_root(text.as_bytes()).ok().map(|root| root.signed)
}

/// What `tough` left of a role's metadata.
///
/// If it took the file away, it is gone: a new root has other keys for it, and what the old keys
/// may have been made to sign must not stand in the way (fast-forward attacks).
fn left<T>(
    trusted: &Option<String>,
    scratch: &Path,
    role: RoleName,
    root: &Root,
) -> Result<Option<String>, TrustStateError>
where
    T: Role + Serialize + serde::de::DeserializeOwned,
{
    let Some(found) = read_text(&scratch.join(format!("{role}.json")))? else { return Ok(None) };
    let holds = |text: &String| verified::<T>(text, root).is_some();
    if holds(&found) {
        return Ok(Some(found));
    }
    Ok(trusted.clone().filter(holds))
}

fn read_text(path: &Path) -> Result<Option<String>, TrustStateError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TrustStateError::Io { path: path.to_owned(), source }),
    }
}

/// The file that holds the state of trust, in a directory of its own.
#[derive(Debug)]
pub(super) struct TrustFile {
    directory: PathBuf,
    /// What is on disk, if anything.
    written: Option<TrustState>,
}

impl TrustFile {
    /// Reads the state, or begins with `bootstrap` if there is none.
    ///
    /// # Errors
    /// There is one that cannot be used.
    pub(super) fn open(
        directory: &Path,
        bootstrap: &[u8],
    ) -> Result<(Self, TrustState), TrustStateError> {
        let path = directory.join(FILE);
        let mut file = Self { directory: directory.to_owned(), written: None };
        let fresh = TrustState::new(bootstrap);
        let Some(state) = read(&path)? else { return Ok((file, fresh)) };
        file.written = Some(state.clone());
        if state.bootstrap == fresh.bootstrap {
            return Ok((file, state));
        }
        tracing::warn!(
            directory = %directory.display(),
            "the configured root is another one than before: trust begins with it again; \
             the versions of bundles that were seen still count"
        );
        let TrustState { time, highest, .. } = state;
        Ok((file, TrustState { time, highest, ..fresh }))
    }

    /// Where `tough` may keep its files during a check.
    pub(super) fn scratch(&self) -> PathBuf {
        self.directory.join("scratch")
    }

    /// Makes `state` the one that is found after a restart, if it says anything new.
    pub(super) fn write(&mut self, state: &TrustState) -> Result<(), TrustStateError> {
        let is_known = self.written.as_ref().is_some_and(|written| {
            let passed = state.time.saturating_sub(written.time);
            passed < TIME_STEP_MILLIS
                && *written == TrustState { time: written.time, ..state.clone() }
        });
        if is_known {
            return Ok(());
        }
        let path = self.directory.join(FILE);
        replace(&path, state).map_err(|source| TrustStateError::Io { path, source })?;
        self.written = Some(state.clone());
        Ok(())
    }
}

fn replace(path: &Path, state: &TrustState) -> io::Result<()> {
    let json = serde_json::to_string(state).map_err(io::Error::other)?;
    let text = format!("{}\n{json}", Sha256Digest::of(json.as_bytes()));
    files::replace(path, text.as_bytes(), files::PRIVATE)
}

fn read(path: &Path) -> Result<Option<TrustState>, TrustStateError> {
    let io = |source| TrustStateError::Io { path: path.to_owned(), source };
    let damaged = |detail: &str| TrustStateError::Damaged {
        path: path.to_owned(),
        detail: detail.to_owned(),
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(damaged("it is too large"));
    }
    let text = String::from_utf8(bytes).map_err(|_not_text| damaged("it is not UTF-8"))?;
    let (digest, json) = text.split_once('\n').ok_or_else(|| damaged("it is cut off"))?;
    if Sha256Digest::of(json.as_bytes()).to_string() != digest {
        return Err(damaged("its digest is another one"));
    }
    let state: TrustState =
        serde_json::from_str(json).map_err(|error| damaged(&error.to_string()))?;
    if state.format != FORMAT {
        return Err(damaged("another version wrote it"));
    }
    let root = self_signed_root(state.root.as_bytes()).map_err(|error| damaged(&error))?;
    let holds = |text: &Option<String>, check: fn(&str, &Root) -> bool| {
        text.as_ref().is_none_or(|text| check(text, &root.signed))
    };
    let is_whole =
        holds(&state.timestamp, |text, root| verified::<Timestamp>(text, root).is_some())
            && holds(&state.snapshot, |text, root| verified::<Snapshot>(text, root).is_some())
            && holds(&state.targets, |text, root| verified::<Targets>(text, root).is_some());
    if !is_whole {
        return Err(damaged("its metadata is not signed"));
    }
    Ok(Some(state))
}
