//! The files that records lie in.
//!
//! A segment is named by the index of its first record, twenty digits and `.log`. It begins with a
//! header and goes on with frames (`frame.rs`); space that is taken but not used yet is zero.
//!
//! ```text
//! 0   `palisade log v1` and a line break
//! 16  index of the first record              u64, little-endian
//! 24  when the segment was begun             i64, milliseconds since 1970-01-01T00:00:00Z
//! 32  root of the tree of all records before 32 bytes
//! 64  zero                                   12 bytes
//! 76  CRC-32 of bytes 0..76
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use palisade_core::EpochMillis;
use tlog_tiles::Hash;

/// Bytes before the first frame.
pub(crate) const HEADER_BYTES: usize = 80;

/// [`HEADER_BYTES`], as an offset.
pub(crate) const FRAMES_START: u64 = 80;

const MAGIC: &[u8; 16] = b"palisade log v1\n";

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Header {
    /// Index of the first record.
    pub(crate) first: u64,
    /// When it was begun: no record before it is younger.
    pub(crate) begun: EpochMillis,
    /// Root of the tree of all records before.
    pub(crate) root: Hash,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let parts = [
            MAGIC.as_slice(),
            &self.first.to_le_bytes(),
            &self.begun.as_millis().to_le_bytes(),
            &self.root.0,
            &[0; 12],
        ];
        let content = parts.concat();
        let sum = crc32fast::hash(&content).to_le_bytes();
        for (to, from) in bytes.iter_mut().zip(content.into_iter().chain(sum)) {
            *to = from;
        }
        bytes
    }

    /// Reads the header at the beginning of a segment; `None` if it is not one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        let (content, sum) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = content.split_first_chunk::<16>()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let (begun, rest) = rest.split_first_chunk::<8>()?;
        let (root, _zero) = rest.split_first_chunk::<32>()?;
        let whole = magic == MAGIC && crc32fast::hash(content) == u32::from_le_bytes(*sum);
        whole.then(|| Self {
            first: u64::from_le_bytes(*first),
            begun: EpochMillis::new(i64::from_le_bytes(*begun)),
            root: Hash(*root),
        })
    }
}

/// A segment as the directory names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    /// Index of its first record.
    pub(crate) first: u64,
    /// The file.
    pub(crate) path: PathBuf,
}

/// The file of the segment that begins with this record.
pub(crate) fn path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}.log"))
}

/// The segments of a log, oldest first.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<SegmentFile>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if let Some(first) = path.file_name().and_then(|name| first_index(name.to_str()?)) {
            segments.push(SegmentFile { first, path });
        }
    }
    segments.sort_unstable_by_key(|segment| segment.first);
    Ok(segments)
}

fn first_index(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(".log")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())?
}
