//! Is a log what it was when it was written?
//!
//! Every byte of every segment is looked at: headers, frames, and that nothing stands where
//! nothing was written. The tree is computed anew from the records and held against the file of
//! hashes, against the root in each segment's header, and against each signed checkpoint. A record
//! that somebody changed together with its checksum is found by its hash; if the hashes were
//! changed as well, by the next checkpoint, which nobody can sign without the key.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use palisade_proto::v1::record::Entry;

use crate::checkpoint::{CheckpointError, TreeHead, VerifierKey};
use crate::disk::parent;
use crate::frame::{self, NoFrame};
use crate::reader::{ReadLogError, StoredRecord};
use crate::recovery::{CHECKPOINT_FILE_NAME, Damage};
use crate::segment::{self, HEADER_BYTES, Header, SegmentFile};
use crate::tree::{Frontier, StoredHashes, hash_count};

/// Findings that are listed; more are counted only.
// LIMIT: whoever gets a hundred has seen enough; a file of garbage has one for each record.
const FINDINGS_MAX: usize = 100;

/// How often something that is changing is looked at.
// LIMIT: a write of a few megabytes takes less; reading a segment as often takes a second or two,
// and only if it ends in something that is no record.
const TRIES: usize = 50;

/// What a log is held against beside itself.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// The key its checkpoints are signed with. Without one, signatures are not checked.
    pub key: Option<VerifierKey>,
    /// Checkpoints that were kept elsewhere, verified.
    pub heads: Vec<TreeHead>,
    /// Only the segments that hold these records are read; hashes stand for what is before them.
    /// `None`: all of the log.
    pub range: Option<RangeInclusive<u64>>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Records that were read.
    pub records: u64,
    /// The first record that is left, or that was read.
    pub first: u64,
    /// Segments that were read.
    pub segments: u64,
    /// Checkpoints in the log whose root is that of the records before them.
    pub checkpoints: u64,
    /// Checkpoints among them whose signature was checked.
    pub signed: u64,
    /// Records after the newest checkpoint: nothing but their checksums speaks for them yet.
    pub unsigned_records: u64,
    /// Bytes after the last record that a process was writing when it died, or is writing now.
    pub torn_bytes: u64,
    /// The root of the tree.
    pub root: [u8; 32],
    /// What is not as it was written, at most a hundred.
    pub damage: Vec<Damage>,
    /// All that was found, those that are not listed included.
    pub damaged: u64,
}

impl VerifyReport {
    /// Whether everything is as it was written.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.damaged == 0
    }
}

/// Verifies a log, also against the checkpoint that lies beside it.
///
/// One that is being written may be verified as well: what is written or deleted meanwhile is no
/// damage. Only while a write is failing, what it left at the end is taken for some.
///
/// # Errors
/// A file cannot be read.
pub fn verify(directory: &Path, against: &Against) -> Result<VerifyReport, ReadLogError> {
    whole(directory, against)
        .map_err(|source| ReadLogError::File { directory: directory.to_owned(), source })
}

fn whole(directory: &Path, against: &Against) -> io::Result<VerifyReport> {
    // In this order, so that nothing is seen whose records are not seen afterwards.
    let newest = match fs::read(directory.join(CHECKPOINT_FILE_NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        read => Some(read?),
    };
    let hashes = StoredHashes::open(directory)?;
    let hashes_at_least = hashes.count()?;
    let listed = segment::list(directory)?;
    let stored = hashes.count()?;
    let segments = within(&listed, against.range.as_ref());
    let is_to_the_end = segments.last() == listed.last();
    let first = segments.first().map_or(0, |segment| segment.first);
    let mut heads = BTreeMap::new();
    for head in &against.heads {
        heads.entry(head.size).or_insert_with(Vec::new).push(head.root);
    }
    let mut verifier = Verifier {
        key: against.key.as_ref(),
        heads,
        frontier: Frontier::stored(first, &hashes)?,
        hashes,
        stored,
        hashes_at_least,
        next: first,
        is_lost: false,
        // Segments that are only not read need no word about their deletion.
        announced: if segments.first() == listed.first() { 0 } else { first },
        lacks_hashes: false,
        signed_until: first,
        report: VerifyReport { first, ..VerifyReport::default() },
    };
    if let Some(note) = newest.filter(|_| is_to_the_end) {
        verifier.newest(directory, &String::from_utf8_lossy(&note));
    }
    let last = segments.len().saturating_sub(1);
    for (at, file) in segments.iter().enumerate() {
        verifier.segment(file, is_to_the_end && at == last)?;
    }
    let end = segments.last().map_or_else(|| directory.to_owned(), |file| file.path.clone());
    // Of what is behind the range, nothing is known.
    if is_to_the_end {
        verifier.meet_rest(end)?;
    }
    let Verifier { frontier, mut report, next, signed_until, .. } = verifier;
    report.unsigned_records = next.saturating_sub(signed_until);
    report.root = frontier.map_or([0; 32], |frontier| frontier.root().0);
    Ok(report)
}

/// The segments that hold these records.
fn within<'a>(
    segments: &'a [SegmentFile],
    range: Option<&RangeInclusive<u64>>,
) -> &'a [SegmentFile] {
    let Some(range) = range else { return segments };
    let begins = segments.partition_point(|segment| segment.first <= *range.start());
    let ends = segments.partition_point(|segment| segment.first <= *range.end());
    segments.get(begins.saturating_sub(1)..ends).unwrap_or_default()
}

