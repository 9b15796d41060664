//! A bundle as read: paths and texts, nothing interpreted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use palisade_core::limits::{BUNDLE_BYTES_MAX, BUNDLE_FILE_BYTES_MAX, BUNDLE_FILES_MAX};
use palisade_core::{BundleName, Severity, Sha256Digest};
use palisade_engine::SourceFile;

use crate::error::ReadBundleError;
use crate::layout::{self, UnknownEntry};
use crate::manifest;

/// The files of a bundle, whole and in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawBundle {
    /// Path relative to the bundle, with `/`, to content. Sorted, so that everything made from it
    /// is deterministic.
    files: BTreeMap<Arc<str>, Arc<str>>,
}

impl RawBundle {
    /// Reads a bundle from a directory.
    ///
    /// Dot files and what editors leave behind (`~`, `.swp`) are skipped.
    ///
    /// # Errors
    /// Anything that is no part of a bundle, is no UTF-8 text, is a link, exceeds
    /// [`BUNDLE_FILE_BYTES_MAX`], [`BUNDLE_FILES_MAX`] or [`BUNDLE_BYTES_MAX`], or cannot be read.
    pub fn read_directory(path: &Path) -> Result<Self, ReadBundleError> {
        Self::read_within(path, ReadLimits::BUNDLE)
    }

    /// The content of a file, named relative to the bundle.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<&str> {
        self.files.get(file).map(AsRef::as_ref)
    }

    /// The names of all files, relative to the bundle, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(AsRef::as_ref)
    }

    /// What `bundle.yaml` says the bundle is: its name and its version. `None` if it does not say
    /// it in an acceptable form.
    #[must_use]
    pub fn identity(&self) -> Option<(BundleName, u64)> {
        let mut problems = Vec::new();
        let manifest = manifest::read(&self.file(layout::MANIFEST_FILE)?, &mut problems)?;
        let is_sound = problems.iter().all(|problem| problem.severity != Severity::Error);
        is_sound.then_some((manifest.name, manifest.version))
    }

    /// SHA-256 over all files in order of their paths: for each its path and its content, both
    /// preceded by their length as 64-bit little-endian number.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        let mut hash = Sha256::new();
        for (path, text) in &self.files {
            for part in [path, text] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        Sha256Digest::from(<[u8; 32]>::from(hash.finalize()))
    }

    /// All files, sorted by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = SourceFile> {
        self.files.iter().map(|(name, text)| source_file(name, text))
    }

    /// One file.
    pub(crate) fn file(&self, path: &str) -> Option<SourceFile> {
        self.files.get_key_value(path).map(|(name, text)| source_file(name, text))
    }

    /// The files of a folder with an extension, sorted by path.
    pub(crate) fn folder(&self, folder: &str, extension: &str) -> Vec<SourceFile> {
        let inside = |name: &str| {
            name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
                && name.rsplit_once('.').is_some_and(|(_, end)| end == extension)
        };
        self.files().filter(|file| inside(&file.name)).collect()
    }

    fn read_within(path: &Path, limits: ReadLimits) -> Result<Self, ReadBundleError> {
        let mut reader = Reader::new(limits);
        for (name, kind) in reader.entries(path, "")? {
            let entry = path.join(&name);
            match kind {
                EntryKind::File => reader.file(&entry, &name)?,
                EntryKind::Folder => match layout::check_folder(&name) {
                    Ok(()) => reader.folder(&entry, &name)?,
                    Err(unknown) => reader.unknown.push(unknown),
                },
            }
        }
        reader.finish()
    }
}

fn source_file(name: &Arc<str>, text: &Arc<str>) -> SourceFile {
    SourceFile { name: Arc::clone(name), text: Arc::clone(text) }
}

/// How much is read at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadLimits {
    pub(crate) file_bytes: u64,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
}

