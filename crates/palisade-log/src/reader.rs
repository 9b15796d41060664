//! Reading a log, also one that another process is writing.

mod extent;

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
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
            let header = match File::open(&segment.path).and_then(|file| header(&file)) {
                // Deleted since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                read => read.map_err(|source| failed(directory, source))?,
            };
            if header.is_some_and(|header| header.begun <= time) {
                found = Some(segment.first);
            }
        }
        Ok(found)
    }

    /// The next record; `None` where the log ends for now. The last ones of a log that a process
    /// writes may not be on disk yet, and are not there any more if that fails: [`Self::read`] can
    /// leave them out.
    ///
    /// # Errors
    /// The log is damaged there, the record was deleted, or a file cannot be read.
    #[expect(clippy::should_implement_trait, reason = "the end is not final: more may come")]
    pub fn next(&mut self) -> Result<Option<StoredRecord>, ReadLogError> {
        loop {
            if self.segment.is_none() && !self.open_segment()? {
                return Ok(None);
            }
            let Self { directory, segment: Some(segment), next } = self else { return Ok(None) };
            let failed = |source| failed(directory, source);
            let mut read = segment.read().map_err(failed)?;
            let mut is_sealed = false;
            if read.is_err() {
                // What was read ahead may have been written meanwhile. Where another segment
                // follows, this one does not change any more: only what is read after that was
                // seen says how it ends.
                is_sealed = segment::list(directory)
                    .map_err(failed)?
                    .iter()
                    .any(|other| other.first > segment.file.first);
                segment.forget();
                read = segment.read().map_err(failed)?;
            }
            match read {
                Ok((index, bytes)) if index < *next => segment.advance(bytes.len()),
                Ok((index, bytes)) if index == *next => {
                    segment.advance(bytes.len());
                    *next = next.saturating_add(1);
                    return Ok(Some(StoredRecord { index, bytes }));
                }
                Ok(_) => return Err(segment.damage(*next, "another record stands").into()),
                Err(_) if !is_sealed => {
                    segment.forget();
                    if segment.is_unlinked().map_err(failed)? {
                        self.segment = None;
                    }
                    return Ok(None);
                }
                Err(reason) => {
                    if !segment.is_at_end().map_err(failed)? {
                        let what = match reason {
                            NoFrame::Broken => "a record is not whole",
                            NoFrame::End => "there is a hole",
                        };
                        return Err(segment.damage(*next, what).into());
                    }
                    let ended = segment.damage(*next, "records after this one are missing");
                    // One that was begun in vain and begun again has the same name.
                    let same =
                        (!segment.is_unlinked().map_err(failed)?).then_some(segment.file.first);
                    self.segment = None;
                    if !self.open_segment()? {
                        return Ok(None);
                    }
                    if self.segment.as_ref().map(|segment| segment.file.first) == same {
                        self.segment = None;
                        return Err(ended.into());
                    }
                }
            }
        }
    }

    /// Records before `until`, but no more than about this many bytes; at least one if there is
    /// one. If the records before `until` are on disk ([`crate::LogState::records`]), what is read
    /// stays in the log.
    ///
    /// # Errors
    /// As for [`Self::next`].
    pub fn read(
        &mut self,
        until: u64,
        bytes_max: usize,
    ) -> Result<Vec<StoredRecord>, ReadLogError> {
        // What was read ahead and was not on disk then may have been replaced since.
        if let Some(segment) = &mut self.segment {
            segment.forget();
        }
        let mut records = Vec::new();
        let mut bytes = 0;
        while self.next < until && (bytes < bytes_max || records.is_empty()) {
            let Some(record) = self.next()? else { break };
            bytes += record.bytes.len();
            records.push(record);
        }
        Ok(records)
    }

    /// Opens the segment that has the next record. Tells whether there is one.
    fn open_segment(&mut self) -> Result<bool, ReadLogError> {
        let failed = |source| failed(&self.directory, source);
        let mut vanished = None;
        let (file, handle, is_last) = loop {
            let segments = segment::list(&self.directory).map_err(failed)?;
            let Some(first) = segments.first().map(|segment| segment.first) else {
                return Ok(false);
            };
            if self.next < first {
                return Err(ReadLogError::Deleted { first });
            }
            let last = segments.last().map(|segment| segment.first);
            let holding = segments.into_iter().rfind(|segment| segment.first <= self.next);
            let Some(file) = holding else { return Ok(false) };
            match File::open(&file.path) {
                Ok(handle) => {
                    let is_last = last == Some(file.first);
                    break (file, handle, is_last);
                }
                // Deleted since it was listed.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && vanished != Some(file.first) =>
                {
                    vanished = Some(file.first);
                }
                Err(error) => return Err(failed(error)),
            }
        };
        match header(&handle).map_err(failed)? {
            Some(header) if header.first == file.first => {}
            // Being begun at this moment.
            None if file.first == self.next && is_last => return Ok(false),
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
            if here.len() < frame::bytes_wanted(here) && self.fill()? {
                continue;
            }
            let here = self.buffer.get(self.consumed..).unwrap_or_default();
            return Ok(frame::read(here).and_then(|frame| {
                frame.index().map(|index| (index, frame.payload.to_vec())).ok_or(NoFrame::Broken)
            }));
        }
    }

    /// Reads on. Tells whether there was more.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        let had = self.buffer.len();
        self.buffer.resize(had + CHUNK_BYTES, 0);
        let from = self.offset + u64::try_from(had).unwrap_or(u64::MAX);
        let into = self.buffer.get_mut(had..).unwrap_or_default();
        let read = self.handle.read_at(into, from)?;
        self.buffer.truncate(had + read);
        Ok(read > 0)
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

    /// Whether the file is gone from the directory, or another has its name.
    fn is_unlinked(&self) -> io::Result<bool> {
        Ok(self.handle.metadata()?.nlink() == 0)
    }

    fn damage(&self, index: u64, what: &'static str) -> Damage {
        Damage { path: self.file.path.clone(), offset: self.offset, index, what }
    }
}

fn header(file: &File) -> io::Result<Option<Header>> {
    let mut bytes = [0; segment::HEADER_BYTES];
    let read = file.read_at(&mut bytes, 0)?;
    Ok(Header::decode(bytes.get(..read).unwrap_or_default()))
}

fn failed(directory: &Path, source: io::Error) -> ReadLogError {
    ReadLogError::File { directory: directory.to_owned(), source }
}

#[cfg(test)]
mod tests;