struct Verifier<'a> {
    key: Option<&'a VerifierKey>,
    /// Roots that are known from elsewhere, by size.
    heads: BTreeMap<u64, Vec<[u8; 32]>>,
    /// The tree of all records before `next`; `None` where it cannot be computed.
    frontier: Option<Frontier>,
    hashes: StoredHashes,
    /// Hashes in the file: all of the records before the last segment.
    stored: u64,
    /// Hashes in the file before the segments were listed: their records are there.
    hashes_at_least: u64,
    next: u64,
    /// How many records there were at the end of the segment before could not be told: it is
    /// damaged, or was deleted meanwhile.
    is_lost: bool,
    /// The log says that records before this one were deleted.
    announced: u64,
    /// That hashes are missing was said.
    lacks_hashes: bool,
    signed_until: u64,
    report: VerifyReport,
}

impl Verifier<'_> {
    fn segment(&mut self, file: &SegmentFile, is_last: bool) -> io::Result<()> {
        let bytes = match fs::read(&file.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let directory = parent(&file.path);
                let first = segment::list(directory)?.first().map(|oldest| oldest.first);
                // Deleted since it was listed, as the oldest are.
                if first.is_some_and(|first| first > file.first) {
                    self.is_lost = true;
                    return Ok(());
                }
                return Err(error);
            }
            read => read?,
        };
        self.report.segments += 1;
        if file.first != self.next {
            if !self.is_lost || file.first < self.next {
                self.find(file, 0, "records before this segment are missing, or too many");
            }
            self.go_on_at(file.first)?;
        }
        self.is_lost = false;
        match Header::decode(&bytes) {
            Some(header) if header.first == file.first => {
                if self.frontier.as_ref().is_some_and(|before| before.root() != header.root) {
                    self.find(file, 0, "the root in the header is not that of the records before");
                }
            }
            Some(_) => self.find(file, 0, "the header is of another segment"),
            // Its process died while it began it, or begins it at this moment.
            None if is_last && bytes.iter().all(|byte| *byte == 0) => {}
            None => self.find(file, 0, "the header is not whole"),
        }
        self.frames(file, bytes, is_last)
    }

    fn frames(&mut self, file: &SegmentFile, bytes: Vec<u8>, is_last: bool) -> io::Result<()> {
        let mut bytes = bytes;
        let mut offset = HEADER_BYTES;
        let mut tries = 1..TRIES;
        loop {
            let rest = bytes.get(offset..).unwrap_or_default();
            let reason = match frame::read(rest) {
                Ok(frame) => {
                    let length = frame.bytes();
                    if frame.index() == Some(self.next) {
                        self.record(file, offset, frame.payload, is_last)?;
                    } else {
                        self.find(file, offset, "another record stands");
                        // The tree goes on with it.
                        let index = frame.index().unwrap_or(self.next);
                        self.go_on_at(index.saturating_add(1))?;
                    }
                    offset += length;
                    continue;
                }
                Err(reason) => reason,
            };
            if rest.iter().all(|byte| *byte == 0) && (is_last || rest.is_empty()) {
                return Ok(());
            }
            if is_last && tries.next().is_some() {
                // It may be being written at this moment.
                std::thread::yield_now();
                bytes = match fs::read(&file.path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => bytes,
                    read => read?,
                };
                continue;
            }
            // Cut off or damaged: a torn write has not been acknowledged, but bytes that nobody
            // can tell from one are said all the same.
            let what = match reason {
                NoFrame::Broken => "a record is not whole",
                NoFrame::End => "something stands where nothing was written",
            };
            self.find(file, offset, what);
            let here = to_u64(offset);
            if is_last && !frame::find_later(rest, self.next, here) {
                let torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                self.report.torn_bytes = to_u64(torn);
                return Ok(());
            }
            let Some((skipped, frame)) = frame::find(rest, 1, self.next.saturating_add(1)) else {
                self.is_lost = true;
                return Ok(());
            };
            let index = frame.index().unwrap_or(self.next);
            self.go_on_at(index)?;
            offset += skipped;
        }
    }

    fn record(
        &mut self,
        file: &SegmentFile,
        offset: usize,
        payload: &[u8],
        is_last: bool,
    ) -> io::Result<()> {
        self.meet_head(file, offset);
        let record = StoredRecord { index: self.next, bytes: payload.to_vec() };
        match record.decode().map(|record| record.entry) {
            Ok(Some(Entry::Checkpoint(entry))) => self.checkpoint(file, offset, &entry.note),
            Ok(Some(Entry::Retention(entry))) => {
                self.announced = self.announced.max(entry.first_index);
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => self.find(file, offset, "the bytes are no record"),
        }
        self.hashes_of(file, offset, payload, is_last)?;
        self.next = self.next.saturating_add(1);
        self.report.records += 1;
        Ok(())
    }

    /// Holds the hashes that come with a record against those that were kept.
    fn hashes_of(
        &mut self,
        file: &SegmentFile,
        offset: usize,
        payload: &[u8],
        is_last: bool,
    ) -> io::Result<()> {
        let Some(frontier) = &mut self.frontier else { return Ok(()) };
        let (mut is_wrong, mut is_missing, mut unreadable) = (false, false, None);
        let (hashes, stored) = (&self.hashes, self.stored);
        frontier.push(tlog_tiles::record_hash(payload), |place, hash| {
            if place >= stored {
                is_missing = true;
                return;
            }
            match hashes.at(place) {
                Ok(kept) => is_wrong |= kept != hash,
                Err(error) => unreadable = Some(error),
            }
        });
        if let Some(error) = unreadable {
            return Err(error);
        }
        if is_wrong {
            self.find(file, offset, "the record is not the one whose hash was kept");
        }
        // Those of the last segment are computed again when the log is opened. Said once.
        if is_missing && !is_last && !std::mem::replace(&mut self.lacks_hashes, true) {
            self.find(file, offset, "the file of hashes ends before this record");
        }
        Ok(())
    }

    fn checkpoint(&mut self, file: &SegmentFile, offset: usize, note: &str) {
        match self.read_note(note) {
            Err(_) => self.find(file, offset, "the checkpoint is not signed with the key"),
            Ok(head) if !self.is_here(&head) => {
                self.find(file, offset, "the records before are not those the checkpoint signed");
            }
            Ok(_) => {
                self.report.checkpoints += 1;
                self.report.signed += u64::from(self.key.is_some());
                self.signed_until = self.next;
            }
        }
    }

    fn read_note(&self, note: &str) -> Result<TreeHead, CheckpointError> {
        match self.key {
            None => crate::checkpoint::unverified(note),
            Some(key) => key.verify(note),
        }
    }

    /// Whether this is the tree of the records before. True where that cannot be computed: what
    /// the reason is was said.
    fn is_here(&self, head: &TreeHead) -> bool {
        head.size == self.next
            && self.frontier.as_ref().is_none_or(|before| before.root().0 == head.root)
    }

    /// The checkpoint that lies beside the log says how long it has to be.
    fn newest(&mut self, directory: &Path, note: &str) {
        match self.read_note(note) {
            Ok(head) => self.heads.entry(head.size).or_default().push(head.root),
            Err(_) => {
                let path = directory.join(CHECKPOINT_FILE_NAME);
                let file = SegmentFile { first: 0, path };
                self.find(&file, 0, "the checkpoint is not signed with the key");
            }
        }
    }

    /// Holds the tree before this record against what is known from elsewhere.
    fn meet_head(&mut self, file: &SegmentFile, offset: usize) {
        let Some(before) = &self.frontier else { return };
        let root = before.root().0;
        if let Some(roots) = self.heads.remove(&self.next) {
            self.signed_until = self.next;
            if roots.iter().any(|known| *known != root) {
                self.find(file, offset, "the records before are not those of the checkpoint given");
            }
        }
    }

    /// What can only be said when all records were read.
    fn meet_rest(&mut self, path: PathBuf) -> io::Result<()> {
        let end = SegmentFile { first: self.next, path };
        self.meet_head(&end, 0);
        for (size, roots) in std::mem::take(&mut self.heads) {
            let stored = Frontier::stored(size, &self.hashes)?;
            // Then what is missing was said, or everything was deleted while it was read.
            if size > self.next && self.is_lost {
                continue;
            }
            let what = if size > self.next {
                "records are missing that the checkpoint given says there are"
            } else if size >= self.report.first {
                // Passed where records were not whole, which was said.
                continue;
            } else {
                match stored.map(|tree| tree.root().0) {
                    Some(root) if roots.iter().all(|known| *known == root) => continue,
                    Some(_) => {
                        "the hashes of deleted records are not those of the checkpoint given"
                    }
                    None => "the hashes of deleted records are missing",
                }
            };
            self.find(&end, 0, what);
        }
        if !self.is_lost && self.hashes_at_least > hash_count(self.next) {
            self.find(&end, 0, "records are missing whose hashes were kept");
        }
        if self.report.first > self.announced && !self.is_lost {
            self.next = self.report.first;
            self.find(&end, 0, "records before are missing, and the log does not say so");
            self.next = end.first;
        }
        Ok(())
    }

    /// Goes on behind what cannot be read, with the hashes that were kept of it.
    fn go_on_at(&mut self, index: u64) -> io::Result<()> {
        self.frontier = Frontier::stored(index, &self.hashes)?;
        self.next = index;
        Ok(())
    }

    fn find(&mut self, file: &SegmentFile, offset: usize, what: &'static str) {
        self.report.damaged += 1;
        if self.report.damage.len() < FINDINGS_MAX {
            let path: PathBuf = file.path.clone();
            let offset = to_u64(offset);
            self.report.damage.push(Damage { path, offset, index: self.next, what });
        }
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
