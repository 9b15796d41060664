//! Reading a log, also one that another process is writing.

mod extent;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use palisade_core::EpochMillis;
use palisade_proto::v1;
use prost::Message as _;

use crate::frame::{self, NoFrame};
use crate::recovery::Damage;
use crate::segment::{self, FRAMES_START, Header, SegmentFile};

pub use extent::StoredSegment;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its position in the log.
    pub index: u64,
    /// Its bytes: an encoded `palisade.v1.Record`. The leaf of the tree is their hash.
    pub bytes: Vec<u8>,
}

impl StoredRecord {
    /// Decodes it.
    ///
    /// # Errors
    /// The bytes are no record.
    pub fn decode(&self) -> Result<v1::Record, prost::DecodeError> {
        v1::Record::decode(self.bytes.as_slice())
    }

    /// The leaf hash: SHA-256 of a zero byte and the bytes (RFC 6962, section 2.1).
    #[must_use]
    pub fn leaf_hash(&self) -> [u8; 32] {
        tlog_tiles::record_hash(&self.bytes).0
    }
}

/// A log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadLogError {
    /// It is not as it was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The record was deleted.
    #[error("records before {first} were deleted")]
    Deleted {
        /// The first that is left.
        first: u64,
    },
    /// A file cannot be read.
    #[error("the decision log in `{}` cannot be read", directory.display())]
    File {
        /// The log.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads records in order. Holds one open file and one buffer.
#[derive(Debug)]
pub struct LogReader {
    directory: PathBuf,
    segment: Option<OpenSegment>,
    /// The next record.
    next: u64,
}

#[derive(Debug)]
struct OpenSegment {
    file: SegmentFile,
    handle: File,
    /// Where the next frame begins.
    offset: u64,
    /// Bytes of the file from `offset` on.
    buffer: Vec<u8>,
    /// How much of the buffer is behind `offset`.
    consumed: usize,
}

impl LogReader {
    /// Reads a log from a record on.
    #[must_use]
    pub fn new(directory: &Path, from: u64) -> Self {
        Self { directory: directory.to_owned(), segment: None, next: from }
    }

    /// The index of the record that [`Self::next`] reads.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.next
    }

    /// The first record that is left; `None` if the log has no segment.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn first(directory: &Path) -> Result<Option<u64>, ReadLogError> {
        let segments = segment::list(directory).map_err(|source| failed(directory, source))?;
        Ok(segments.first().map(|segment| segment.first))
    }

    /// The first record of the segment in which records of this time begin, or of the oldest one.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn first_around(directory: &Path, time: EpochMillis) -> Result<Option<u64>, ReadLogError> {
        let segments = segment::list(directory).map_err(|source| failed(directory, source))?;
        let mut found = segments.first().map(|segment| segment.first);
        for segment in segments {
            let header = header(&segment).map_err(|source| failed(directory, source))?;
            if header.is_some_and(|header| header.begun <= time) {
                found = Some(segment.first);
            }
        }
        Ok(found)
    }

    /// The next record; `None` where the log ends for now. What a process is writing at this
    /// moment is not there yet.
    ///
    /// # Errors
    /// The log is damaged there, the record was deleted, or a file cannot be read.
    #[expect(clippy::should_implement_trait, reason = "the end is not final: more may come")]
    pub fn next(&mut self) -> Result<Option<StoredRecord>, ReadLogError> {
        loop {
            if self.segment.is_none() && !self.open_segment()? {
                return Ok(None);
            }
            let Some(segment) = &mut self.segment else { return Ok(None) };
            let read = segment.read().map_err(|source| failed(&self.directory, source))?;
            match read {
                Ok((index, bytes)) if index < self.next => {
                    segment.advance(bytes.len());
                }
                Ok((index, bytes)) => {
                    if index != self.next {
                        let what = "another record stands";
                        return Err(segment.damage(self.next, what).into());
                    }
                    segment.advance(bytes.len());
                    self.next += 1;
                    return Ok(Some(StoredRecord { index, bytes }));
                }
                Err(reason) => {
                    // What was read ahead may have been written meanwhile.
                    if segment.retry() {
                        continue;
                    }
                    // Where a segment ends, the next one begins; else the log ends here for now.
                    let more = segment::list(&self.directory)
                        .map_err(|source| failed(&self.directory, source))?
                        .into_iter()
                        .any(|other| other.first > segment.file.first);
                    if !more {
                        segment.forget();
                        return Ok(None);
                    }
                    if !segment.is_at_end().map_err(|source| failed(&self.directory, source))? {
                        let what = match reason {
                            NoFrame::Broken => "a record is not whole",
                            NoFrame::End => "there is a hole",
                        };
                        return Err(segment.damage(self.next, what).into());
                    }
                    self.segment = None;
                    if !self.open_segment()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Records up to `until`, but no more than about this many bytes; at least one if there is
    /// one.
    ///
    /// # Errors
    /// As for [`Self::next`].
    pub fn read(
        &mut self,
        until: u64,
        bytes_max: usize,
    ) -> Result<Vec<StoredRecord>, ReadLogError> {
        let mut records = Vec::new();
        let mut bytes = 0;
        while self.next < until && bytes < bytes_max {
            let Some(record) = self.next()? else { break };
            bytes += record.bytes.len();
            records.push(record);
        }
        Ok(records)
    }

    /// Opens the segment that has the next record. Tells whether there is one.
    fn open_segment(&mut self) -> Result<bool, ReadLogError> {
        let failed = |source| failed(&self.directory, source);
        let segments = segment::list(&self.directory).map_err(failed)?;
        let Some(first) = segments.first().map(|segment| segment.first) else { return Ok(false) };
        if self.next < first {
            return Err(ReadLogError::Deleted { first });
        }
        let holding = segments.into_iter().rfind(|segment| segment.first <= self.next);
        let Some(file) = holding else { return Ok(false) };
        let handle = File::open(&file.path).map_err(failed)?;
        match header(&file).map_err(failed)? {
            Some(header) if header.first == file.first => {}
            // Being begun at this moment.
            None if file.first == self.next => return Ok(false),
            _ => {
                let what = "the header is not whole";
                return Err(Damage { path: file.path, offset: 0, index: file.first, what }.into());
            }
        }
        let buffer = Vec::new();
        self.segment =
            Some(OpenSegment { file, handle, offset: FRAMES_START, buffer, consumed: 0 });
        Ok(true)
    }
}

impl OpenSegment {
    /// The record at the offset, if it is whole.
    fn read(&mut self) -> io::Result<Result<(u64, Vec<u8>), NoFrame>> {
        loop {
            let here = self.buffer.get(self.consumed..).unwrap_or_default();
            match frame::read(here) {
                Ok(frame) => {
                    return Ok(match frame.index() {
                        Some(index) => Ok((index, frame.payload.to_vec())),
                        None => Err(NoFrame::Broken),
                    });
                }
                Err(reason) => {
                    // It may only not have been read as far.
                    if !self.fill()? {
                        return Ok(Err(reason));
                    }
                }
            }
        }
    }

    /// Reads on. Tells whether anything came that could make a frame whole.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        if self.buffer.len() > frame::HEADER_BYTES + frame::PAYLOAD_BYTES_MAX {
            return Ok(false);
        }
        let had = self.buffer.len();
        self.buffer.resize(had + CHUNK_BYTES, 0);
        let from = self.offset + u64::try_from(had).unwrap_or(u64::MAX);
        let into = self.buffer.get_mut(had..).unwrap_or_default();
        let read = self.handle.read_at(into, from)?;
        let anything = into.get(..read).is_some_and(|new| new.iter().any(|byte| *byte != 0));
        self.buffer.truncate(had + read);
        Ok(anything)
    }

    /// The frame was taken.
    fn advance(&mut self, payload: usize) {
        let bytes = frame::HEADER_BYTES + payload;
        self.consumed += bytes;
        self.offset += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// What was read ahead is read again the next time.
    fn forget(&mut self) {
        self.buffer.clear();
        self.consumed = 0;
    }

    /// Reads anew what was read ahead. Tells whether there is anything else to see.
    fn retry(&mut self) -> bool {
        let before = std::mem::take(&mut self.buffer);
        let before = before.get(self.consumed..).unwrap_or_default();
        self.consumed = 0;
        let mut now = vec![0; before.len()];
        let read = self.handle.read_at(&mut now, self.offset).unwrap_or(0);
        now.truncate(read);
        now != before
    }

    /// Whether nothing but zeros is left.
    fn is_at_end(&self) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut offset = self.offset;
        loop {
            let read = self.handle.read_at(&mut chunk, offset)?;
            let new = chunk.get(..read).unwrap_or_default();
            if new.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            if read == 0 {
                return Ok(true);
            }
            offset += u64::try_from(read).unwrap_or(u64::MAX);
        }
    }

    fn damage(&self, index: u64, what: &'static str) -> Damage {
        Damage { path: self.file.path.clone(), offset: self.offset, index, what }
    }
}

fn header(file: &SegmentFile) -> io::Result<Option<Header>> {
    let mut bytes = [0; segment::HEADER_BYTES];
    let read = File::open(&file.path)?.read_at(&mut bytes, 0)?;
    Ok(Header::decode(bytes.get(..read).unwrap_or_default()))
}

fn failed(directory: &Path, source: io::Error) -> ReadLogError {
    ReadLogError::File { directory: directory.to_owned(), source }
}

#[cfg(test)]
mod tests;