impl ReadLimits {
    pub(crate) const BUNDLE: Self = Self {
        file_bytes: BUNDLE_FILE_BYTES_MAX,
        files: BUNDLE_FILES_MAX,
        bytes: BUNDLE_BYTES_MAX,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryKind {
    File,
    Folder,
}

/// What was read so far, from a directory or from an archive.
#[derive(Debug)]
pub(crate) struct Reader {
    limits: ReadLimits,
    bytes: u64,
    files: BTreeMap<Arc<str>, Arc<str>>,
    unknown: Vec<UnknownEntry>,
}

impl Reader {
    pub(crate) fn new(limits: ReadLimits) -> Self {
        Self { limits, bytes: 0, files: BTreeMap::new(), unknown: Vec::new() }
    }

    /// The bundle, if every entry was part of one.
    pub(crate) fn finish(self) -> Result<RawBundle, ReadBundleError> {
        let Self { files, unknown: entries, .. } = self;
        if entries.is_empty() {
            Ok(RawBundle { files })
        } else {
            Err(ReadBundleError::UnknownEntries { entries })
        }
    }

    /// Reads a folder at the top of the bundle; folders inside of it are unknown.
    fn folder(&mut self, path: &Path, folder: &str) -> Result<(), ReadBundleError> {
        for (name, kind) in self.entries(path, folder)? {
            let relative = format!("{folder}/{name}");
            match kind {
                EntryKind::File => self.file(&path.join(&name), &relative)?,
                EntryKind::Folder => self.unknown.push(UnknownEntry {
                    entry: format!("{relative}/"),
                    hint: format!("`{folder}/` has no folders in it"),
                }),
            }
        }
        Ok(())
    }

    /// The entries of a directory that are not skipped, sorted by name.
    fn entries(
        &self,
        path: &Path,
        folder: &str,
    ) -> Result<Vec<(String, EntryKind)>, ReadBundleError> {
        let io = |source| ReadBundleError::Io { path: path.to_owned(), source };
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(io)? {
            let entry = entry.map_err(io)?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(ReadBundleError::NotUtf8Name { path: entry.path() });
            };
            if layout::is_skipped(&name) {
                continue;
            }
            // LIMIT: also bounds the memory a hostile directory costs before its files are read.
            if self.files.len() + entries.len() >= self.limits.files {
                return Err(ReadBundleError::TooManyFiles { limit: self.limits.files });
            }
            // Of the entry itself, not of what it points to.
            let file_type = entry.file_type().map_err(io)?;
            let kind = if file_type.is_dir() {
                EntryKind::Folder
            } else if file_type.is_file() {
                EntryKind::File
            } else {
                let separator = if folder.is_empty() { "" } else { "/" };
                return Err(ReadBundleError::NotAFile {
                    entry: [folder, separator, &name].concat(),
                });
            };
            entries.push((name, kind));
        }
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(entries)
    }

    fn file(&mut self, path: &Path, relative: &str) -> Result<(), ReadBundleError> {
        if let Err(unknown) = layout::check_file(relative) {
            self.unknown.push(unknown);
            return Ok(());
        }
        self.check_room()?;
        let content = read_at_most(path, self.limits.file_bytes)?;
        self.keep(relative, content)
    }

    /// Takes a file for which there is room ([`Self::check_room`]).
    pub(crate) fn keep(&mut self, relative: &str, content: Vec<u8>) -> Result<(), ReadBundleError> {
        if let Err(unknown) = layout::check_file(relative) {
            self.unknown.push(unknown);
            return Ok(());
        }
        self.charge(relative, content.len() as u64)?;
        let text = String::from_utf8(content).map_err(|error| ReadBundleError::NotUtf8 {
            file: relative.to_owned(),
            offset: error.utf8_error().valid_up_to(),
        })?;
        self.files.insert(relative.into(), text.into());
        Ok(())
    }

    /// Whether one more entry may be looked at.
    pub(crate) fn check_room(&self) -> Result<(), ReadBundleError> {
        // Unknown entries count, too: all of them are reported.
        if self.files.len() + self.unknown.len() >= self.limits.files {
            return Err(ReadBundleError::TooManyFiles { limit: self.limits.files });
        }
        Ok(())
    }

    /// Whether a file of this length may be read after those that were kept.
    pub(crate) fn check_length(&self, relative: &str, length: u64) -> Result<(), ReadBundleError> {
        let ReadLimits { file_bytes, bytes, files: _ } = self.limits;
        if length > file_bytes {
            let file = relative.to_owned();
            return Err(ReadBundleError::FileTooLarge { file, limit: file_bytes });
        }
        if self.bytes.saturating_add(length) > bytes {
            return Err(ReadBundleError::TooLarge { limit: bytes });
        }
        Ok(())
    }

    fn charge(&mut self, relative: &str, length: u64) -> Result<(), ReadBundleError> {
        self.check_length(relative, length)?;
        self.bytes = self.bytes.saturating_add(length);
        Ok(())
    }
}

/// Reads a file, but not more than one byte beyond the limit.
fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, ReadBundleError> {
    let io = |source| ReadBundleError::Io { path: path.to_owned(), source };
    let mut content = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(io)?;
    Ok(content)
}

#[cfg(test)]
mod tests;
