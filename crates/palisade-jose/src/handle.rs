//! What readers of a document hold: always the last good one, never a wait.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

use palisade_core::EpochMillis;

use crate::key_set::KeySet;

/// A hook, see [`Handle::on_change`].
type Hook = Box<dyn Fn() + Send + Sync>;

/// How the last look at a document went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStatus {
    /// When a look at it succeeded last.
    pub fetched_at: Option<EpochMillis>,
    /// How many looks failed since.
    pub failures: u32,
    /// Stable code of the last failure; `None` after a success.
    pub last_error: Option<&'static str>,
}

/// Access to one document that is kept fresh. Cheap to clone.
pub struct Handle<T> {
    pub(crate) slot: Arc<Slot<T>>,
    pub(crate) signal: Arc<Signal>,
}

impl<T> Handle<T> {
    /// The last good document; `None` if there was none yet, or it was withdrawn.
    #[must_use]
    pub fn current(&self) -> Option<Arc<T>> {
        self.slot.read().1.clone()
    }

    /// Counts the documents: another number, another document.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.slot.read().0
    }

    /// How the last look went.
    #[must_use]
    pub fn status(&self) -> SourceStatus {
        *self.slot.status()
    }

    /// Asks for a look before the next one is due. Does not wait for it, and does nothing more
    /// often than once in [`minimum_refetch`](crate::Source::minimum_refetch), nor while the origin
    /// fails.
    pub fn wants_newer(&self) {
        if !self.slot.wanted.swap(true, Ordering::AcqRel) {
            self.signal.wake();
        }
    }

    /// Has a hook called after every look at the document, whether it brought anything or not: by
    /// then [`Handle::generation`] and [`Handle::status`] tell. It is called on the thread that
    /// keeps all documents fresh, so it must neither wait nor panic. Hooks are not removed.
    pub fn on_change(&self, hook: Box<dyn Fn() + Send + Sync>) {
        self.slot.hooks.write().unwrap_or_else(PoisonError::into_inner).push(hook);
    }
}

impl Handle<KeySet> {
    /// Says that a token names this key. Asks for a look, as [`Handle::wants_newer`] does, if it is
    /// not known.
    pub fn wants(&self, key_id: &str) {
        if !self.current().is_some_and(|keys| keys.knows(key_id)) {
            self.wants_newer();
        }
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self { slot: Arc::clone(&self.slot), signal: Arc::clone(&self.signal) }
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Where a document lies.
pub(crate) struct Slot<T> {
    /// Held to copy or replace a pointer, nothing else.
    current: RwLock<(u64, Option<Arc<T>>)>,
    status: Mutex<SourceStatus>,
    hooks: RwLock<Vec<Hook>>,
    /// Somebody asked for a look.
    pub(crate) wanted: AtomicBool,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Self {
            current: RwLock::new((0, None)),
            status: Mutex::default(),
            hooks: RwLock::default(),
            wanted: AtomicBool::new(false),
        }
    }

    /// Replaces the document; its generation.
    pub(crate) fn publish(&self, document: T, now: EpochMillis) -> u64 {
        let generation = self.replace(Some(Arc::new(document)));
        self.confirm(now);
        generation
    }

    /// Takes the document away.
    pub(crate) fn withdraw(&self) {
        self.replace(None);
    }

    /// Notes a success.
    pub(crate) fn confirm(&self, now: EpochMillis) {
        let fetched_at = Some(now);
        *self.status() = SourceStatus { fetched_at, failures: 0, last_error: None };
    }

    /// Notes a failure; whether it is another one than before.
    pub(crate) fn fail(&self, code: &'static str, failures: u32) -> bool {
        let mut status = self.status();
        let is_new = status.last_error != Some(code);
        status.failures = failures;
        status.last_error = Some(code);
        is_new
    }

    /// Calls the hooks.
    pub(crate) fn tell(&self) {
        for hook in self.hooks.read().unwrap_or_else(PoisonError::into_inner).iter() {
            hook();
        }
    }

    fn replace(&self, document: Option<Arc<T>>) -> u64 {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let generation = current.0.wrapping_add(1);
        *current = (generation, document);
        generation
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, (u64, Option<Arc<T>>)> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> std::sync::MutexGuard<'_, SourceStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the thread.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<SignalState>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct SignalState {
    woken: bool,
    stopped: bool,
}

impl Signal {
    pub(crate) fn wake(&self) {
        self.lock().woken = true;
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits for that long, or until woken; false: stop.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        let idle = |state: &mut SignalState| !state.woken && !state.stopped;
        let mut state = self
            .changed
            .wait_timeout_while(self.lock(), at_most, idle)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        state.woken = false;
        !state.stopped
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, SignalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
