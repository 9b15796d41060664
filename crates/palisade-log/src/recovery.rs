//! Opening a log that a process left, in whatever state it left it.
//!
//! Only the last segment can be unfinished. What was being written when the process died is torn
//! and goes; it had not been acknowledged. Anything else that is not as it was written is damage,
//! and nothing is changed: whether a byte is missing because of a crash or because somebody took
//! it away must not be guessed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use palisade_core::EpochMillis;
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;
use prost::Message as _;
use tlog_tiles::Hash;

use crate::checkpoint;
use crate::disk::Disk;
use crate::frame::{self, NoFrame};
use crate::segment::{self, FRAMES_START, Header, SegmentFile};
use crate::tree::{self, Frontier, StoredHashes, Tree};

/// The file of the newest checkpoint.
pub(crate) const CHECKPOINT_FILE_NAME: &str = "checkpoint";

/// A log is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the decision log is damaged: {what} at byte {offset} of `{}`, record {index}", path.display())]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where in the file.
    pub offset: u64,
    /// The record that is, or should be, there.
    pub index: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error(transparent)]
    Damage(#[from] Damage),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A segment that is finished.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) file: SegmentFile,
    pub(crate) bytes: u64,
    pub(crate) begun: EpochMillis,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    /// Index of its first record.
    pub(crate) first: u64,
    pub(crate) begun: EpochMillis,
    /// Where the next frame goes: everything before is on disk.
    pub(crate) offset: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
}

/// A log as its files have it.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) tree: Tree,
    pub(crate) sealed: Vec<Sealed>,
    pub(crate) active: Active,
    /// Bytes that were taken away.
    pub(crate) torn_bytes: u64,
    /// The process before closed the log, or there was none.
    pub(crate) was_closed: bool,
}

/// What the frames of a segment are.
pub(crate) struct Scan {
    /// Leaf hashes of the whole records.
    pub(crate) leaves: Vec<Hash>,
    /// Where the last whole frame ends.
    pub(crate) end: u64,
    /// Bytes of a write that was cut off.
    pub(crate) torn: u64,
    /// The last record is the checkpoint of a process that closed the log.
    pub(crate) closed: bool,
}

/// Reads what there is, takes away what is torn, and leaves the log ready to be written. Changes
/// nothing before it is certain that nothing is damaged.
pub(crate) fn recover(
    directory: &Path,
    segment_bytes: u64,
    now: EpochMillis,
    disk: &dyn Disk,
) -> Result<Recovered, RecoverError> {
    let mut files = segment::list(directory)?;
    let was_begun = !files.is_empty();
    let unbegun = take_unbegun(&mut files)?;
    let Some(last) = files.pop() else {
        refuse_leftovers(directory)?;
        remove_unbegun(directory, unbegun, disk)?;
        let tree = Tree::open(directory, 0)?;
        let active = begin_segment(directory, &tree, segment_bytes, now, disk)?;
        let (sealed, was_closed) = (Vec::new(), !was_begun);
        return Ok(Recovered { tree, sealed, active, torn_bytes: 0, was_closed });
    };
    let sealed = files.into_iter().map(seal).collect::<Result<Vec<_>, RecoverError>>()?;
    let (header, bytes) = read_segment(&last)?;
    let scan = scan(&last, &bytes)?;
    let hashes = StoredHashes::open(directory)?;
    let frontier = Frontier::stored(last.first, &hashes)?;
    let is_complete = frontier.is_some();
    let before = match frontier {
        Some(before) => before,
        None => tree_of(&sealed, &last, &hashes)?,
    };
    if before.root() != header.root {
        let what = "the hashes before are not those of the records";
        return Err(damage(&last, 0, last.first, what).into());
    }
    refuse_missing(directory, &last, &scan, &hashes)?;
    // Nothing was changed so far.
    remove_unbegun(directory, unbegun, disk)?;
    let mut tree = if is_complete {
        Tree::open(directory, last.first)?
    } else {
        rebuild(directory, &sealed, disk)?
    };
    scan.leaves.iter().for_each(|leaf| tree.push(*leaf));
    let file = OpenOptions::new().read(true).write(true).open(&last.path)?;
    disk.truncate(&file, scan.end)?;
    let allocated = scan.end.max(segment_bytes);
    disk.allocate(&file, allocated)?;
    disk.sync_all(&file)?;
    tree.write(disk)?;
    let active = Active {
        file,
        path: last.path,
        first: last.first,
        begun: header.begun,
        offset: scan.end,
        bytes: allocated,
    };
    Ok(Recovered { tree, sealed, active, torn_bytes: scan.torn, was_closed: scan.closed })
}

