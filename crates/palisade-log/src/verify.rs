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
use std::path::{Path, PathBuf};

use palisade_proto::v1::record::Entry;
use tlog_tiles::Hash;

use crate::checkpoint::{TreeHead, VerifierKey};
use crate::frame::{self, NoFrame};
use crate::reader::{ReadLogError, StoredRecord};
use crate::recovery::Damage;
use crate::segment::{self, HEADER_BYTES, Header, SegmentFile};
use crate::tree::{Frontier, StoredHashes};

/// Findings that are listed; more are counted only.
// LIMIT: whoever gets a hundred has seen enough; a file of garbage has one for each record.
const FINDINGS_MAX: usize = 100;

/// What a log is held against beside itself.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// The key its checkpoints are signed with. Without one, signatures are not checked.
    pub key: Option<VerifierKey>,
    /// Checkpoints that were kept elsewhere, verified.
    pub heads: Vec<TreeHead>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Records that were read.
    pub records: u64,
    /// The first record that is left.
    pub first: u64,
    /// Segments.
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

/// Verifies a whole log. One that is being written may be verified as well.
///
/// # Errors
/// A file cannot be read.
pub fn verify(directory: &Path, against: &Against) -> Result<VerifyReport, ReadLogError> {
    let failed = |source| ReadLogError::File { directory: directory.to_owned(), source };
    let segments = segment::list(directory).map_err(failed)?;
    let hashes = StoredHashes::open(directory).map_err(failed)?;
    let first = segments.first().map_or(0, |segment| segment.first);
    let mut heads = BTreeMap::new();
    for head in &against.heads {
        heads.entry(head.size).or_insert_with(Vec::new).push(head.root);
    }
    let mut verifier = Verifier {
        key: against.key.as_ref(),
        heads,
        frontier: Frontier::stored(first, &hashes).map_err(failed)?,
        stored: hashes.count().map_err(failed)?,
        hashes,
        next: first,
        signed_until: first,
        report: VerifyReport { first, ..VerifyReport::default() },
    };
    let last = segments.len().saturating_sub(1);
    for (at, file) in segments.iter().enumerate() {
        verifier.segment(file, at == last).map_err(failed)?;
    }
    verifier.meet_heads(directory);
    let Verifier { frontier, mut report, next, signed_until, .. } = verifier;
    report.unsigned_records = next.saturating_sub(signed_until);
    report.root = frontier.root().0;
    Ok(report)
}

struct Verifier<'a> {
    key: Option<&'a VerifierKey>,
    /// Roots that are known from elsewhere, by size.
    heads: BTreeMap<u64, Vec<[u8; 32]>>,
    frontier: Frontier,
    hashes: StoredHashes,
    /// Hashes in the file.
    stored: u64,
    next: u64,
    signed_until: u64,
    report: VerifyReport,
}

