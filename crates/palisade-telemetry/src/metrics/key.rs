//! What decisions are counted by, as an index into an array: no hashing, no lock, and no caller
//! can make more of them.

use palisade_core::{Decision, DecisionRecord, Outcome, ReasonCode, Tier};

/// All outcomes, in the order of the enum.
pub(super) const OUTCOMES: [Outcome; 3] = [Outcome::Allow, Outcome::Challenge, Outcome::Deny];

/// Outcome, reason, tier and dry run of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DecisionKey {
    pub(super) outcome: Outcome,
    pub(super) reason: ReasonCode,
    pub(super) tier: Option<Tier>,
    pub(super) dry_run: bool,
}

/// No tier, or one of them.
const TIERS: usize = Tier::ALL.len() + 1;

impl DecisionKey {
    /// How many there are.
    pub(super) const COUNT: usize = OUTCOMES.len() * ReasonCode::ALL.len() * TIERS * 2;

    pub(super) fn of(answer: &Decision, record: &DecisionRecord) -> Self {
        Self {
            outcome: answer.verdict.outcome,
            reason: answer.verdict.reason.code,
            tier: record.tier,
            dry_run: answer.dry_run,
        }
    }

    /// Where it is counted: below [`Self::COUNT`].
    pub(super) fn index(self) -> usize {
        let tier = self.tier.map_or(0, |tier| usize::from(tier.number()));
        let outcome_and_reason =
            outcome_index(self.outcome) * ReasonCode::ALL.len() + self.reason as usize;
        (outcome_and_reason * TIERS + tier) * 2 + usize::from(self.dry_run)
    }

    /// All of them, by index.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let tiers = || std::iter::once(None).chain(Tier::ALL.into_iter().map(Some));
        OUTCOMES.into_iter().flat_map(move |outcome| {
            ReasonCode::ALL.iter().flat_map(move |reason| {
                tiers().flat_map(move |tier| {
                    [false, true].into_iter().map(move |dry_run| Self {
                        outcome,
                        reason: *reason,
                        tier,
                        dry_run,
                    })
                })
            })
        })
    }
}

pub(super) fn outcome_index(outcome: Outcome) -> usize {
    outcome as usize
}
