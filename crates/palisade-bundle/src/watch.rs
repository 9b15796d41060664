//! Waits until something in a directory changes.
//!
//! Editors write a file twice, or write another one and rename it; a deployment puts a whole new
//! directory in the place of the old one. A burst of such events is one change, and the directory
//! is followed by its name, not by what stood there first.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use palisade_core::{Clock as _, SystemClock};

use crate::layout;

/// How long nothing may happen for a burst to be over.
const QUIET: Duration = Duration::from_millis(60);

/// How long a burst may last until it is called a change although it goes on.
const BURST_MAX: Duration = Duration::from_secs(2);

/// How often a stop flag is looked at that nobody wakes the waiting for.
const STOP_CHECK: Duration = Duration::from_millis(100);

/// Wake-ups that wait to be taken.
// LIMIT: one is enough. What happened stands in the flags, so a wake-up that does not fit says
// nothing that the one before it does not say.
const WAKE_UPS_MAX: usize = 1;

/// A directory cannot be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The path has no directory around it, or no name in it.
    #[error("`{}` is no directory that can be watched", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
        /// Why, if the operating system said so.
        #[source]
        source: Option<std::io::Error>,
    },
    /// The operating system refused.
    #[error("cannot watch `{}`", path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: notify::Error,
    },
}

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Something in the directory changed, or may have.
    Changed,
    /// The flag was set.
    Stopped,
    /// The time is over and nothing changed.
    TimedOut,
}

/// Watches a directory and what is in it. Changes between two waits are kept for the next one.
#[derive(Debug)]
pub struct Watch {
    /// Absolute, the directory itself not resolved.
    path: PathBuf,
    watcher: Mutex<RecommendedWatcher>,
    wake_ups: Mutex<Receiver<()>>,
    waker: WatchWaker,
    seen: Arc<Seen>,
    clock: SystemClock,
}

/// What the watcher's thread saw.
#[derive(Debug, Default)]
struct Seen {
    /// Something in the directory, or it itself.
    change: AtomicBool,
    /// What stands at the path may be another directory than the one that is watched.
    replaced: AtomicBool,
}

/// Ends waiting at once, from anywhere.
#[derive(Clone, Debug)]
pub struct WatchWaker(SyncSender<()>);

impl WatchWaker {
    /// Has the wait look at its flag now. What has changed meanwhile is not lost.
    pub fn wake(&self) {
        // Full: it is about to wake up anyway.
        let _full: Result<(), _> = self.0.try_send(());
    }
}

impl Watch {
    /// Watches a directory from now on, and the one around it, to see when it is replaced.
    ///
    /// # Errors
    /// It is no directory, or cannot be watched.
    pub fn new(path: &Path) -> Result<Self, WatchError> {
        let refuse = |source| WatchError::NotADirectory { path: path.to_owned(), source };
        let absolute = std::path::absolute(path).map_err(|error| refuse(Some(error)))?;
        if !absolute.is_dir() {
            return Err(refuse(None));
        }
        // `.` and `..` have no name of their own to be followed by.
        let named = if absolute.file_name().is_some() && !path.ends_with(".") {
            absolute
        } else {
            absolute.canonicalize().map_err(|error| refuse(Some(error)))?
        };
        let around = named.parent().ok_or_else(|| refuse(None))?.to_owned();
        let (sender, wake_ups) = sync_channel(WAKE_UPS_MAX);
        let waker = WatchWaker(sender);
        let seen = Arc::new(Seen::default());
        let handler =
            Handler { path: named.clone(), waker: waker.clone(), seen: Arc::clone(&seen) };
        let watch_error = |source| WatchError::Refused { path: named.clone(), source };
        let mut watcher =
            notify::recommended_watcher(move |event| handler.handle(event)).map_err(watch_error)?;
        watcher.watch(&around, RecursiveMode::NonRecursive).map_err(watch_error)?;
        watcher.watch(&named, RecursiveMode::Recursive).map_err(watch_error)?;
        Ok(Self {
            path: named,
            watcher: Mutex::new(watcher),
            wake_ups: Mutex::new(wake_ups),
            waker,
            seen,
            clock: SystemClock::new(),
        })
    }

    /// Something that ends a wait of another thread at once.
    #[must_use]
    pub fn waker(&self) -> WatchWaker {
        self.waker.clone()
    }

    /// Waits until something changes, but no longer than `timeout`. Sleeps meanwhile; `stop` is
    /// looked at at the beginning, when woken, and every tenth of a second.
    ///
    /// A burst of changes is one: it returns when nothing has happened for some 60 ms, or after
    /// two seconds.
    pub fn wait(&self, stop: &AtomicBool, timeout: Duration) -> Watched {
        let end = self.clock.monotonic().saturating_add(timeout);
        let wake_ups = self.wake_ups.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if stop.load(Ordering::Acquire) {
                return Watched::Stopped;
            }
            if self.seen.change.swap(false, Ordering::AcqRel) {
                break;
            }
            let left = end.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return Watched::TimedOut;
            }
            match wake_ups.recv_timeout(left.min(STOP_CHECK)) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                // The other end is ours, so this cannot be; it must not spin all the same.
                Err(RecvTimeoutError::Disconnected) => return Watched::Stopped,
            }
        }
        let burst_end = self.clock.monotonic().saturating_add(BURST_MAX);
        loop {
            let left = burst_end.saturating_sub(self.clock.monotonic());
            let quiet = wake_ups.recv_timeout(left.min(QUIET)).is_err();
            if quiet && !self.seen.change.swap(false, Ordering::AcqRel) || left.is_zero() {
                break;
            }
        }
        self.follow();
        if stop.load(Ordering::Acquire) { Watched::Stopped } else { Watched::Changed }
    }

    /// Watches what stands at the path now, if that may be another directory than before.
    fn follow(&self) {
        if !self.seen.replaced.swap(false, Ordering::AcqRel) {
            return;
        }
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        // The old one may be gone, and its watch with it.
        let _gone: Result<(), notify::Error> = watcher.unwatch(&self.path);
        if watcher.watch(&self.path, RecursiveMode::Recursive).is_err() {
            // Nothing is there: the directory around it tells when that changes.
            self.seen.replaced.store(true, Ordering::Release);
        }
    }
}

/// Runs on the watcher's own thread.
struct Handler {
    path: PathBuf,
    waker: WatchWaker,
    seen: Arc<Seen>,
}

impl Handler {
    fn handle(&self, event: notify::Result<Event>) {
        // What was missed may have been a change, of anything.
        let Some(event) = event.ok().filter(|event| !event.need_rescan()) else {
            return self.tell(true);
        };
        let concerns = event.paths.iter().any(|path| self.concerns(path));
        if concerns && !matches!(event.kind, EventKind::Access(_)) {
            self.tell(event.paths.contains(&self.path));
        }
    }

    fn tell(&self, replaced: bool) {
        if replaced {
            self.seen.replaced.store(true, Ordering::Release);
        }
        self.seen.change.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether the path is the directory or a part of the bundle in it.
    fn concerns(&self, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(&self.path) else { return false };
        let skipped = |part: &std::ffi::OsStr| part.to_str().is_some_and(layout::is_skipped);
        !inside.iter().any(skipped)
    }
}

#[cfg(test)]
mod tests;
