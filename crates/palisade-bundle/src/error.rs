//! What can go wrong between a directory and a snapshot, one type per operation.

use std::path::PathBuf;

use palisade_core::Problems;

use crate::archive::ArchiveProblem;
use crate::layout::UnknownEntry;
use crate::test_report::TestReport;

/// A directory or an archive could not be read as a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadBundleError {
    /// An archive is not as this version packs them.
    #[error(
        "the archive cannot be used: {}{problem} (byte {offset} of what was packed)",
        in_entry(entry)
    )]
    Archive {
        /// The entry, as far as it has a usable name.
        entry: Option<String>,
        /// Where, in bytes of the inflated archive.
        offset: u64,
        /// What is wrong.
        problem: ArchiveProblem,
    },
    /// A file is larger than a bundle's file may be.
    #[error("`{file}` has more than {limit} bytes")]
    FileTooLarge {
        /// The file, relative to the bundle.
        file: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The operating system refused.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// What was being read.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A file's content is no text.
    #[error("`{file}` is not UTF-8: byte {offset} is no part of a character")]
    NotUtf8 {
        /// The file, relative to the bundle.
        file: String,
        /// Where, in bytes.
        offset: usize,
    },
    /// A name that is no text.
    #[error("the name of `{}` is not UTF-8", path.display())]
    NotUtf8Name {
        /// The entry.
        path: PathBuf,
    },
    /// Something that is neither file nor directory.
    ///
    /// Symbolic links are refused because they would let the content of a signed tree be changed
    /// from outside of it.
    #[error("`{entry}` is neither a file nor a directory; a bundle holds no links and no devices")]
    NotAFile {
        /// The entry, relative to the bundle.
        entry: String,
    },
    /// The bundle is larger than a bundle may be.
    #[error("the bundle has more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The bundle has more files than a bundle may have.
    #[error("the bundle has more than {limit} files")]
    TooManyFiles {
        /// The limit.
        limit: usize,
    },
    /// Files that are no part of a bundle. Nothing is ignored silently: a misspelt folder would
    /// otherwise drop its policies.
    #[error("{}", describe(entries))]
    UnknownEntries {
        /// All of them, sorted.
        entries: Vec<UnknownEntry>,
    },
}

/// A bundle cannot be packed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackBundleError {
    /// A file's name does not fit into an archive.
    #[error("the name of `{file}` is too long for an archive; shorten it to 100 bytes")]
    NameTooLong {
        /// The file, relative to the bundle.
        file: String,
    },
    /// Compression failed.
    #[error("cannot compress the bundle")]
    Compress(#[source] std::io::Error),
}

/// A validated bundle does not become a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActivateError {
    /// Some of the bundle's own tests fail.
    #[error("{} of {} tests of the bundle failed", report.failed().count(), report.cases.len())]
    TestsFailed {
        /// What they found.
        report: TestReport,
    },
}

/// A directory does not become a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadBundleError {
    /// Its tests fail.
    #[error(transparent)]
    Activate(#[from] ActivateError),
    /// Its content is wrong.
    #[error("the bundle is not valid")]
    Invalid(#[source] Problems),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadBundleError),
}

fn in_entry(entry: &Option<String>) -> String {
    entry.as_ref().map(|entry| format!("`{entry}`: ")).unwrap_or_default()
}

fn describe(entries: &[UnknownEntry]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|UnknownEntry { entry, hint }| format!("`{entry}` is no part of a bundle ({hint})"))
        .collect();
    entries.join("; ")
}
