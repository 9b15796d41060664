//! The decision log: what appends, and opens and closes it.

use std::fs::File;
use std::future::ready;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};

use palisade_core::{Clock, DecisionLog, LogEntry, LogError, LogFuture};
use prost::Message as _;
use tokio::sync::watch;

use crate::batch::{Committed, WriteFailure};
use crate::checkpoint::{CheckpointKey, CheckpointKeyError};
use crate::config::{Durability, LogConfig, OnFailure};
use crate::disk::{self, Disk, LocalDisk};
use crate::encode;
use crate::recovery::{self, Damage, RecoverError};
use crate::shard::Shards;
use crate::state::{LogState, Shared, Unlogged};
use crate::writer::{Writer, WriterParts};

/// Held by the process that writes the log.
const LOCK_FILE_NAME: &str = "lock";

/// Bytes of records that may wait in one shard without anybody waiting for them.
// LIMIT: some ten thousand records; a disk that is slower than that slows the callers down.
const UNAWAITED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenLogError {
    /// It is not as it was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// A file cannot be read or written.
    #[error("the decision log in `{}` cannot be opened", directory.display())]
    File {
        /// The log.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process writes it.
    #[error("the decision log in `{}` is open in another process", directory.display())]
    InUse {
        /// The log.
        directory: PathBuf,
    },
    /// The key of checkpoints cannot be used.
    #[error(transparent)]
    Key(#[from] CheckpointKeyError),
}

/// An append-only log in segments, with a Merkle tree over its records.
///
/// Records of all threads are written together by a thread of its own. [`SegmentLog::close`] has
/// to be called in the end; a log that is dropped without it closes as well.
#[derive(Debug)]
pub struct SegmentLog {
    shared: Arc<Shared>,
    clock: Clocked,
    durability: Durability,
    verifier_key: String,
    writer: Thread,
    handle: Mutex<Option<JoinHandle<()>>>,
    /// Locked as long as the log is open.
    _lock: File,
}

/// A clock in a type that is printed.
struct Clocked(Arc<dyn Clock>);

impl std::fmt::Debug for Clocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl SegmentLog {
    /// Opens the log, or begins one: what a process that died was writing is taken away, and that
    /// the log was opened is on record when this returns.
    ///
    /// # Errors
    /// It is damaged, in use, or cannot be written.
    pub fn open(config: LogConfig, clock: Arc<dyn Clock>) -> Result<Self, OpenLogError> {
        Self::open_on(config, clock, Box::new(LocalDisk))
    }

    pub(crate) fn open_on(
        config: LogConfig,
        clock: Arc<dyn Clock>,
        disk: Box<dyn Disk>,
    ) -> Result<Self, OpenLogError> {
        let directory = config.directory.clone();
        let failed = |source| OpenLogError::File { directory: directory.clone(), source };
        disk::create_directory(&directory).map_err(failed)?;
        let lock = lock(&config)?;
        let key = CheckpointKey::open(&config.checkpoint_key)?;
        let recovered =
            recovery::recover(&directory, config.segment_bytes, clock.now(), disk.as_ref());
        let recovered = recovered.map_err(|error| match error {
            RecoverError::Damage(damage) => damage.into(),
            RecoverError::Io(error) => failed(error),
        })?;
        if recovered.torn_bytes > 0 {
            tracing::warn!(
                bytes = recovered.torn_bytes,
                "a record that was being written when the process before died was taken away"
            );
        }
        let shipped = crate::Cursor::open(&directory).map_err(failed)?.next();
        let shared = Arc::new(Shared {
            shards: Shards::new(),
            available: AtomicBool::new(true),
            stop: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            shipped: AtomicU64::new(shipped),
            unlogged: Mutex::new(Unlogged::default()),
            unlogged_total: AtomicU64::new(0),
            state: watch::Sender::new(LogState::default()),
            on_failure: config.on_failure,
            answers_at_once: matches!(config.durability, Durability::Interval(_)),
        });
        let (durability, verifier_key) = (config.durability, key.verifier_key().to_owned());
        let parts = WriterParts {
            config,
            clock: Arc::clone(&clock),
            disk,
            key,
            shared: Arc::clone(&shared),
            recovered,
        };
        let writer = Writer::open(parts)
            .map_err(|failure| failed(io::Error::new(failure.kind, failure.message.to_string())))?;
        let builder = thread::Builder::new().name("decision-log".to_owned());
        let handle = builder.spawn(|| writer.run()).map_err(failed)?;
        let writer = handle.thread().clone();
        let handle = Mutex::new(Some(handle));
        let clock = Clocked(clock);
        Ok(Self { shared, clock, durability, verifier_key, writer, handle, _lock: lock })
    }

    /// What the log says of itself, now and whenever it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<LogState> {
        self.shared.state.subscribe()
    }

    /// Records that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.shards.waiting()
    }

    /// Answers of this process that were not recorded.
    #[must_use]
    pub fn unlogged(&self) -> u64 {
        self.shared.unlogged_total.load(Ordering::Relaxed)
    }

    /// The public key of the checkpoints of this process.
    #[must_use]
    pub fn verifier_key(&self) -> &str {
        &self.verifier_key
    }

    /// Everything before this record was shipped.
    pub fn shipped(&self, next: u64) {
        self.shared.shipped.store(next, Ordering::Release);
    }

    /// Writes what was appended, signs a checkpoint, and ends. Whatever is appended from now on
    /// fails.
    pub fn close(&self) {
        // Locked until it has ended, so that it is closed for whoever calls this meanwhile.
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.stop.store(true, Ordering::Release);
        self.writer.unpark();
        if handle.take().is_some_and(|handle| handle.join().is_err()) {
            tracing::error!("the thread that writes the decision log panicked");
        }
    }

    /// The log cannot take an entry, for this reason or else for that of the last failure.
    fn refuse(&self, why: Option<WriteFailure>) -> Result<(), LogError> {
        let now = self.clock.0.now();
        let mut unlogged = self.shared.unlogged();
        unlogged.add(1, now);
        unlogged.answered |= self.shared.on_failure == OnFailure::Answer;
        if let Some(why) = &why {
            unlogged.cause.get_or_insert_with(|| why.clone());
        }
        let cause = why.or_else(|| unlogged.cause.clone());
        drop(unlogged);
        self.shared.unlogged_total.fetch_add(1, Ordering::Relaxed);
        match self.shared.on_failure {
            OnFailure::Answer => Ok(()),
            OnFailure::Deny => Err(LogError::from(&cause.unwrap_or_else(WriteFailure::closed))),
        }
    }

    /// Lets the writer look at the clock.
    #[cfg(test)]
    pub(crate) fn nudge(&self) {
        self.writer.unpark();
    }
}

