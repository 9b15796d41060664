//! Counts what becomes of revisions, and what those in the shadow say.
//!
//! Roll-outs are rare and shadows decide after the answer, so these are counters that all threads
//! share.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use palisade_core::{Outcome, RolloutAction, ShadowKind, ShadowRecord};

use super::codes::Codes;
use super::key::{OUTCOMES, outcome_index};
use super::shards::count;
use super::{Points, instruments};
use crate::{attributes, values};

const KINDS: [ShadowKind; 2] = [ShadowKind::Policies, ShadowKind::Revision];

/// Whether the shadow says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShadowResult {
    /// In all that counts.
    Same,
    /// The outcome is the same; reason, policies or requirements are not.
    ReasonOnly,
    /// What was answered, and what would have been.
    Differs(Outcome, Outcome),
}

impl ShadowResult {
    /// The two without outcomes, and a place for each pair of outcomes.
    const COUNT: usize = 2 + OUTCOMES.len() * OUTCOMES.len();

    fn of(shadow: &ShadowRecord) -> Self {
        let (answered, instead) = (shadow.verdict.outcome, shadow.shadow_verdict.outcome);
        if shadow.agrees() {
            Self::Same
        } else if answered == instead {
            Self::ReasonOnly
        } else {
            Self::Differs(answered, instead)
        }
    }

    /// Where it is counted: below [`Self::COUNT`].
    fn index(self) -> usize {
        match self {
            Self::Same => 0,
            Self::ReasonOnly => 1,
            Self::Differs(answered, instead) => {
                2 + outcome_index(answered) * OUTCOMES.len() + outcome_index(instead)
            }
        }
    }

    fn name(self) -> String {
        match self {
            Self::Same => "same".to_owned(),
            Self::ReasonOnly => "reason_only".to_owned(),
            Self::Differs(answered, instead) => format!("{answered}_to_{instead}"),
        }
    }

    /// All that there can be.
    fn all() -> impl Iterator<Item = Self> {
        let pairs = OUTCOMES.into_iter().flat_map(|answered| {
            let others = OUTCOMES.into_iter().filter(move |instead| *instead != answered);
            others.map(move |instead| Self::Differs(answered, instead))
        });
        [Self::Same, Self::ReasonOnly].into_iter().chain(pairs)
    }
}

/// The counters.
#[derive(Debug)]
pub(super) struct Revisions {
    rollouts: [AtomicU64; RolloutAction::ALL.len()],
    /// Refused ones by code.
    refused: Codes,
    shadows: [[AtomicU64; ShadowResult::COUNT]; KINDS.len()],
    shadows_skipped: AtomicU64,
}

impl Default for Revisions {
    fn default() -> Self {
        Self {
            rollouts: array::from_fn(|_| AtomicU64::new(0)),
            refused: Codes::default(),
            shadows: array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0))),
            shadows_skipped: AtomicU64::new(0),
        }
    }
}

impl Revisions {
    /// `code` matters only if it was refused.
    pub(super) fn rolled_out(&self, action: RolloutAction, code: &'static str) {
        match action {
            RolloutAction::Refused => self.refused.count(code),
            _ => count(&self.rollouts, action as usize),
        }
    }

    pub(super) fn shadowed(&self, shadow: &ShadowRecord) {
        if let Some(results) = self.shadows.get(shadow.kind as usize) {
            count(results, ShadowResult::of(shadow).index());
        }
    }

    pub(super) fn shadow_skipped(&self) {
        self.shadows_skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything that was counted. Zeros stand there from the start, but for codes, which are not
    /// known before: a counter that appears with 1 hides its first step from `increase`.
    pub(super) fn collect(&self, points: &mut Points) {
        for (action, rollouts) in RolloutAction::ALL.into_iter().zip(&self.rollouts) {
            if action == RolloutAction::Refused {
                continue;
            }
            let action = values::string(attributes::ROLLOUT_ACTION, action.as_str());
            points.count(&instruments::ROLLOUTS, vec![action], rollouts.load(Ordering::Relaxed));
        }
        for (code, refused) in self.refused.totals() {
            let action = RolloutAction::Refused.as_str();
            let attributes = vec![
                values::string(attributes::ROLLOUT_ACTION, action),
                values::string(attributes::ROLLOUT_CODE, code),
            ];
            points.count(&instruments::ROLLOUTS, attributes, refused);
        }
        for (kind, results) in KINDS.into_iter().zip(&self.shadows) {
            for result in ShadowResult::all() {
                let Some(decisions) = results.get(result.index()) else { continue };
                let attributes = vec![
                    values::string(attributes::SHADOW_KIND, kind.as_str()),
                    values::string(attributes::SHADOW_RESULT, result.name()),
                ];
                let decisions = decisions.load(Ordering::Relaxed);
                points.count(&instruments::SHADOW_DECISIONS, attributes, decisions);
            }
        }
        let skipped = self.shadows_skipped.load(Ordering::Relaxed);
        points.count(&instruments::SHADOW_SKIPPED, Vec::new(), skipped);
    }
}

#[cfg(test)]
mod tests;