impl Verifier<'_> {
    fn segment(&mut self, file: &SegmentFile, is_last: bool) -> io::Result<()> {
        let bytes = fs::read(&file.path)?;
        self.report.segments += 1;
        match Header::decode(&bytes) {
            Some(header) if header.first == file.first => {
                if file.first == self.next && header.root != self.frontier.root() {
                    self.find(file, 0, "the root in the header is not that of the records before");
                }
            }
            Some(_) => self.find(file, 0, "the header is of another segment"),
            None => self.find(file, 0, "the header is not whole"),
        }
        if file.first != self.next {
            self.find(file, 0, "records before this segment are missing, or too many");
            self.go_on_at(file.first)?;
        }
        self.frames(file, &bytes, is_last)
    }

    fn frames(&mut self, file: &SegmentFile, bytes: &[u8], is_last: bool) -> io::Result<()> {
        let mut offset = HEADER_BYTES;
        loop {
            let rest = bytes.get(offset..).unwrap_or_default();
            match frame::read(rest) {
                Ok(frame) => {
                    if frame.index() == Some(self.next) {
                        self.record(file, offset, frame.payload)?;
                    } else {
                        self.find(file, offset, "another record stands");
                        self.skip(frame.payload)?;
                    }
                    offset += frame.bytes();
                }
                Err(reason) => {
                    let here = u64::try_from(offset).unwrap_or(u64::MAX);
                    let unfinished = is_last && !frame::find_later(rest, self.next, here);
                    if rest.iter().all(|byte| *byte == 0) && (is_last || rest.is_empty()) {
                        return Ok(());
                    }
                    // Cut off or damaged: a torn write has not been acknowledged, but bytes that
                    // nobody can tell from one are said all the same.
                    let what = match reason {
                        NoFrame::Broken => "a record is not whole",
                        NoFrame::End => "something stands where nothing was written",
                    };
                    self.find(file, offset, what);
                    if unfinished {
                        let torn = rest.iter().rposition(|byte| *byte != 0);
                        let torn = torn.map_or(0, |last| last + 1);
                        self.report.torn_bytes = u64::try_from(torn).unwrap_or(u64::MAX);
                        return Ok(());
                    }
                    let Some(skipped) = next_frame(rest, self.next) else { return Ok(()) };
                    offset += skipped;
                    let index = frame::read(bytes.get(offset..).unwrap_or_default());
                    let index = index.ok().and_then(|frame| frame.index());
                    self.go_on_at(index.unwrap_or(self.next))?;
                }
            }
        }
    }

    fn record(&mut self, file: &SegmentFile, offset: usize, payload: &[u8]) -> io::Result<()> {
        let root_before = self.frontier.root();
        self.meet_head(file, offset, root_before);
        let record = StoredRecord { index: self.next, bytes: payload.to_vec() };
        match record.decode() {
            Ok(record) => {
                if let Some(Entry::Checkpoint(entry)) = record.entry {
                    self.checkpoint(file, offset, &entry.note, root_before);
                }
            }
            Err(_) => self.find(file, offset, "the bytes are no record"),
        }
        let mut wrong = None;
        let mut unreadable = None;
        let (hashes, stored) = (&self.hashes, self.stored);
        self.frontier.push(tlog_tiles::record_hash(payload), |place, hash| {
            if place < stored {
                match hashes.at(place) {
                    Ok(kept) if kept == hash => {}
                    // The leaf says most; what is above it follows.
                    Ok(_) => _ = wrong.get_or_insert(place),
                    Err(error) => unreadable = Some(error),
                }
            }
        });
        if let Some(error) = unreadable {
            return Err(error);
        }
        if wrong.is_some() {
            self.find(file, offset, "the record is not the one whose hash was kept");
        }
        self.next += 1;
        self.report.records += 1;
        Ok(())
    }

    fn checkpoint(&mut self, file: &SegmentFile, offset: usize, note: &str, root: Hash) {
        let head = match self.key {
            None => crate::checkpoint::unverified(note),
            Some(key) => key.verify(note),
        };
        match head {
            Err(_) => self.find(file, offset, "the checkpoint is not signed with the key"),
            Ok(head) if head.size != self.next || head.root != root.0 => {
                self.find(file, offset, "the records before are not those the checkpoint signed");
            }
            Ok(_) => {
                self.report.checkpoints += 1;
                self.report.signed += u64::from(self.key.is_some());
                self.signed_until = self.next;
            }
        }
    }

    /// Holds the tree before this record against what is known from elsewhere.
    fn meet_head(&mut self, file: &SegmentFile, offset: usize, root: Hash) {
        if let Some(roots) = self.heads.remove(&self.next) {
            self.signed_until = self.next;
            if roots.iter().any(|known| *known != root.0) {
                self.find(file, offset, "the records before are not those of the checkpoint given");
            }
        }
    }

    /// The tree of all records, and trees that are larger than the log.
    fn meet_heads(&mut self, directory: &Path) {
        let end = SegmentFile { first: self.next, path: directory.to_owned() };
        let root = self.frontier.root();
        self.meet_head(&end, 0, root);
        let (first, next) = (self.report.first, self.next);
        for size in std::mem::take(&mut self.heads).into_keys() {
            let what = if size > next {
                "records are missing that the checkpoint given says there are"
            } else if size < first {
                continue;
            } else {
                "the tree of the checkpoint given cannot be computed"
            };
            self.find(&end, 0, what);
        }
    }

    /// A record that is somewhere else than it should be: the tree goes on with it.
    fn skip(&mut self, payload: &[u8]) -> io::Result<()> {
        let index = frame_index(payload).unwrap_or(self.next);
        self.go_on_at(index.saturating_add(1))
    }

    /// Goes on behind what cannot be read, with the hashes that were kept of it.
    fn go_on_at(&mut self, index: u64) -> io::Result<()> {
        let known = tlog_tiles::stored_hash_count(index) <= self.stored;
        if known {
            self.frontier = Frontier::stored(index, &self.hashes)?;
        }
        self.next = index;
        Ok(())
    }

    fn find(&mut self, file: &SegmentFile, offset: usize, what: &'static str) {
        self.report.damaged += 1;
        if self.report.damage.len() < FINDINGS_MAX {
            let path: PathBuf = file.path.clone();
            let offset = u64::try_from(offset).unwrap_or(u64::MAX);
            self.report.damage.push(Damage { path, offset, index: self.next, what });
        }
    }
}

/// How far away the next whole frame of a later record is.
fn next_frame(rest: &[u8], index: u64) -> Option<usize> {
    (1..rest.len()).find(|at| {
        let here = rest.get(*at..).unwrap_or_default();
        frame::read(here).is_ok_and(|frame| frame.index().is_some_and(|found| found > index))
    })
}

fn frame_index(payload: &[u8]) -> Option<u64> {
    frame::Frame { payload, committed: 0 }.index()
}

#[cfg(test)]
mod tests;
