//! What operators are told: the state, kept whole behind one lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_core::{
    BundleFailure, BundleStatus, CandidateRevision, CandidateStage, EpochMillis, Revision,
};
use tokio::sync::watch;

/// The state, and a signal whenever it changes.
#[derive(Debug)]
pub(super) struct Report {
    /// Held to copy it or to change some fields.
    status: Mutex<BundleStatus>,
    changes: watch::Sender<u64>,
}

impl Report {
    pub(super) fn new(source: String, signed: bool) -> Self {
        let status = BundleStatus { source, signed, ..BundleStatus::default() };
        Self { status: Mutex::new(status), changes: watch::Sender::new(0) }
    }

    pub(super) fn status(&self) -> BundleStatus {
        self.lock().clone()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut BundleStatus)) {
        change(&mut self.lock());
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// A revision has come this far.
    pub(super) fn stage(
        &self,
        stage: CandidateStage,
        revision: Option<&Arc<Revision>>,
        now: EpochMillis,
    ) {
        let revision = revision.cloned();
        self.change(|status| {
            status.candidate = Some(CandidateRevision { revision, stage, since: now });
        });
    }

    /// Something failed. Whether it failed for another reason than the last time.
    pub(super) fn fail(&self, code: &'static str, message: &str, now: EpochMillis) -> bool {
        let is_new = {
            let status = self.lock();
            let last = status.last_failure.as_ref();
            last.is_none_or(|last| last.code != code || last.message != message)
        };
        if is_new {
            let failure = BundleFailure { code, message: message.to_owned(), since: now };
            self.change(|status| status.last_failure = Some(failure));
        }
        is_new
    }

    fn lock(&self) -> MutexGuard<'_, BundleStatus> {
        // Nothing that panics runs under it, so poison says nothing about the state.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
