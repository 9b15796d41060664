//! What the log says of itself, and what its threads share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use palisade_core::EpochMillis;
use tokio::sync::watch;

use crate::batch::WriteFailure;
use crate::config::OnFailure;
use crate::shard::{Shard, Shards};

/// What the log says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// Records on disk, deleted ones included: the index of the next one.
    pub records: u64,
    /// The first record that was not deleted.
    pub first: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of the segments, space taken in advance included.
    pub bytes: u64,
    /// Whether the last try to write succeeded.
    pub available: bool,
    /// Answers of this process that were not recorded.
    pub unlogged: u64,
    /// Batches written by this process.
    pub batches: u64,
}

/// Answers that were not recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unlogged {
    /// How many.
    pub(crate) count: u64,
    /// When the first was given.
    pub(crate) first: Option<EpochMillis>,
    /// When the last was given.
    pub(crate) last: Option<EpochMillis>,
    /// Why.
    pub(crate) cause: Option<WriteFailure>,
    /// Some were answered all the same.
    pub(crate) answered: bool,
}

impl Unlogged {
    /// Counts some more.
    pub(crate) fn add(&mut self, count: u64, now: EpochMillis) {
        self.count += count;
        self.first.get_or_insert(now);
        self.last = Some(now);
    }
}

/// What appending threads and the writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) shards: Shards,
    /// Whether appending makes sense: the last write succeeded and the log is open.
    pub(crate) available: AtomicBool,
    /// The writer is to end.
    pub(crate) stop: AtomicBool,
    /// The writer has ended: nobody takes what is left in the shards from now on.
    pub(crate) gone: AtomicBool,
    /// The first record that was not shipped yet.
    pub(crate) shipped: AtomicU64,
    pub(crate) unlogged: Mutex<Unlogged>,
    /// Answers that were not recorded since the log was opened.
    pub(crate) unlogged_total: AtomicU64,
    pub(crate) state: watch::Sender<LogState>,
    pub(crate) on_failure: OnFailure,
    /// Answers do not wait for the disk.
    pub(crate) answers_at_once: bool,
}

impl Shared {
    /// Tells who waits that their records are not kept, and counts them.
    pub(crate) fn refuse(&self, shard: &Shard, failure: &WriteFailure, now: EpochMillis) {
        let records = u64::try_from(shard.ends.len()).unwrap_or(u64::MAX);
        let mut unlogged = self.unlogged();
        unlogged.add(records, now);
        unlogged.answered |= self.answers_at_once || self.on_failure == OnFailure::Answer;
        drop(unlogged);
        self.unlogged_total.fetch_add(records, Ordering::Relaxed);
        shard.batch.complete(match self.on_failure {
            OnFailure::Answer => Ok(()),
            OnFailure::Deny => Err(failure.clone()),
        });
    }

    /// The same for all that is left in the shards when the writer has ended.
    pub(crate) fn refuse_rest(&self, now: EpochMillis) {
        self.shards.take(Shard::default, |shard| self.refuse(&shard, &WriteFailure::closed(), now));
    }

    pub(crate) fn unlogged(&self) -> MutexGuard<'_, Unlogged> {
        self.unlogged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