impl DecisionLog for SegmentLog {
    fn append<'a>(&'a self, entry: LogEntry<'_>) -> LogFuture<'a> {
        if !self.is_available() {
            return Box::pin(ready(self.refuse(None)));
        }
        let record = encode::record(entry);
        let pushed = self.shared.shards.push(|frames| {
            // Space is made as it is needed, so this cannot fail.
            let _written = record.encode(frames);
        });
        let Some((batch, waiting)) = pushed else {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "the record is too large");
            let refused = self.refuse(Some(WriteFailure::from(&why)));
            self.writer.unpark();
            return Box::pin(ready(refused));
        };
        // The writer may have ended since it was asked whether it is there.
        if self.shared.gone.load(Ordering::Acquire) {
            self.shared.refuse_rest(self.clock.0.now());
            return Box::pin(Committed::of(batch));
        }
        match self.durability {
            Durability::Interval(_) if waiting <= UNAWAITED_BYTES_MAX => Box::pin(ready(Ok(()))),
            Durability::Commit | Durability::Interval(_) => {
                self.writer.unpark();
                Box::pin(Committed::of(batch))
            }
        }
    }

    fn is_available(&self) -> bool {
        self.shared.available.load(Ordering::Acquire)
    }
}

impl Drop for SegmentLog {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock(config: &LogConfig) -> Result<File, OpenLogError> {
    let directory = config.directory.clone();
    let path = directory.join(LOCK_FILE_NAME);
    let file = match File::options().create(true).truncate(false).write(true).open(path) {
        Ok(file) => file,
        Err(source) => return Err(OpenLogError::File { directory, source }),
    };
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenLogError::InUse { directory }),
        Err(std::fs::TryLockError::Error(source)) => Err(OpenLogError::File { directory, source }),
    }
}

#[cfg(test)]
mod tests;
