//! The one thread that writes: takes what others left, puts it on disk in one go, says so.
//!
//! While a write fails, records are refused and counted; the writer tries again until one
//! succeeds, and begins with a record of the gap.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use palisade_core::{Clock, EpochMillis};
use palisade_proto::v1;
use palisade_proto::v1::record::Entry;
use prost::Message as _;

use crate::batch::WriteFailure;
use crate::checkpoint::CheckpointKey;
use crate::config::{Durability, LogConfig};
use crate::disk::Disk;
use crate::frame;
use crate::recovery::{Active, CHECKPOINT_FILE_NAME, Recovered, Sealed, begin_segment};
use crate::segment::FRAMES_START;
use crate::shard::Shard;
use crate::state::{LogState, Shared, Unlogged};
use crate::tree::Tree;

mod retention;

/// How long after a failed write the next is tried.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Bytes of a buffer that is kept for the next batch.
const SPARE_BYTES_MAX: usize = 1024 * 1024;

/// What a writer is made of.
pub(crate) struct WriterParts {
    pub(crate) config: LogConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Box<dyn Disk>,
    pub(crate) key: CheckpointKey,
    pub(crate) shared: Arc<Shared>,
    pub(crate) recovered: Recovered,
}

/// Writes one log.
pub(crate) struct Writer {
    config: LogConfig,
    clock: Arc<dyn Clock>,
    disk: Box<dyn Disk>,
    key: CheckpointKey,
    shared: Arc<Shared>,
    tree: Tree,
    sealed: Vec<Sealed>,
    active: Active,
    /// The next record after the newest checkpoint.
    checkpointed: u64,
    /// When the next checkpoint is due, in monotonic time.
    checkpoint_at: Duration,
    /// When retention is looked at again.
    retain_at: Duration,
    /// Records stay that are due but not shipped; said once.
    is_holding_back: bool,
    /// The last write failed; when it is tried again.
    retry_at: Option<Duration>,
    spares: Vec<Shard>,
    batches: u64,
}

