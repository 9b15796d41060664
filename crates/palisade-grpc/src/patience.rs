//! How long a call waits: for a version of the bundle that is not in force yet, or for keys of an
//! issuer that are not known yet.
//!
//! A caller that has seen a newer version elsewhere must not get an answer of an older one. The
//! version usually comes within a moment, so the call waits for it; but not past its own deadline,
//! where it could no longer say why it has no answer, and not in any number, because a caller can
//! name a version that never comes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use palisade_pdp::{IssuerKeys, Pdp};

/// The part of a call's time that is left for saying that the version did not come.
const REST_SHARE: u32 = 10;

/// How long a call waits for keys that were not known.
// LIMIT: an issuer answers within a fraction of that, and whoever can make up key names must not
// hold calls open for long.
const KEYS_PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked whether they have come.
const KEYS_INTERVAL: Duration = Duration::from_millis(10);

/// Until when requests of a call wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// Each of a stream's requests for this long.
    Each(Duration),
    /// All of them until then.
    Until(Instant),
}

impl Patience {
    /// The patience of a call that has this much time.
    pub(crate) fn of(time: Duration, is_stream: bool) -> Self {
        let patience = time - time / REST_SHARE;
        if is_stream { Self::Each(patience) } else { Self::Until(Instant::now() + patience) }
    }

    fn end(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Each(patience) => Some(Instant::now() + patience),
            Self::Until(end) => Some(end),
        }
    }
}

/// Counts who waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    open: AtomicUsize,
    max: usize,
}

/// One who waits, until dropped.
struct Waiter<'a>(&'a Waiting);

impl Waiting {
    /// At most this many wait at once.
    pub(crate) const fn new(max: usize) -> Self {
        Self { open: AtomicUsize::new(0), max }
    }

    /// Waits until the version is in force, unless patience ends or too many wait already.
    pub(crate) async fn wait(&self, pdp: &Pdp, version: u64, patience: Patience) {
        let (Some(end), Some(_waiter)) = (patience.end(), self.enter()) else { return };
        // Whether it came is seen by whoever decides next.
        let _in_time = timeout_at(end, pdp.reached(version)).await.is_ok();
    }

    /// Waits until an issuer's keys were looked at again, unless patience ends or too many wait
    /// already.
    pub(crate) async fn wait_for_keys(&self, keys: &dyn IssuerKeys, patience: Patience) {
        let (Some(end), Some(_waiter)) = (patience.end(), self.enter()) else { return };
        let end = end.min(Instant::now() + KEYS_PATIENCE);
        let before = keys.generation();
        while keys.generation() == before && Instant::now() < end {
            sleep(KEYS_INTERVAL).await;
        }
    }

    fn enter(&self) -> Option<Waiter<'_>> {
        let one_more = |open: usize| (open < self.max).then_some(open.saturating_add(1));
        let entered = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.is_ok().then(|| Waiter(self))
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
