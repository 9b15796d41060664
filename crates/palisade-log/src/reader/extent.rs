//! How far a log goes: its segments, and whether its end is one.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use palisade_core::EpochMillis;

use super::{CHUNK_BYTES, LogReader, ReadLogError, failed};
use crate::frame;
use crate::recovery::Damage;
use crate::segment::{self, HEADER_BYTES, Header};

/// A segment of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSegment {
    /// Its file.
    pub path: PathBuf,
    /// The index of its first record.
    pub first: u64,
    /// When it was begun; `None` if its header is not whole.
    pub begun: Option<EpochMillis>,
    /// Bytes of its file, space taken in advance included.
    pub bytes: u64,
}

impl LogReader {
    /// The segments of a log, oldest first.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn segments(directory: &Path) -> Result<Vec<StoredSegment>, ReadLogError> {
        let failed = |source| failed(directory, source);
        let mut found = Vec::new();
        for file in segment::list(directory).map_err(failed)? {
            let bytes = fs::metadata(&file.path).map(|metadata| metadata.len());
            match bytes.and_then(|bytes| Ok((bytes, header(&file.path)?))) {
                Ok((bytes, header)) => {
                    let begun = header.map(|header| header.begun);
                    found.push(StoredSegment { path: file.path, first: file.first, begun, bytes });
                }
                // Deleted since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(found)
    }

    /// Where [`Self::next`] has come to the end: whether it is one. A record that is not whole, and
    /// whose segment is the last, ends the log for [`Self::next`]; if records that were written
    /// later follow it, it was on disk once and is damaged. Looks at what is left of the segment.
    ///
    /// # Errors
    /// The log is damaged there, or a file cannot be read.
    pub fn check_end(&self) -> Result<(), ReadLogError> {
        let failed = |source| failed(&self.directory, source);
        let segments = segment::list(&self.directory).map_err(failed)?;
        let Some(file) = segments.into_iter().rfind(|segment| segment.first <= self.next) else {
            return Ok(());
        };
        let open = self.segment.as_ref().filter(|open| open.file == file);
        // A segment that could not be opened has no header yet, or none any more.
        let offset = open.map_or(0, |open| open.offset);
        // What was written while this was looking is no damage: it is there at a second look.
        for _ in 0..2 {
            let is_whole = match open {
                Some(_) => false,
                None => header(&file.path).map_err(failed)?.is_some(),
            };
            let rest = written_from(&file.path, offset).map_err(failed)?;
            let goes_on = open.is_some() && frame::read(&rest).is_ok();
            if is_whole || goes_on || !frame::find_later(&rest, self.next, offset) {
                return Ok(());
            }
        }
        let what = match open {
            Some(_) => "a record is not whole",
            None => "the header is not whole",
        };
        Err(Damage { path: file.path, offset, index: self.next, what }.into())
    }
}

fn header(path: &Path) -> io::Result<Option<Header>> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    let most = u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(Header::decode(&bytes))
}

/// The bytes of a file from an offset on, without the zeros that it ends with.
fn written_from(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut rest = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut zeros: usize = 0;
    loop {
        let read = file.read(&mut chunk)?;
        let new = chunk.get(..read).unwrap_or_default();
        if read == 0 {
            return Ok(rest);
        }
        // Zeros are kept only once something follows: most of a segment may be taken in advance.
        match new.iter().rposition(|byte| *byte != 0) {
            None => zeros += read,
            Some(last) => {
                rest.resize(rest.len() + zeros, 0);
                rest.extend(new.iter().take(last + 1));
                zeros = read - last - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