impl Writer {
    /// Writes that the log was opened.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn open(parts: WriterParts) -> Result<Self, WriteFailure> {
        let WriterParts { config, clock, disk, key, shared, recovered } = parts;
        let Recovered { tree, sealed, active, torn_bytes, was_closed } = recovered;
        let opened = v1::OpenedEntry {
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            waits_for_disk: config.durability == Durability::Commit,
            was_closed,
            torn_bytes,
            verifier_key: key.verifier_key().to_owned(),
        };
        let now = clock.monotonic();
        let mut writer = Self {
            checkpointed: tree.size(),
            checkpoint_at: now.saturating_add(config.checkpoint_interval),
            retain_at: now,
            is_holding_back: false,
            retry_at: None,
            spares: Vec::new(),
            batches: 0,
            config,
            clock,
            disk,
            key,
            shared,
            tree,
            sealed,
            active,
        };
        writer.commit_own(Entry::Opened(opened))?;
        Ok(writer)
    }

    /// Writes until it is told to stop, then closes the log.
    pub(crate) fn run(mut self) {
        let (shared, clock) = (Arc::clone(&self.shared), Arc::clone(&self.clock));
        let _guard = DenyWhenGone { shared, clock };
        loop {
            // Looked at first, so that what was left before it was set is still written.
            let stopping = self.shared.stop.load(Ordering::Acquire);
            self.tend();
            if stopping {
                return self.close();
            }
            std::thread::park_timeout(self.patience());
            // If those who append have this processor, too, they go on first: more records come
            // together, and each costs less. Otherwise this returns at once.
            std::thread::yield_now();
        }
    }

    /// Does whatever is to be done now.
    fn tend(&mut self) {
        if self.retry_at.is_some_and(|retry_at| self.clock.monotonic() >= retry_at) {
            self.try_again();
        }
        let waiting = self.take_waiting();
        if self.retry_at.is_some() {
            return self.refuse(waiting);
        }
        let missing = std::mem::take(&mut *self.shared.unlogged());
        if self.commit_with_gap(waiting, missing).is_err() || self.retry_at.is_some() {
            return;
        }
        let now = self.clock.monotonic();
        if now >= self.checkpoint_at {
            self.checkpoint_at = now.saturating_add(self.config.checkpoint_interval);
            self.checkpoint(false);
        }
        if now >= self.retain_at {
            self.retain_at = now.saturating_add(retention::PERIOD);
            self.retain();
        }
    }

    /// How long it may sleep if nobody wakes it.
    fn patience(&self) -> Duration {
        let now = self.clock.monotonic();
        // While writes fail, nothing else is done, however long it has been due.
        let next = self.retry_at.unwrap_or_else(|| self.checkpoint_at.min(self.retain_at));
        let patience = next.saturating_sub(now);
        let patience = match self.config.durability {
            Durability::Commit => patience,
            Durability::Interval(interval) => patience.min(interval),
        };
        patience.max(Duration::from_millis(1))
    }

    fn take_waiting(&mut self) -> Vec<Shard> {
        let mut waiting = Vec::new();
        let Self { shared, spares, .. } = self;
        shared.shards.take(|| spares.pop().unwrap_or_default(), |shard| waiting.push(shard));
        waiting
    }

    fn commit_with_gap(
        &mut self,
        mut waiting: Vec<Shard>,
        missing: Unlogged,
    ) -> Result<(), WriteFailure> {
        if missing.count > 0 {
            let cause = missing.cause.as_ref().map_or("", |failure| &failure.message);
            let gap = v1::GapEntry {
                records: missing.count,
                first_unix_ms: missing.first.map_or(0, EpochMillis::as_millis),
                last_unix_ms: missing.last.map_or(0, EpochMillis::as_millis),
                cause: cause.to_owned(),
                answered: missing.answered,
            };
            waiting.insert(0, self.own_shard(Entry::Gap(gap)));
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let own = usize::from(missing.count > 0);
        self.commit(waiting, own).inspect_err(|_| self.give_back(missing))
    }

    /// Counts again what could not be recorded as a gap either.
    fn give_back(&self, missing: Unlogged) {
        let mut unlogged = self.shared.unlogged();
        unlogged.count += missing.count;
        unlogged.answered |= missing.answered;
        unlogged.first = missing.first.or(unlogged.first);
        unlogged.last = unlogged.last.or(missing.last);
        unlogged.cause = missing.cause.or_else(|| unlogged.cause.take());
    }

    fn commit_own(&mut self, entry: Entry) -> Result<(), WriteFailure> {
        let shard = self.own_shard(entry);
        self.commit(vec![shard], 1)
    }

    fn own_shard(&self, entry: Entry) -> Shard {
        let record =
            v1::Record { index: 0, time_unix_ms: self.clock.now().as_millis(), entry: Some(entry) };
        let mut shard = Shard::default();
        frame::reserve(&mut shard.frames);
        shard.frames.extend(record.encode_to_vec());
        shard.ends.push(shard.frames.len());
        shard
    }

    /// Puts records on disk, the first `own` shards being the log's own, and tells who waits.
    fn commit(&mut self, mut shards: Vec<Shard>, own: usize) -> Result<(), WriteFailure> {
        match self.write(&mut shards) {
            Ok(end) => {
                self.active.offset = end;
                self.batches += 1;
                for shard in &shards {
                    shard.batch.complete(Ok(()));
                }
                self.grow_tree(&shards);
                self.keep_spares(shards);
                self.tell_state();
                Ok(())
            }
            Err(error) => {
                let failure = WriteFailure::from(&error);
                self.fail(&failure);
                self.refuse(shards.split_off(own.min(shards.len())));
                Err(failure)
            }
        }
    }

    /// Writes and waits for the disk. Tells where the next frame goes.
    fn write(&mut self, shards: &mut [Shard]) -> std::io::Result<u64> {
        let bytes: usize = shards.iter().map(|shard| shard.frames.len()).sum();
        let end = self.active.offset.saturating_add(to_u64(bytes));
        if self.active.offset > FRAMES_START && end > self.config.segment_bytes {
            self.rotate()?;
        }
        let committed = self.active.offset;
        let mut offset = committed;
        let mut index = self.tree.size();
        for shard in shards {
            let mut start = 0;
            for end in &shard.ends {
                if let Some(frame) = shard.frames.get_mut(start..*end) {
                    frame::finish(frame, index, committed);
                }
                start = *end;
                index += 1;
            }
            self.disk.write_at(&self.active.file, &shard.frames, offset)?;
            offset += to_u64(shard.frames.len());
        }
        self.disk.sync_data(&self.active.file)?;
        Ok(offset)
    }

    /// Adds to the tree what is on disk now.
    fn grow_tree(&mut self, shards: &[Shard]) {
        for shard in shards {
            let mut start = 0;
            for end in &shard.ends {
                let payload = shard.frames.get(start + frame::HEADER_BYTES..*end);
                self.tree.push(tlog_tiles::record_hash(payload.unwrap_or_default()));
                start = *end;
            }
        }
        // The records are kept, so nobody is told; but no more are taken until this is mended.
        if let Err(error) = self.tree.write(self.disk.as_ref()) {
            self.fail(&WriteFailure::from(&error));
        }
    }

    fn keep_spares(&mut self, shards: Vec<Shard>) {
        for mut shard in shards {
            if shard.frames.capacity() <= SPARE_BYTES_MAX && self.spares.len() < 16 {
                shard.frames.clear();
                shard.ends.clear();
                shard.batch = Arc::default();
                self.spares.push(shard);
            }
        }
    }

    /// Seals the segment and begins the next.
    fn rotate(&mut self) -> std::io::Result<()> {
        let disk = self.disk.as_ref();
        let Active { file, path, first, begun, offset, bytes: _ } = &self.active;
        // What a failed write left behind goes.
        disk.truncate(file, *offset)?;
        disk.sync_all(file)?;
        // From here on only the last segment's hashes can be missing.
        self.tree.sync(disk)?;
        if *offset == FRAMES_START {
            disk.allocate(file, self.config.segment_bytes)?;
            disk.sync_all(file)?;
            return Ok(());
        }
        let file = crate::segment::SegmentFile { first: *first, path: path.clone() };
        let sealed = Sealed { file, bytes: *offset, begun: *begun };
        let now = self.clock.now();
        let Self { config, tree, .. } = self;
        let next = begin_segment(&config.directory, tree, config.segment_bytes, now, disk)?;
        self.active = next;
        self.sealed.push(sealed);
        // Looked at with the next thing to do.
        self.retain_at = Duration::ZERO;
        Ok(())
    }

    /// Signs a checkpoint if there is anything new.
    fn checkpoint(&mut self, closing: bool) {
        let size = self.tree.size();
        if size == self.checkpointed && !closing {
            return;
        }
        let Some(note) = self.key.sign(size, self.tree.root()) else { return };
        let entry = v1::CheckpointEntry { note: note.clone(), closing };
        if self.commit_own(Entry::Checkpoint(entry)).is_err() {
            return;
        }
        self.checkpointed = self.tree.size();
        let path: PathBuf = self.config.directory.join(CHECKPOINT_FILE_NAME);
        if let Err(error) = self.disk.replace(&path, note.as_bytes()) {
            tracing::warn!(path = %path.display(), %error, "the checkpoint file cannot be written");
        }
    }

    /// Takes no more records until a write succeeds.
    fn fail(&mut self, failure: &WriteFailure) {
        if self.retry_at.is_none() {
            tracing::error!(error = %failure.message, "the decision log cannot be written");
        }
        self.shared.available.store(false, Ordering::Release);
        self.shared.unlogged().cause.get_or_insert_with(|| failure.clone());
        self.retry_at = Some(self.clock.monotonic().saturating_add(RETRY_AFTER));
        self.tell_state();
    }

    /// Tells who waits that their records are not kept, and counts them.
    fn refuse(&mut self, shards: Vec<Shard>) {
        if shards.is_empty() {
            return;
        }
        let cause = self.shared.unlogged().cause.clone();
        let failure = cause.unwrap_or_else(WriteFailure::closed);
        for shard in shards {
            self.shared.refuse(&shard, &failure, self.clock.now());
        }
        self.tell_state();
    }

    /// Tries to write the record of the gap, in a segment that no failed write has touched.
    fn try_again(&mut self) {
        let disk = self.disk.as_ref();
        let ready = self.tree.write(disk).and_then(|()| self.rotate());
        if let Err(error) = ready {
            return self.fail(&WriteFailure::from(&error));
        }
        // Its cause stays: records are refused for it until the gap is on disk.
        let missing = {
            let mut unlogged = self.shared.unlogged();
            let cause = unlogged.cause.clone();
            std::mem::replace(&mut *unlogged, Unlogged { cause, ..Unlogged::default() })
        };
        let records = missing.count;
        let failed = self.retry_at.take();
        let committed = self.commit_with_gap(Vec::new(), missing);
        // Also if it was written and its hash was not.
        if committed.is_ok() && self.retry_at.is_none() {
            self.shared.available.store(true, Ordering::Release);
            self.tell_state();
            tracing::info!(unlogged = records, "the decision log can be written again");
        } else {
            self.retry_at = self.retry_at.or(failed);
        }
    }

    fn close(mut self) {
        if self.retry_at.is_some() {
            self.try_again();
        }
        self.shared.available.store(false, Ordering::Release);
        let waiting = self.take_waiting();
        if self.retry_at.is_some() {
            return self.refuse(waiting);
        }
        let missing = std::mem::take(&mut *self.shared.unlogged());
        if self.commit_with_gap(waiting, missing).is_err() {
            return;
        }
        self.checkpoint(true);
        let disk = self.disk.as_ref();
        let closed = self.tree.sync(disk).and_then(|()| {
            disk.truncate(&self.active.file, self.active.offset)?;
            disk.sync_all(&self.active.file)
        });
        if let Err(error) = closed {
            tracing::warn!(%error, "the decision log could not be closed; it will be recovered");
        }
        self.tell_state();
    }

    fn tell_state(&self) {
        let sealed: u64 = self.sealed.iter().map(|segment| segment.bytes).sum();
        let first = self.sealed.first().map_or(self.active.first, |segment| segment.file.first);
        let unlogged = self.shared.unlogged_total.load(Ordering::Relaxed);
        self.shared.state.send_replace(LogState {
            records: self.tree.size(),
            first,
            segments: to_u64(self.sealed.len()) + 1,
            bytes: sealed + self.active.bytes.max(self.active.offset),
            available: self.shared.available.load(Ordering::Relaxed),
            unlogged,
            batches: self.batches,
        });
    }
}

/// When the writer ends, by whatever way, nobody waits for it.
struct DenyWhenGone {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

impl Drop for DenyWhenGone {
    fn drop(&mut self) {
        self.shared.available.store(false, Ordering::Release);
        // What is left after the last look is refused by whoever leaves it.
        self.shared.gone.store(true, Ordering::Release);
        self.shared.refuse_rest(self.clock.now());
        let unlogged = self.shared.unlogged_total.load(Ordering::Relaxed);
        self.shared.state.send_modify(|state| {
            state.available = false;
            state.unlogged = unlogged;
        });
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
