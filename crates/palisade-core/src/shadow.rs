//! What a revision would have answered that decides in the shadow.

use std::sync::Arc;

use crate::actor::ActorChain;
use crate::clock::EpochMillis;
use crate::id::DecisionId;
use crate::revision::Revision;
use crate::verdict::Verdict;

/// What decides in the shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShadowKind {
    /// The revision in force, with its policies that are marked `@mode("shadow")` counted.
    Policies,
    /// Another revision.
    Revision,
}

impl ShadowKind {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policies => "policies",
            Self::Revision => "revision",
        }
    }
}

/// One call that was decided in the shadow as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowRecord {
    /// The instant of the decision, for both.
    pub time: EpochMillis,
    /// The decision that was answered.
    pub decision: DecisionId,
    /// Who asked.
    pub chain: ActorChain,
    /// The tool's name as sent.
    pub tool: String,
    /// Whether the tool is catalogued, in force or in the shadow.
    pub tool_is_known: bool,
    /// What was answered.
    pub verdict: Arc<Verdict>,
    /// What decides in the shadow.
    pub kind: ShadowKind,
    /// Its revision.
    pub revision: Arc<Revision>,
    /// What it would have answered.
    pub shadow_verdict: Arc<Verdict>,
}

impl ShadowRecord {
    /// Whether both say the same: outcome, reason's code, determining policies and requirements.
    /// Sentences may differ.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let said = |verdict: &Verdict| {
            let Verdict { outcome, reason, determining, requirements, exceptions: _ } = verdict;
            (*outcome, reason.code, determining.clone(), requirements.clone())
        };
        said(&self.verdict) == said(&self.shadow_verdict)
    }
}