/// A record that has a hash, or that a checkpoint counts, was on disk: both come later.
fn refuse_missing(
    directory: &Path,
    last: &SegmentFile,
    scan: &Scan,
    hashes: &StoredHashes,
) -> Result<(), RecoverError> {
    let leaves = u64::try_from(scan.leaves.len()).unwrap_or(u64::MAX);
    let records = last.first.saturating_add(leaves);
    if checkpointed(directory)?.is_some_and(|size| size > records) {
        let what = "records are missing that a checkpoint says there are";
        return Err(damage(last, scan.end, records, what).into());
    }
    if hashes.count()? > tree::hash_count(records) {
        let what = "records are missing whose hashes were kept";
        return Err(damage(last, scan.end, records, what).into());
    }
    Ok(())
}

/// A log that lost its segments and kept its hashes or a checkpoint was not empty.
fn refuse_leftovers(directory: &Path) -> Result<(), RecoverError> {
    for name in [tree::FILE_NAME, CHECKPOINT_FILE_NAME] {
        let path = directory.join(name);
        if path.metadata().is_ok_and(|file| file.len() > 0) {
            let what = "this file is left of a log whose segments are gone";
            return Err(Damage { path, offset: 0, index: 0, what }.into());
        }
    }
    Ok(())
}

/// Begins the segment whose first record is the next one of the tree.
pub(crate) fn begin_segment(
    directory: &Path,
    tree: &Tree,
    segment_bytes: u64,
    now: EpochMillis,
    disk: &dyn Disk,
) -> io::Result<Active> {
    let first = tree.size();
    let path = segment::path(directory, first);
    let file = match disk.create(&path) {
        // A try that failed could not take it away again. It has no record: the tree has none.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(&path)?;
            disk.create(&path)?
        }
        created => created?,
    };
    let begun = || {
        disk.allocate(&file, segment_bytes)?;
        disk.write_at(&file, &Header { first, begun: now, root: tree.root() }.encode(), 0)?;
        disk.sync_all(&file)?;
        disk.sync_directory(directory)
    };
    if let Err(error) = begun() {
        // If this fails, too, the next try takes it away.
        let _tried_again = disk.remove(&path);
        return Err(error);
    }
    Ok(Active { file, path, first, begun: now, offset: FRAMES_START, bytes: segment_bytes })
}

/// Takes a last segment that has no header and no frames off the list: its process died while it
/// began it.
fn take_unbegun(files: &mut Vec<SegmentFile>) -> io::Result<Option<SegmentFile>> {
    let Some(last) = files.last() else { return Ok(None) };
    let bytes = std::fs::read(&last.path)?;
    let frames = bytes.get(segment::HEADER_BYTES..).unwrap_or_default();
    let is_unbegun = Header::decode(&bytes).is_none() && frames.iter().all(|byte| *byte == 0);
    Ok(if is_unbegun { files.pop() } else { None })
}

fn remove_unbegun(directory: &Path, file: Option<SegmentFile>, disk: &dyn Disk) -> io::Result<()> {
    let Some(file) = file else { return Ok(()) };
    disk.remove(&file.path)?;
    disk.sync_directory(directory)
}

fn seal(file: SegmentFile) -> Result<Sealed, RecoverError> {
    let mut start = Vec::new();
    let opened = File::open(&file.path)?;
    let bytes = opened.metadata()?.len();
    opened.take(FRAMES_START).read_to_end(&mut start)?;
    let header = Header::decode(&start).filter(|header| header.first == file.first);
    let header = header.ok_or_else(|| damage(&file, 0, file.first, "the header is not whole"))?;
    Ok(Sealed { bytes, begun: header.begun, file })
}

fn read_segment(file: &SegmentFile) -> Result<(Header, Vec<u8>), RecoverError> {
    let bytes = std::fs::read(&file.path)?;
    let header = Header::decode(&bytes).filter(|header| header.first == file.first);
    let header = header.ok_or_else(|| damage(file, 0, file.first, "the header is not whole"))?;
    Ok((header, bytes))
}

