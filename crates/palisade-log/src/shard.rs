//! Where threads leave records for the writer: each thread in a shard of its own, so that they do
//! not wait for one another.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::batch::{Batch, WriteFailure};
use crate::frame;

/// Shards of a log. More threads than that share them.
const SHARDS: usize = 16;

/// The shards of a log.
#[derive(Debug)]
pub(crate) struct Shards([Mutex<Shard>; SHARDS]);

/// Records that wait to be written, in frames that are not finished.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// The frames, one after the other.
    pub(crate) frames: Vec<u8>,
    /// Where each frame ends.
    pub(crate) ends: Vec<usize>,
    /// Who waits for them.
    pub(crate) batch: Arc<Batch>,
}

/// Whatever way a shard goes, nobody waits for it afterwards.
impl Drop for Shard {
    fn drop(&mut self) {
        if !self.ends.is_empty() {
            self.batch.complete(Err(WriteFailure::closed()));
        }
    }
}

impl Shards {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    /// Leaves a record; `encode` appends its fields. Tells the batch it belongs to, and how many
    /// bytes wait with it. `None` if it is too large for a frame; then it is not there.
    pub(crate) fn push(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Option<(Arc<Batch>, usize)> {
        let mut shard = self.own();
        let start = shard.frames.len();
        frame::reserve(&mut shard.frames);
        encode(&mut shard.frames);
        let end = shard.frames.len();
        // It would be acknowledged, and nobody could read it, nor what comes after it.
        if end - start > frame::HEADER_BYTES + frame::PAYLOAD_BYTES_MAX {
            shard.frames.truncate(start);
            return None;
        }
        shard.ends.push(end);
        Some((Arc::clone(&shard.batch), end))
    }

    /// Records that were left and not taken.
    pub(crate) fn waiting(&self) -> usize {
        self.0.iter().map(|shard| lock(shard).ends.len()).sum()
    }

    /// Takes what was left; `spare` takes its place.
    pub(crate) fn take(&self, mut spare: impl FnMut() -> Shard, mut tell: impl FnMut(Shard)) {
        for shard in &self.0 {
            let mut shard = lock(shard);
            if !shard.ends.is_empty() {
                let taken = std::mem::replace(&mut *shard, spare());
                drop(shard);
                tell(taken);
            }
        }
    }

    fn own(&self) -> MutexGuard<'_, Shard> {
        thread_local! {
            static OWN: Cell<Option<usize>> = const { Cell::new(None) };
        }
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let own = OWN.get().unwrap_or_else(|| {
            let own = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            OWN.set(Some(own));
            own
        });
        let [first, ..] = &self.0;
        lock(self.0.get(own).unwrap_or(first))
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(|poisoned: PoisonError<_>| {
        // Whoever held it died while it encoded: what is not a whole frame goes.
        let mut shard: MutexGuard<'_, Shard> = poisoned.into_inner();
        let whole = shard.ends.last().copied().unwrap_or(0);
        shard.frames.truncate(whole);
        shard
    })
}
