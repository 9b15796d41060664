//! Revisions that can be gone back to, and started with when nobody else can be asked.
//!
//! On disk: one archive for each, as it was signed, and an index that says which, in which order
//! they were in force, and whether the first is pinned. The index is replaced as a whole. A
//! directory's revisions are kept in memory: its author has them in a version control system.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_core::limits::BUNDLE_BYTES_MAX;
use palisade_core::{BundleName, Revision, Sha256Digest};
use serde::{Deserialize, Serialize};

use super::source::Found;
use crate::files;
use crate::raw::RawBundle;

/// Revisions in the order in which they were in force, the last one first.
#[derive(Debug)]
pub(super) struct Kept {
    /// `None`: in memory.
    directory: Option<PathBuf>,
    max: usize,
    revisions: Vec<KeptRevision>,
    pinned: bool,
}

#[derive(Debug)]
struct KeptRevision {
    revision: Arc<Revision>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(RawBundle),
    File { name: String, sha256: Sha256Digest },
}

const INDEX_FILE: &str = "kept.json";

/// The form of the index.
const FORMAT: u64 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    format: u64,
    pinned: bool,
    revisions: Vec<IndexEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexEntry {
    bundle: String,
    version: u64,
    digest: String,
    file: String,
    sha256: String,
}

impl Kept {
    /// Nothing, to be kept in memory.
    pub(super) const fn in_memory(max: usize) -> Self {
        Self { directory: None, max, revisions: Vec::new(), pinned: false }
    }

    /// What an earlier process kept of a bundle in this directory, which is made if it does not
    /// exist.
    pub(super) fn open(directory: &Path, bundle: &BundleName, max: usize) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let kept = Self { directory: Some(directory.to_owned()), ..Self::in_memory(max) };
        let index = match fs::read(directory.join(INDEX_FILE)) {
            Ok(bytes) => serde_json::from_slice::<Index>(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(kept),
            Err(error) => return Err(error),
        };
        if index.format != FORMAT {
            return Err(io::Error::other(format!("its form {} is not known", index.format)));
        }
        let revisions = index.revisions.into_iter().map(IndexEntry::read).collect::<Option<_>>();
        let mut revisions: Vec<KeptRevision> =
            revisions.ok_or_else(|| io::Error::other("an entry is malformed"))?;
        // FAIL-CLOSED: what was kept of another bundle is not what this server is to decide with.
        revisions.retain(|kept| kept.revision.bundle == *bundle);
        Ok(Self { revisions, pinned: index.pinned, ..kept })
    }

    /// What can be gone back to, the last in force first.
    pub(super) fn revisions(&self) -> Vec<Arc<Revision>> {
        self.revisions.iter().map(|kept| Arc::clone(&kept.revision)).collect()
    }

    pub(super) const fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Notes whether the first is pinned.
    pub(super) fn set_pinned(&mut self, pinned: bool) -> io::Result<()> {
        self.pinned = pinned;
        self.write_index()
    }

    /// Keeps what comes into force, and forgets what is too much.
    pub(super) fn put_first(&mut self, revision: &Arc<Revision>, found: &Found) -> io::Result<()> {
        let known = self.revisions.iter().position(|kept| kept.revision == *revision);
        let kept = match known {
            Some(at) => self.revisions.remove(at),
            None => KeptRevision { revision: Arc::clone(revision), place: self.place(found)? },
        };
        self.revisions.insert(0, kept);
        let gone = self.revisions.split_off(self.revisions.len().min(self.max.max(1)));
        self.write_index()?;
        // Only what no index names any more is deleted.
        for KeptRevision { place, .. } in gone {
            if let (Some(directory), Place::File { name, .. }) = (&self.directory, place) {
                fs::remove_file(directory.join(name))?;
            }
        }
        Ok(())
    }

    /// The revision of this version; 0: the last one before what is in force that is not newer.
    pub(super) fn find(&self, version: u64) -> Option<Arc<Revision>> {
        let mut revisions = self.revisions.iter();
        let kept = match version {
            // Going back twice must not come back to what was left.
            0 => {
                let in_force = revisions.next()?.revision.version;
                revisions.find(|kept| kept.revision.version <= in_force)
            }
            version => revisions.find(|kept| kept.revision.version == version),
        };
        kept.map(|kept| Arc::clone(&kept.revision))
    }

    /// The files of a kept revision.
    pub(super) fn read(&self, revision: &Revision) -> io::Result<Found> {
        let kept = self.revisions.iter().find(|kept| *kept.revision == *revision);
        let kept = kept.ok_or_else(|| io::Error::other("it is not kept"))?;
        let digest = kept.revision.digest;
        match (&kept.place, &self.directory) {
            (Place::Memory(raw), _) => Ok(Found { raw: raw.clone(), digest, archive: None }),
            (Place::File { name, sha256 }, Some(directory)) => {
                let archive = files::read_at_most(&directory.join(name), BUNDLE_BYTES_MAX)?;
                if Sha256Digest::of(&archive) != *sha256 {
                    return Err(io::Error::other("the kept archive is damaged"));
                }
                let raw = RawBundle::read_archive(&archive).map_err(io::Error::other)?;
                Ok(Found { raw, digest, archive: Some(archive) })
            }
            (Place::File { .. }, None) => Err(io::Error::other("there is no directory")),
        }
    }

    fn place(&self, found: &Found) -> io::Result<Place> {
        let (Some(directory), Some(archive)) = (&self.directory, &found.archive) else {
            return Ok(Place::Memory(found.raw.clone()));
        };
        let sha256 = Sha256Digest::of(archive);
        let name = format!("{sha256}.tar.gz");
        files::replace(&directory.join(&name), archive, files::PRIVATE)?;
        Ok(Place::File { name, sha256 })
    }

    fn write_index(&self) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let revisions = self.revisions.iter().filter_map(KeptRevision::entry).collect();
        let index = Index { format: FORMAT, pinned: self.pinned, revisions };
        let bytes = serde_json::to_vec_pretty(&index).map_err(io::Error::other)?;
        files::replace(&directory.join(INDEX_FILE), &bytes, files::PRIVATE)
    }
}

impl KeptRevision {
    fn entry(&self) -> Option<IndexEntry> {
        let Place::File { name, sha256 } = &self.place else { return None };
        let Revision { bundle, version, digest } = self.revision.as_ref();
        Some(IndexEntry {
            bundle: bundle.as_str().to_owned(),
            version: *version,
            digest: digest.to_string(),
            file: name.clone(),
            sha256: sha256.to_string(),
        })
    }
}

impl IndexEntry {
    fn read(self) -> Option<KeptRevision> {
        let Self { bundle, version, digest, file, sha256 } = self;
        let sha256: Sha256Digest = sha256.parse().ok()?;
        // A name of ours, so that it leads nowhere else.
        (file == format!("{sha256}.tar.gz")).then_some(())?;
        let bundle = BundleName::new(bundle)?;
        let revision = Arc::new(Revision { bundle, version, digest: digest.parse().ok()? });
        Some(KeptRevision { revision, place: Place::File { name: file, sha256 } })
    }
}