/// Reads the frames of a segment that may have been cut off.
pub(crate) fn scan(file: &SegmentFile, bytes: &[u8]) -> Result<Scan, Damage> {
    let mut leaves = Vec::new();
    let mut index = file.first;
    let mut offset = segment::HEADER_BYTES;
    let mut last: &[u8] = &[];
    loop {
        let rest = bytes.get(offset..).unwrap_or_default();
        let end = u64::try_from(offset).unwrap_or(u64::MAX);
        match frame::read(rest) {
            Ok(frame) if frame.index() == Some(index) => {
                leaves.push(tlog_tiles::record_hash(frame.payload));
                last = frame.payload;
                offset += frame.bytes();
                index = index.saturating_add(1);
            }
            Ok(_) => return Err(damage(file, end, index, "another record stands")),
            Err(NoFrame::End | NoFrame::Broken) => {
                if frame::find_later(rest, index, end) {
                    return Err(damage(file, end, index, "a record is not whole"));
                }
                // From here to the last byte that is not zero, a write was cut off.
                let torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                let torn = u64::try_from(torn).unwrap_or(u64::MAX);
                return Ok(Scan { leaves, end, torn, closed: closes(last) });
            }
        }
    }
}

fn closes(payload: &[u8]) -> bool {
    let record = v1::Record::decode(payload);
    matches!(record, Ok(v1::Record { entry: Some(Entry::Checkpoint(entry)), .. }) if entry.closing)
}

/// The tree of all records before the last segment, from the records themselves, as far as they
/// were not deleted.
fn tree_of(
    sealed: &[Sealed],
    last: &SegmentFile,
    hashes: &StoredHashes,
) -> Result<Frontier, RecoverError> {
    tracing::warn!("the file of hashes is incomplete and is made again from the records");
    let oldest = sealed.first().map_or(last, |segment| &segment.file);
    let what = "records before are missing, and so are their hashes";
    let lost = || damage(oldest, 0, oldest.first, what);
    let mut tree = Frontier::stored(oldest.first, hashes)?.ok_or_else(lost)?;
    for segment in sealed {
        let file = &segment.file;
        if file.first != tree.size() {
            return Err(damage(file, 0, tree.size(), "records before are missing").into());
        }
        let (header, bytes) = read_segment(file)?;
        if header.root != tree.root() {
            let what = "the root in the header is not that of the records before";
            return Err(damage(file, 0, file.first, what).into());
        }
        let scan = scan(file, &bytes)?;
        if scan.torn > 0 {
            let index = tree.size() + u64::try_from(scan.leaves.len()).unwrap_or(u64::MAX);
            return Err(damage(file, scan.end, index, "a record is not whole").into());
        }
        scan.leaves.iter().for_each(|leaf| tree.push(*leaf, |_, _| {}));
    }
    if last.first != tree.size() {
        return Err(damage(last, 0, tree.size(), "records before are missing").into());
    }
    Ok(tree)
}

/// Writes the tree of all records before the last segment, which [`tree_of`] found sound.
fn rebuild(directory: &Path, sealed: &[Sealed], disk: &dyn Disk) -> Result<Tree, RecoverError> {
    let mut tree = Tree::open(directory, sealed.first().map_or(0, |segment| segment.file.first))?;
    for segment in sealed {
        let (_, bytes) = read_segment(&segment.file)?;
        scan(&segment.file, &bytes)?.leaves.iter().for_each(|leaf| tree.push(*leaf));
        // One segment's hashes are held in memory at a time.
        tree.sync(disk)?;
    }
    disk.sync_directory(directory)?;
    Ok(tree)
}

/// The size of the newest checkpoint, if there is one.
fn checkpointed(directory: &Path) -> io::Result<Option<u64>> {
    match std::fs::read(directory.join(CHECKPOINT_FILE_NAME)) {
        Ok(note) => {
            Ok(checkpoint::unverified(&String::from_utf8_lossy(&note)).ok().map(|head| head.size))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn damage(file: &SegmentFile, offset: u64, index: u64, what: &'static str) -> Damage {
    Damage { path: file.path.clone(), offset, index, what }
}

#[cfg(test)]
mod tests;
