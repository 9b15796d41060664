//! Asks two bundles the same.

use palisade_core::{Facts, ToolCall, Verdict};
use palisade_engine::PolicySnapshot;

/// A request that two bundles answer differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where the request comes from: a test's name.
    pub(super) name: String,
    /// Who asks, head first.
    pub(super) chain: Vec<String>,
    pub(super) tool: String,
    pub(super) old: Verdict,
    pub(super) new: Verdict,
}

/// Asks both snapshots every request, under its facts, and returns those that they answer
/// differently, in the same order. Requests may come from anywhere: tests, or a record of calls.
///
/// Answers differ if outcome, reason, determining policies or requirements do. The words of a
/// `@reason` are no difference; they show among the changed policies.
pub(super) fn compare(
    old: &PolicySnapshot,
    new: &PolicySnapshot,
    requests: impl IntoIterator<Item = (String, ToolCall, Facts)>,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (name, call, facts) in requests {
        let (was, is) = (old.answer(&call, &facts), new.answer(&call, &facts));
        if !is_same(&was.verdict, &is.verdict) {
            differences.push(Difference {
                name,
                chain: call.chain.links().iter().map(ToString::to_string).collect(),
                tool: call.tool,
                old: Verdict::clone(&was.verdict),
                new: Verdict::clone(&is.verdict),
            });
        }
    }
    differences
}

fn is_same(old: &Verdict, new: &Verdict) -> bool {
    let Verdict { outcome, reason, determining, requirements, exceptions } = old;
    *outcome == new.outcome
        && reason.code == new.reason.code
        && *determining == new.determining
        && *requirements == new.requirements
        && *exceptions == new.exceptions
}
