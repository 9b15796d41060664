//! What operators ask for: recorded first, then done.

use std::sync::Arc;

use palisade_core::{BundleControlError, RolloutAction};

use super::Worker;
use crate::rollout::stages::Failure;

impl Worker {
    pub(super) fn pin(&mut self, reason: String) -> Result<(), BundleControlError> {
        let active = self.active.as_ref().ok_or(BundleControlError::NoneActive)?;
        let revision = Arc::clone(active.shared_revision());
        if !self.record(RolloutAction::Pinned, None, Some(&revision), "", reason) {
            return Err(BundleControlError::NotRecorded);
        }
        self.set_pinned(true);
        Ok(())
    }

    /// Also if nothing is in force: what was pinned may not load any more.
    pub(super) fn unpin(&mut self, reason: String) -> Result<(), BundleControlError> {
        let revision = self.active.as_ref().map(|active| Arc::clone(active.shared_revision()));
        if !self.record(RolloutAction::Unpinned, None, revision.as_ref(), "", reason) {
            return Err(BundleControlError::NotRecorded);
        }
        self.set_pinned(false);
        self.look(true);
        Ok(())
    }

    pub(super) fn roll_back(
        &mut self,
        version: u64,
        reason: String,
    ) -> Result<(), BundleControlError> {
        if self.active.is_none() {
            return Err(BundleControlError::NoneActive);
        }
        let not_kept = || {
            let kept = self.kept.revisions().iter().map(|kept| kept.version).collect();
            BundleControlError::NotKept { version, kept }
        };
        let revision = self.kept.find(version).ok_or_else(not_kept)?;
        let unusable = |message| BundleControlError::DoesNotLoad { message };
        let found = self.kept.read(&revision).map_err(|error| unusable(error.to_string()))?;
        let loaded = self.load(&found.raw, |_, _| {});
        let (snapshot, advice) =
            loaded.map_err(|error| unusable(Failure::of(&error, &found.raw).message))?;
        // Pinned first: what crashes in between stays where it is rather than move on.
        let was_pinned = self.kept.is_pinned();
        self.set_pinned(true);
        let action = RolloutAction::RolledBack;
        if !self.put_in_force(snapshot, &advice, &found, action, reason) {
            self.set_pinned(was_pinned);
            return Err(BundleControlError::NotRecorded);
        }
        Ok(())
    }

    fn set_pinned(&mut self, pinned: bool) {
        if let Err(error) = self.kept.set_pinned(pinned) {
            tracing::warn!(%error, pinned, "a restart will not know whether the bundle is pinned");
        }
        self.report.change(|status| status.pinned = pinned);
    }
}
