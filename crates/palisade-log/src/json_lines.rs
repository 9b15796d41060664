//! One JSON object per record and line, appended to a file.
//!
//! Every line goes out in one `write`, so that readers and other writers of the same file see
//! whole lines. What a failed write left behind is ended with a newline before the next record:
//! readers skip what is no JSON, and no record is glued to a torn one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use palisade_core::{DecisionLog, DecisionRecord, LogError, LogFuture};

use crate::json::Line;

/// The log file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the decision log `{}`", path.display())]
pub struct OpenLogError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Appends decision records to a file.
///
/// An append blocks its thread for one `write` and, if asked to be durable, one `fdatasync`.
#[derive(Debug)]
pub struct JsonLinesLog {
    /// Held for one append; nothing is awaited meanwhile.
    state: Mutex<State>,
    sync: bool,
}

#[derive(Debug)]
struct State {
    file: File,
    /// The file may end in the middle of a line.
    torn: bool,
}

impl JsonLinesLog {
    /// Opens the file, or creates it and what its path lacks, readable by their owner only. With `sync` a record counts as
    /// kept when it is on disk (`fdatasync`), otherwise when the operating system has it.
    ///
    /// # Errors
    /// The file can be neither opened nor created.
    pub fn open(path: &Path, sync: bool) -> Result<Self, OpenLogError> {
        let open = || -> io::Result<State> {
            if let Some(directory) = path.parent().filter(|path| !path.as_os_str().is_empty()) {
                DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            }
            let mut options = OpenOptions::new();
            let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
            let torn = ends_torn(&mut file)?;
            Ok(State { file, torn })
        };
        match open() {
            Ok(state) => Ok(Self { state: Mutex::new(state), sync }),
            Err(source) => Err(OpenLogError { path: path.to_owned(), source }),
        }
    }

    fn write(&self, record: &DecisionRecord) -> io::Result<()> {
        let mut state = self.lock();
        let mut line = Vec::with_capacity(1024);
        if state.torn {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, &Line::new(record))?;
        line.push(b'\n');
        // Torn until proven whole, whichever step fails.
        state.torn = true;
        state.file.write_all(&line)?;
        state.torn = false;
        if self.sync { state.file.sync_data() } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            // Whoever held it may have died between two bytes.
            let mut state = poisoned.into_inner();
            state.torn = true;
            state
        })
    }
}

impl DecisionLog for JsonLinesLog {
    fn append<'a>(&'a self, record: &'a DecisionRecord) -> LogFuture<'a> {
        Box::pin(async move { self.write(record).map_err(LogError) })
    }
}

/// Whether a file that an earlier process wrote ends in the middle of a line.
fn ends_torn(file: &mut File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0; 1];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests;
