//! How far the log has been shipped, kept beside it in the file `shipped`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk as _, LocalDisk};

const FILE_NAME: &str = "shipped";

/// The first record that was not shipped yet. Survives the process.
#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    next: u64,
}

impl Cursor {
    /// Reads the cursor of a log; 0 if it has none.
    ///
    /// # Errors
    /// It cannot be read, or is no number.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(FILE_NAME);
        let next = match fs::read_to_string(&path) {
            Ok(text) => text.trim_end().parse().map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("`{FILE_NAME}`: {error}"))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self { path, next })
    }

    /// The first record that was not shipped yet.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Everything before `next` was shipped. On disk when this returns.
    ///
    /// # Errors
    /// It cannot be written; the cursor stands where it was.
    pub fn advance(&mut self, next: u64) -> io::Result<()> {
        LocalDisk.replace(&self.path, format!("{next}\n").as_bytes())?;
        self.next = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
