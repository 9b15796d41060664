//! A bundle as one file: packed so that the same files make the same bytes everywhere.
//!
//! Only what [`RawBundle::pack`] writes can be read again: every header is made anew from its
//! entry's name and length and must be the same, byte for byte. So an archive has one form, and
//! what other tools can put into one (links, long names, attributes) has no way in.

use std::io::{self, Read, Write};

use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use crate::error::{PackBundleError, ReadBundleError};
use crate::layout;
use crate::raw::{RawBundle, ReadLimits, Reader};

/// Bytes of a packed bundle.
// LIMIT: policies, catalogs and entities are text that packs to a fifth or less, so this holds
// every bundle up to `BUNDLE_BYTES_MAX` that is not noise, and a server can hold it in memory.
pub const ARCHIVE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of a block of an archive; headers are one block, contents are padded to whole ones.
const BLOCK: usize = 512;

/// What `GzBuilder` writes first: no name, no comment, no time, an unknown system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// What is wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveProblem {
    /// The compressed data is damaged.
    #[error("the compressed data is damaged")]
    Damaged,
    /// A directory, where only files may be.
    #[error("it is a directory; an archive of a bundle holds files only")]
    Directory,
    /// Two entries have the same name.
    #[error("the name stands twice in the archive")]
    Duplicate,
    /// An entry's header is not as this version writes it.
    #[error("its header is not as `palisade bundle build` writes it")]
    Header,
    /// A hard or symbolic link.
    #[error("it is a link; a bundle holds no links")]
    Link,
    /// A name that could lead out of the bundle or is not usable as one.
    #[error(
        "its name is not usable: no folders but the bundle's own, no `.`, `..`, `\\` or control characters"
    )]
    Name,
    /// The name is no text.
    #[error("its name is not UTF-8")]
    NameNotUtf8,
    /// No gzip stream, or one with names, comments or times in it.
    #[error("it is no gzip stream as `palisade bundle build` writes it")]
    NotGzip,
    /// Entries are not sorted by name.
    #[error("it is out of order; entries are sorted by name")]
    Order,
    /// Bytes that belong to no entry are not zero.
    #[error("the space after its content is not empty")]
    Padding,
    /// Dot files and what editors leave behind.
    #[error("its name begins with `.` or ends with `~` or `.swp`; such files are never packed")]
    Skipped,
    /// A device, a pipe, or an extension of the format.
    #[error("it is neither a file nor a directory, or an extension of the format")]
    Special,
    /// Data after the end.
    #[error("there is more data after its end")]
    Trailing,
    /// The archive ends too early.
    #[error("it ends too early")]
    Truncated,
}

impl RawBundle {
    /// Packs the bundle into a `.tar.gz`. The same files make the same bytes anywhere: sorted, no
    /// times, owners or modes, a fixed level of compression.
    ///
    /// # Errors
    /// A name is too long for the format.
    pub fn pack(&self) -> Result<Vec<u8>, PackBundleError> {
        // DETERMINISM: the file's own fields are fixed here; the compressed bytes are those of the
        // compressor in Cargo.lock, which a golden test pins.
        let mut gzip =
            GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(6));
        let mut write = |bytes: &[u8]| gzip.write_all(bytes).map_err(PackBundleError::Compress);
        for file in self.files() {
            let content = file.text.as_bytes();
            let header = header(&file.name, content.len() as u64)
                .ok_or_else(|| PackBundleError::NameTooLong { file: file.name.to_string() })?;
            write(header.as_bytes())?;
            write(content)?;
            write(zeros(padding(content.len() as u64)))?;
        }
        write(&[0; 2 * BLOCK])?;
        gzip.finish().map_err(PackBundleError::Compress)
    }

    /// Reads what [`Self::pack`] made.
    ///
    /// Memory is bounded by the content that is kept, and time by the limits of a bundle, whatever
    /// the archive inflates to.
    ///
    /// # Errors
    /// Everything that [`Self::read_directory`] refuses, and whatever `pack` would not have
    /// written.
    pub fn read_archive(bytes: &[u8]) -> Result<Self, ReadBundleError> {
        Self::read_archive_within(bytes, ReadLimits::BUNDLE)
    }

    fn read_archive_within(bytes: &[u8], limits: ReadLimits) -> Result<Self, ReadBundleError> {
        if bytes.len() as u64 > ARCHIVE_BYTES_MAX {
            return Err(ReadBundleError::TooLarge { limit: ARCHIVE_BYTES_MAX });
        }
        // Names and comments in the header would be kept in memory before any limit is looked at.
        if !bytes.starts_with(&GZIP_HEADER) {
            let begun = GZIP_HEADER.starts_with(bytes);
            let problem = if begun { ArchiveProblem::Truncated } else { ArchiveProblem::NotGzip };
            return Err(ReadBundleError::Archive { entry: None, offset: 0, problem });
        }
        let mut archive = Archive { inflated: GzDecoder::new(bytes), offset: 0, entry: None };
        let mut reader = Reader::new(limits);
        let mut previous: Option<String> = None;
        while let Some((name, length)) = archive.next_entry(&reader)? {
            if let Some(previous) = &previous {
                match name.cmp(previous) {
                    std::cmp::Ordering::Equal => {
                        return Err(archive.problem(ArchiveProblem::Duplicate));
                    }
                    std::cmp::Ordering::Less => return Err(archive.problem(ArchiveProblem::Order)),
                    std::cmp::Ordering::Greater => {}
                }
            }
            let content = archive.content(length)?;
            reader.keep(&name, content)?;
            previous = Some(name);
        }
        archive.end()?;
        reader.finish()
    }
}

