//! The Merkle tree over all records (RFC 6962, section 2.1), as a file of hashes.
//!
//! The file `tree` holds, for each record, its leaf hash and the hashes of the subtrees it
//! completes, 32 bytes each, in the order of `tlog_tiles::stored_hash_index`: about 64 bytes for a
//! record. It grows only. Hashes of records that were deleted stay, so that every proof still
//! holds. What is not on disk yet can be computed again from the last segment.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use tlog_tiles::{Error as TreeError, Hash, HashReader};

use crate::disk::Disk;

/// The file's name.
pub(crate) const FILE_NAME: &str = "tree";

const HASH_BYTES: u64 = 32;

// LIMIT: far more records than a disk holds, and far less than would overflow offsets.
const RECORDS_MAX: u64 = 1 << 56;

/// Hashes of a tree of this size.
pub(crate) fn hash_count(size: u64) -> u64 {
    if size > RECORDS_MAX { u64::MAX / HASH_BYTES } else { tlog_tiles::stored_hash_count(size) }
}

/// The tree, growing.
#[derive(Debug)]
pub(crate) struct Tree {
    file: File,
    /// Records in it.
    size: u64,
    /// Hashes that are on disk.
    synced: u64,
    /// Hashes that come after those. They are kept until they are on disk: what a failed sync
    /// leaves in the file may be lost although a later one succeeds.
    // LIMIT: 64 bytes for each record of a segment.
    unsynced: Vec<Hash>,
    /// How many of them were written.
    written: usize,
    /// The complete subtrees at the right edge, largest first: where each is stored, and its hash.
    peaks: Vec<(u64, Hash)>,
}

impl Tree {
    /// Opens the tree with its first `size` records; what the file has beyond them is written
    /// again. Makes the file if there is none.
    ///
    /// # Errors
    /// The file cannot be opened, or has fewer hashes.
    pub(crate) fn open(directory: &Path, size: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(directory.join(FILE_NAME))?;
        let hashes = StoredHashes { file: Some(file.try_clone()?) };
        let missing = || {
            let missing = "the file of hashes is too short for the records";
            io::Error::new(io::ErrorKind::InvalidData, missing)
        };
        let Frontier { size, peaks } = Frontier::stored(size, &hashes)?.ok_or_else(missing)?;
        let synced = hash_count(size);
        Ok(Self { file, size, synced, unsynced: Vec::new(), written: 0, peaks })
    }

    /// Records in the tree.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a record by its leaf hash.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let Self { size, unsynced, peaks, .. } = self;
        grow(*size, peaks, leaf, |_, hash| unsynced.push(hash));
        self.size += 1;
    }

    /// The root of the tree: of nothing, the hash of nothing.
    pub(crate) fn root(&self) -> Hash {
        root_of(&self.peaks)
    }

    /// Writes what is not in the file yet. What fails is tried again the next time.
    pub(crate) fn write(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let unwritten = self.unsynced.get(self.written..).unwrap_or_default();
        if unwritten.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = unwritten.iter().flat_map(|hash| hash.0).collect();
        let place = self.synced + to_u64(self.written);
        disk.write_at(&self.file, &bytes, place * HASH_BYTES)?;
        self.written = self.unsynced.len();
        Ok(())
    }

    /// Returns once all of it is on disk.
    pub(crate) fn sync(&mut self, disk: &dyn Disk) -> io::Result<()> {
        self.write(disk)?;
        if let Err(error) = disk.sync_all(&self.file) {
            self.written = 0;
            return Err(error);
        }
        self.synced += to_u64(self.unsynced.len());
        self.unsynced.clear();
        self.written = 0;
        Ok(())
    }
}

/// The hashes of a log that somebody may be writing.
#[derive(Debug)]
pub(crate) struct StoredHashes {
    /// `None` if there is no file.
    file: Option<File>,
}

impl StoredHashes {
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        match File::open(directory.join(FILE_NAME)) {
            Ok(file) => Ok(Self { file: Some(file) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { file: None }),
            Err(error) => Err(error),
        }
    }

    /// How many hashes there are.
    pub(crate) fn count(&self) -> io::Result<u64> {
        self.file.as_ref().map_or(Ok(0), |file| Ok(file.metadata()?.len() / HASH_BYTES))
    }

    /// One hash.
    pub(crate) fn at(&self, place: u64) -> io::Result<Hash> {
        let Some(file) = &self.file else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        let mut hash = [0; 32];
        file.read_exact_at(&mut hash, place.saturating_mul(HASH_BYTES))?;
        Ok(Hash(hash))
    }
}

impl HashReader for StoredHashes {
    fn read_hashes(&self, places: &[u64]) -> Result<Vec<Hash>, TreeError> {
        let read = |place: &u64| {
            self.at(*place).map_err(|error| TreeError::InvalidInput(error.to_string()))
        };
        places.iter().map(read).collect()
    }
}

/// The tree as the records make it, computed beside the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frontier {
    size: u64,
    peaks: Vec<(u64, Hash)>,
}

impl Frontier {
    /// The tree of the first `size` records, from stored hashes; `None` if there are not as many.
    pub(crate) fn stored(size: u64, hashes: &StoredHashes) -> io::Result<Option<Self>> {
        if hash_count(size) > hashes.count()? {
            return Ok(None);
        }
        // Where the complete subtrees are stored, largest first.
        let places = match size {
            0 => Vec::new(),
            size => tlog_tiles::sub_tree_index(0, size, Vec::new()),
        };
        let peaks = places.into_iter().map(|place| Ok((place, hashes.at(place)?)));
        Ok(Some(Self { size, peaks: peaks.collect::<io::Result<_>>()? }))
    }

    /// Records in the tree.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a record; tells each hash that comes with it and where it is stored.
    pub(crate) fn push(&mut self, leaf: Hash, tell: impl FnMut(u64, Hash)) {
        grow(self.size, &mut self.peaks, leaf, tell);
        self.size += 1;
    }

    pub(crate) fn root(&self) -> Hash {
        root_of(&self.peaks)
    }
}

/// Adds the record after the first `size` ones.
fn grow(size: u64, peaks: &mut Vec<(u64, Hash)>, leaf: Hash, mut tell: impl FnMut(u64, Hash)) {
    let mut place = hash_count(size);
    let mut hash = leaf;
    tell(place, hash);
    // Each trailing one bit of the index completes a subtree with the last one to its left.
    for _ in 0..size.trailing_ones() {
        let Some((_, left)) = peaks.pop() else { break };
        hash = tlog_tiles::node_hash(left, hash);
        place += 1;
        tell(place, hash);
    }
    peaks.push((place, hash));
}

fn root_of(peaks: &[(u64, Hash)]) -> Hash {
    let mut from_right = peaks.iter().rev().map(|(_, hash)| *hash);
    let Some(last) = from_right.next() else { return tlog_tiles::EMPTY_HASH };
    from_right.fold(last, |right, left| tlog_tiles::node_hash(left, right))
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
