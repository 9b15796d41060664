//! What decides in the shadow comes and goes; it is no failure of what decides if it cannot.

use std::sync::Arc;

use palisade_core::{HeldRevision, Revision, RolloutAction, ShadowKind};
use palisade_engine::PolicySnapshot;

use super::{Worker, revision_of};
use crate::rollout::source::Finding;
use crate::rollout::stages::Failure;

impl Worker {
    pub(super) fn take_shadow(&mut self, finding: Finding) {
        match finding {
            Finding::Same | Finding::StillRefused => {}
            Finding::Nothing => self.end_shadow(),
            Finding::Unreadable { failure, digest } => {
                self.shadow_refused = digest;
                self.fail_shadow(None, failure);
            }
            Finding::New(found) => match self.load(&found.raw, |_, _| {}) {
                Ok((snapshot, _advice)) => self.begin_shadow(snapshot),
                Err(error) => {
                    self.shadow_refused = Some(found.digest);
                    let revision = revision_of(&found);
                    self.fail_shadow(revision.as_ref(), Failure::of(&error, &found.raw));
                }
            },
        }
    }

    /// Says why something does not decide in the shadow; on record once for each cause. It is no
    /// failure of what decides.
    fn fail_shadow(&mut self, revision: Option<&Arc<Revision>>, failure: Failure) {
        if self.shadow_failure.as_ref() == Some(&failure) {
            return;
        }
        let Failure { code, message } = &failure;
        tracing::warn!(code, why = message, "a revision does not decide in the shadow");
        let action = RolloutAction::Refused;
        self.record(action, None, revision, code, message.clone());
        self.shadow_failure = Some(failure);
    }

    fn begin_shadow(&mut self, snapshot: PolicySnapshot) {
        self.end_shadow();
        let snapshot = Arc::new(snapshot.with_cache_bytes(self.config.cache_bytes));
        let revision = Arc::clone(snapshot.shared_revision());
        let action = RolloutAction::ShadowStarted;
        self.record(action, None, Some(&revision), "", String::new());
        self.shadow = Some(snapshot);
        (self.shadow_refused, self.shadow_failure) = (None, None);
        let since = self.ports.clock.now();
        self.report.change(|status| status.shadow = Some(HeldRevision { revision, since }));
        self.set_shadows();
    }

    fn end_shadow(&mut self) {
        let Some(shadow) = self.shadow.take() else { return };
        let action = RolloutAction::ShadowEnded;
        self.record(action, None, Some(shadow.shared_revision()), "", String::new());
        self.retired.push(shadow);
        self.report.change(|status| status.shadow = None);
        self.set_shadows();
    }

    /// Another revision, and the policies of the one in force that only watch.
    pub(super) fn set_shadows(&self) {
        let mut shadows = Vec::new();
        if let Some(shadow) = &self.shadow {
            shadows.push((ShadowKind::Revision, Arc::clone(shadow)));
        }
        let counting = self.active.as_ref().and_then(|active| active.counting_shadow_policies());
        if let Some(counting) = counting {
            let counting = counting.with_cache_bytes(self.config.cache_bytes);
            shadows.push((ShadowKind::Policies, Arc::new(counting)));
        }
        self.ports.pipeline.set_shadows(shadows);
    }
}
