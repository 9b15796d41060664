//! One thread that keeps documents fresh: key sets, trust bundles.
//!
//! Those who decide read the last good document and never wait for the network. The thread does
//! one thing after another; a server that does not answer holds it for no longer than its
//! [`timeout`](Source::timeout), and then backs off.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use palisade_core::Clock;

use crate::handle::{Handle, Signal, Slot};
use crate::keeper::Keeper;
use crate::key_set::KeySet;
use crate::source::{Origin, Source, is_acceptable};

/// Documents one thread follows.
// LIMIT: it looks at them one after another, each for at most its timeout.
pub const SOURCES_MAX: usize = 64;

/// How long the thread rests if nothing will ever be due.
const REST: Duration = Duration::from_hours(1);

/// Follows key sets.
pub type KeyFollower = Follower<KeySet>;
/// Access to one key set.
pub type KeyHandle = Handle<KeySet>;
/// Where a key set is.
pub type KeyOrigin = Origin<KeySet>;
/// A key set to keep fresh.
pub type KeySource = Source<KeySet>;

/// Keeps documents fresh until it is dropped. Handles outlive it, with what they have.
pub struct Follower<T> {
    handles: HashMap<String, Handle<T>>,
    signal: Arc<Signal>,
}

impl<T: Clone + Send + Sync + 'static> Follower<T> {
    /// Starts the thread. Fixed documents and files are read before this returns; whether they
    /// could be read is in their handle's status. Servers are asked afterwards.
    ///
    /// # Errors
    /// More than [`SOURCES_MAX`] sources, two of one name, a URL that is neither `https` nor on
    /// this machine, or no thread to be had.
    pub fn start(
        sources: Vec<Source<T>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartFollowerError> {
        if sources.len() > SOURCES_MAX {
            let (sources, limit) = (sources.len(), SOURCES_MAX);
            return Err(StartFollowerError::TooMany { sources, limit });
        }
        let signal = Arc::new(Signal::default());
        let mut handles = HashMap::new();
        let mut watched = Vec::with_capacity(sources.len());
        for source in sources {
            if let Origin::Url(url) = &source.origin
                && !is_acceptable(url)
            {
                return Err(StartFollowerError::Url { name: source.name });
            }
            let slot = Arc::new(Slot::new());
            let handle = Handle { slot: Arc::clone(&slot), signal: Arc::clone(&signal) };
            if handles.insert(source.name.clone(), handle).is_some() {
                return Err(StartFollowerError::DuplicateName { name: source.name });
            }
            watched.push((source, slot));
        }
        let mut keeper = Keeper::new(watched, clock, fastrand::Rng::new());
        keeper.step_files();
        let waits_for = Arc::clone(&signal);
        thread::Builder::new()
            .name("palisade-keys".to_owned())
            .spawn(move || while waits_for.wait(step(&mut keeper)) {})
            .map_err(StartFollowerError::Thread)?;
        Ok(Self { handles, signal })
    }

    /// Access to the document of this name; `None` if there is none.
    #[must_use]
    pub fn handle(&self, name: &str) -> Option<Handle<T>> {
        self.handles.get(name).cloned()
    }
}

/// Does what is due; how long to rest then.
///
/// FAIL-CLOSED: were the thread to end with a panic, revoked keys would be good for ever.
fn step<T: Clone + Send + Sync + 'static>(keeper: &mut Keeper<T>) -> Duration {
    match panic::catch_unwind(AssertUnwindSafe(|| keeper.step())) {
        Ok(wait) => wait.unwrap_or(REST),
        Err(_panic) => {
            tracing::error!("a document's reader or hook panicked");
            Duration::ZERO
        }
    }
}

/// Stops the thread once it has finished what it does; does not wait for that.
impl<T> Drop for Follower<T> {
    fn drop(&mut self) {
        self.signal.stop();
    }
}

impl<T> fmt::Debug for Follower<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("sources", &self.handles.len()).finish_non_exhaustive()
    }
}

/// Why documents cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartFollowerError {
    /// Two sources have one name.
    #[error("two sources are named `{name}`")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// The system gives no thread.
    #[error("the thread that follows documents cannot be started")]
    Thread(#[source] io::Error),
    /// More sources than the limit.
    #[error("there are {sources} sources; the limit is {limit}")]
    TooMany {
        /// How many.
        sources: usize,
        /// The limit.
        limit: usize,
    },
    /// The URL is neither `https` nor on this machine, or has credentials in it.
    #[error("the URL of `{name}` has to be https, or http on this machine, without credentials")]
    Url {
        /// The source's name.
        name: String,
    },
}

#[cfg(test)]
mod tests;
