//! Tells of changes of a directory, from a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::watch::{Watch, WatchError, WatchWaker, Watched};

/// Waits for changes until it is dropped.
#[derive(Debug)]
pub(super) struct Watching {
    stop: Arc<AtomicBool>,
    waker: WatchWaker,
    thread: Option<JoinHandle<()>>,
}

/// The longest wait for a change.
const WAIT_MAX: Duration = Duration::from_secs(3600);

impl Watching {
    /// Begins. `changed` is called after each burst of changes, until it says that nobody listens.
    pub(super) fn start(
        path: &Path,
        changed: impl Fn() -> bool + Send + 'static,
    ) -> Result<Self, WatchError> {
        let watch = Watch::new(path)?;
        let (stop, waker) = (Arc::new(AtomicBool::new(false)), watch.waker());
        let stopped = Arc::clone(&stop);
        let follow = move || {
            loop {
                match watch.wait(&stopped, WAIT_MAX) {
                    Watched::Changed if changed() => {}
                    Watched::Changed | Watched::Stopped => break,
                    Watched::TimedOut => {}
                }
            }
        };
        let thread = super::spawn("palisade-watch", follow).map_err(|source| {
            WatchError::NotADirectory { path: path.to_owned(), source: Some(source) }
        })?;
        Ok(Self { stop, waker, thread: Some(thread) })
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // It does nothing that could panic; if it did, nobody is left to be told of changes.
            let _ended = thread.join().is_ok();
        }
    }
}
