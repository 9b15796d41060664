//! Records that reach the disk together, and those who wait for that.
//!
//! Waking a task on another thread costs a lock and often a system call. So the writer wakes one
//! waiter of a batch; that one, on its own thread, wakes the others.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use palisade_core::LogError;

/// Why a batch was not kept. Can be told to many.
#[derive(Clone, Debug)]
pub(crate) struct WriteFailure {
    pub(crate) kind: io::ErrorKind,
    pub(crate) message: Arc<str>,
}

impl WriteFailure {
    /// What is said when the writer has ended.
    pub(crate) fn closed() -> Self {
        Self { kind: io::ErrorKind::BrokenPipe, message: "the log is closed".into() }
    }
}

impl From<&io::Error> for WriteFailure {
    fn from(error: &io::Error) -> Self {
        Self { kind: error.kind(), message: error.to_string().into() }
    }
}

impl From<&WriteFailure> for LogError {
    fn from(failure: &WriteFailure) -> Self {
        Self(io::Error::new(failure.kind, failure.message.to_string()))
    }
}

/// Some records of one thread.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Set once, before anybody is woken.
    result: OnceLock<Result<(), WriteFailure>>,
    /// One slot for each who waits or waited.
    waiting: Mutex<Vec<Option<Waker>>>,
}

impl Batch {
    /// Says what became of the records and wakes one who waits. What was said first holds.
    pub(crate) fn complete(&self, result: Result<(), WriteFailure>) {
        if self.result.set(result).is_err() {
            return;
        }
        let one = self.lock().iter_mut().find_map(Option::take);
        if let Some(waker) = one {
            waker.wake();
        }
    }

    /// Wakes all who wait.
    fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.lock());
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Waker>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a batch is on disk.
#[derive(Debug)]
pub(crate) struct Committed {
    batch: Arc<Batch>,
    /// Where its waker is, while it waits.
    slot: Option<usize>,
}

impl Committed {
    pub(crate) const fn of(batch: Arc<Batch>) -> Self {
        Self { batch, slot: None }
    }

    /// Takes its own waker back, if it is still there. It must not be dropped under the lock: it
    /// may be the last to hold a task, and that task may wait for the same batch.
    fn withdraw(&mut self, waiting: &mut [Option<Waker>]) -> Option<Waker> {
        self.slot.take().and_then(|slot| waiting.get_mut(slot)).and_then(Option::take)
    }
}

impl Future for Committed {
    type Output = Result<(), LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let batch = Arc::clone(&self.batch);
        let mut waiting = batch.lock();
        // Looked at under the lock: a batch completes first and looks for waiters then.
        let Some(result) = batch.result.get() else {
            let waker = Some(context.waker().clone());
            let before = match self.slot.and_then(|slot| waiting.get_mut(slot)) {
                Some(own) => std::mem::replace(own, waker),
                None => {
                    self.slot = Some(waiting.len());
                    waiting.push(waker);
                    None
                }
            };
            drop(waiting);
            drop(before);
            return Poll::Pending;
        };
        let own = self.withdraw(&mut waiting);
        drop(waiting);
        drop(own);
        batch.wake_all();
        Poll::Ready(result.as_ref().copied().map_err(LogError::from))
    }
}

/// Whoever was to wake the others and is cut off wakes them now.
impl Drop for Committed {
    fn drop(&mut self) {
        if self.slot.is_none() {
            return;
        }
        let batch = Arc::clone(&self.batch);
        let own = self.withdraw(&mut batch.lock());
        drop(own);
        if batch.result.get().is_some() {
            batch.wake_all();
        }
    }
}

#[cfg(test)]
mod tests;