/// The one header that a file has; `None` if its name does not fit.
fn header(name: &str, length: u64) -> Option<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name).ok()?;
    header.set_size(length);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Some(header)
}

/// How many bytes are missing to a whole number of blocks.
fn padding(length: u64) -> usize {
    let beyond = usize::try_from(length % BLOCK as u64).unwrap_or(0);
    (BLOCK - beyond) % BLOCK
}

fn zeros(count: usize) -> &'static [u8] {
    [0; BLOCK].get(..count).unwrap_or_default()
}

/// An archive that is being read.
struct Archive<'a> {
    inflated: GzDecoder<&'a [u8]>,
    /// Bytes inflated so far.
    offset: u64,
    /// The entry being read.
    entry: Option<String>,
}

impl Archive<'_> {
    fn problem(&self, problem: ArchiveProblem) -> ReadBundleError {
        ReadBundleError::Archive { entry: self.entry.clone(), offset: self.offset, problem }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ReadBundleError> {
        self.inflated.read_exact(buffer).map_err(|error| self.problem(problem_of(&error)))?;
        self.offset = self.offset.saturating_add(buffer.len() as u64);
        Ok(())
    }

    /// The next entry's name and length, both acceptable; `None` at the end of the archive.
    fn next_entry(&mut self, reader: &Reader) -> Result<Option<(String, u64)>, ReadBundleError> {
        self.entry = None;
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        if block == [0; BLOCK] {
            return Ok(None);
        }
        // LIMIT: before anything is done for the entry.
        reader.check_room()?;
        let header = Header::from_byte_slice(&block);
        let name = std::str::from_utf8(&header.path_bytes()).map(str::to_owned);
        // For a person, even if it is refused.
        self.entry = name.as_ref().ok().map(|name| name.escape_debug().to_string());
        check_type(header.entry_type()).map_err(|problem| self.problem(problem))?;
        let Ok(name) = name else { return Err(self.problem(ArchiveProblem::NameNotUtf8)) };
        check_name(&name).map_err(|problem| self.problem(problem))?;
        let Ok(length) = header.size() else { return Err(self.problem(ArchiveProblem::Header)) };
        if self::header(&name, length).is_none_or(|own| own.as_bytes() != &block) {
            return Err(self.problem(ArchiveProblem::Header));
        }
        reader.check_length(&name, length)?;
        Ok(Some((name, length)))
    }

    fn content(&mut self, length: u64) -> Result<Vec<u8>, ReadBundleError> {
        let mut content = Vec::new();
        // Grows as data comes, not as the header says.
        let read = (&mut self.inflated)
            .take(length)
            .read_to_end(&mut content)
            .map_err(|error| self.problem(problem_of(&error)))?;
        self.offset = self.offset.saturating_add(read as u64);
        if (read as u64) < length {
            return Err(self.problem(ArchiveProblem::Truncated));
        }
        let mut block = [0; BLOCK];
        let padding = block.get_mut(..padding(length)).unwrap_or_default();
        self.fill(padding)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(self.problem(ArchiveProblem::Padding));
        }
        Ok(content)
    }

    /// After the first empty block: another one, then nothing, neither inside the gzip stream nor
    /// behind it.
    fn end(mut self) -> Result<(), ReadBundleError> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        if block != [0; BLOCK] {
            return Err(self.problem(ArchiveProblem::Trailing));
        }
        // Reading the end compares the checksum as well.
        match self.inflated.read(&mut block) {
            Ok(0) => {}
            Ok(_) => return Err(self.problem(ArchiveProblem::Trailing)),
            Err(error) => return Err(self.problem(problem_of(&error))),
        }
        if !self.inflated.get_ref().is_empty() {
            return Err(self.problem(ArchiveProblem::Trailing));
        }
        Ok(())
    }
}

fn problem_of(error: &io::Error) -> ArchiveProblem {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        ArchiveProblem::Truncated
    } else {
        ArchiveProblem::Damaged
    }
}

fn check_type(entry_type: EntryType) -> Result<(), ArchiveProblem> {
    match entry_type {
        EntryType::Regular => Ok(()),
        EntryType::Link | EntryType::Symlink => Err(ArchiveProblem::Link),
        EntryType::Directory => Err(ArchiveProblem::Directory),
        _ => Err(ArchiveProblem::Special),
    }
}

/// A file at the top or in one folder, whose name means the same on every system.
fn check_name(name: &str) -> Result<(), ArchiveProblem> {
    let segments: Vec<&str> = name.split('/').collect();
    let odd = |segment: &&str| {
        matches!(*segment, "" | "." | "..")
            || segment.chars().any(|char| char == '\\' || char.is_control())
    };
    if segments.len() > 2 || segments.iter().any(odd) {
        return Err(ArchiveProblem::Name);
    }
    if segments.iter().any(|segment| layout::is_skipped(segment)) {
        return Err(ArchiveProblem::Skipped);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
