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

/// The tree, growing.
#[derive(Debug)]
pub(crate) struct Tree {
    file: File,
    /// Records in it.
    size: u64,
    /// Hashes in the file.
    written: u64,
    /// Hashes that are not in the file yet.
    pending: Vec<Hash>,
    /// The complete subtrees at the right edge, largest first: where each is stored, and its hash.
    peaks: Vec<(u64, Hash)>,
}

impl Tree {
    /// Opens the tree with its first `size` records, and forgets what the file has beyond them.
    ///
    /// # Errors
    /// The file cannot be opened, or has fewer hashes.
    pub(crate) fn open(directory: &Path, size: u64, disk: &dyn Disk) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(directory.join(FILE_NAME))?;
        let written = tlog_tiles::stored_hash_count(size);
        if file.metadata()?.len() < written * HASH_BYTES {
            let missing = "the file of hashes is too short for the records";
            return Err(io::Error::new(io::ErrorKind::InvalidData, missing));
        }
        disk.truncate(&file, written * HASH_BYTES)?;
        let mut tree = Self { file, size, written, pending: Vec::new(), peaks: Vec::new() };
        let places = if size == 0 { Vec::new() } else { peaks(size) };
        let hashes = tree.read_hashes(&places).map_err(io::Error::other)?;
        tree.peaks = places.into_iter().zip(hashes).collect();
        Ok(tree)
    }

    /// Records in the tree.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a record by its leaf hash.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut place = self.written + to_u64(self.pending.len());
        let mut hash = leaf;
        self.pending.push(hash);
        // Each trailing one bit of the index completes a subtree with the last one to its left.
        for _ in 0..self.size.trailing_ones() {
            let Some((_, left)) = self.peaks.pop() else { break };
            hash = tlog_tiles::node_hash(left, hash);
            self.pending.push(hash);
            place += 1;
        }
        self.peaks.push((place, hash));
        self.size += 1;
    }

    /// The root of the tree: of nothing, the hash of nothing.
    pub(crate) fn root(&self) -> Hash {
        root_of(&self.peaks)
    }

    /// Writes what is not in the file yet. What fails is tried again the next time.
    pub(crate) fn write(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = self.pending.iter().flat_map(|hash| hash.0).collect();
        disk.write_at(&self.file, &bytes, self.written * HASH_BYTES)?;
        self.written += to_u64(self.pending.len());
        self.pending.clear();
        Ok(())
    }

    /// Returns once all of it is on disk.
    pub(crate) fn sync(&mut self, disk: &dyn Disk) -> io::Result<()> {
        self.write(disk)?;
        disk.sync_all(&self.file)
    }
}

impl HashReader for Tree {
    fn read_hashes(&self, places: &[u64]) -> Result<Vec<Hash>, TreeError> {
        read_hashes(&self.file, self.written, places)
    }
}

/// The hashes of a log that somebody may be writing.
#[derive(Debug)]
pub(crate) struct StoredHashes {
    file: File,
}

impl StoredHashes {
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(directory.join(FILE_NAME))? })
    }

    /// How many hashes there are.
    pub(crate) fn count(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len() / HASH_BYTES)
    }

    /// One hash.
    pub(crate) fn at(&self, place: u64) -> io::Result<Hash> {
        hash_at(&self.file, place)
    }
}

impl HashReader for StoredHashes {
    fn read_hashes(&self, places: &[u64]) -> Result<Vec<Hash>, TreeError> {
        read_hashes(&self.file, u64::MAX, places)
    }
}

/// The tree as the records make it, computed beside the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frontier {
    size: u64,
    peaks: Vec<(u64, Hash)>,
}

impl Frontier {
    /// The tree of the first `size` records, from stored hashes.
    pub(crate) fn stored(size: u64, hashes: &StoredHashes) -> io::Result<Self> {
        let places = if size == 0 { Vec::new() } else { peaks(size) };
        let found = hashes.read_hashes(&places).map_err(io::Error::other)?;
        Ok(Self { size, peaks: places.into_iter().zip(found).collect() })
    }

    /// Adds a record; tells each hash that comes with it and where it is stored.
    pub(crate) fn push(&mut self, leaf: Hash, mut tell: impl FnMut(u64, Hash)) {
        let mut place = tlog_tiles::stored_hash_count(self.size);
        let mut hash = leaf;
        tell(place, hash);
        for _ in 0..self.size.trailing_ones() {
            let Some((_, left)) = self.peaks.pop() else { break };
            hash = tlog_tiles::node_hash(left, hash);
            place += 1;
            tell(place, hash);
        }
        self.peaks.push((place, hash));
        self.size += 1;
    }

    pub(crate) fn root(&self) -> Hash {
        root_of(&self.peaks)
    }
}

/// Where the complete subtrees of a tree that is not empty are stored, largest first.
fn peaks(size: u64) -> Vec<u64> {
    tlog_tiles::sub_tree_index(0, size, Vec::new())
}

fn root_of(peaks: &[(u64, Hash)]) -> Hash {
    let mut from_right = peaks.iter().rev().map(|(_, hash)| *hash);
    let Some(last) = from_right.next() else { return tlog_tiles::EMPTY_HASH };
    from_right.fold(last, |right, left| tlog_tiles::node_hash(left, right))
}

fn read_hashes(file: &File, end: u64, places: &[u64]) -> Result<Vec<Hash>, TreeError> {
    let read = |place: &u64| {
        if *place >= end {
            return Err(TreeError::IndexesNotInTree);
        }
        hash_at(file, *place).map_err(|error| TreeError::InvalidInput(error.to_string()))
    };
    places.iter().map(read).collect()
}

fn hash_at(file: &File, place: u64) -> io::Result<Hash> {
    let mut hash = [0; 32];
    file.read_exact_at(&mut hash, place * HASH_BYTES)?;
    Ok(Hash(hash))
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
