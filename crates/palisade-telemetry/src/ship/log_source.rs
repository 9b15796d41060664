//! The decision log of this process as a source of shipping.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_log::{Cursor, LogReader, LogState, ReadLogError, SegmentLog, StoredRecord};
use tokio::sync::watch;

use super::source::{Source, SourceError, Stored};

/// Reads what is on disk, and keeps how far it is shipped beside it.
#[derive(Debug)]
pub struct LogSource {
    directory: PathBuf,
    log: Arc<SegmentLog>,
    state: watch::Receiver<LogState>,
    reader: LogReader,
    /// What was read and may be asked for again: a batch may take less than it was given, and
    /// finding a record anew takes reading its segment from the beginning.
    ahead: VecDeque<Stored>,
    cursor: Cursor,
}

impl LogSource {
    /// Ships a log that is open in this process.
    ///
    /// # Errors
    /// The cursor cannot be read.
    pub fn open(directory: &Path, log: Arc<SegmentLog>) -> io::Result<Self> {
        let cursor = Cursor::open(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            state: log.state(),
            reader: LogReader::new(directory, cursor.next()),
            ahead: VecDeque::new(),
            log,
            cursor,
        })
    }

    /// What the log says of itself.
    #[must_use]
    pub fn log_state(&self) -> watch::Receiver<LogState> {
        self.state.clone()
    }
}

impl Source for LogSource {
    async fn beyond(&mut self, from: u64) -> u64 {
        let waited = self.state.wait_for(|state| state.records > from).await;
        if let Ok(records) = waited.map(|state| state.records) {
            return records;
        }
        // The log is gone, so nothing comes any more.
        std::future::pending().await
    }

    fn read(&mut self, from: u64, max_bytes: usize) -> Result<Vec<Stored>, SourceError> {
        while self.ahead.front().is_some_and(|stored| stored.index < from) {
            self.ahead.pop_front();
        }
        if self.ahead.front().is_none_or(|stored| stored.index != from) {
            self.ahead.clear();
            if self.reader.position() != from {
                self.reader = LogReader::new(&self.directory, from);
            }
        }
        let held: usize = self.ahead.iter().map(|stored| stored.bytes.len()).sum();
        if held < max_bytes / 2 {
            let on_disk = self.state.borrow().records;
            let more = match self.reader.read(on_disk, max_bytes - held) {
                Ok(more) => more,
                Err(ReadLogError::Deleted { first }) => return Err(SourceError::Gone { first }),
                Err(error) => return Err(SourceError::Io(io::Error::other(error))),
            };
            let stored = |record: StoredRecord| Stored { index: record.index, bytes: record.bytes };
            self.ahead.extend(more.into_iter().map(stored));
        }
        Ok(self.ahead.iter().cloned().collect())
    }

    fn cursor(&self) -> u64 {
        self.cursor.next()
    }

    fn advance(&mut self, next: u64) -> Result<(), SourceError> {
        self.cursor.advance(next).map_err(SourceError::Io)?;
        self.log.shipped(next);
        Ok(())
    }
}
