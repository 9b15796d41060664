//! What a condition lacks: the leaves that would have to be different for it to turn.

use std::collections::BTreeSet;
use std::str::FromStr;

use cedar_policy::EntityUid;

use crate::{ClauseExplanation, ClauseJoin, ObservedValue, PolicyResult};

/// Ways that are followed for one condition.
// LIMIT: only the shortest few are shown.
const WAYS_MAX: usize = 8;

/// One leaf that would have to be different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) text: String,
    /// Whether it would have to hold.
    pub(super) holds: bool,
    pub(super) values: Vec<ObservedValue>,
}

impl Need {
    /// The group that the principal would have to be in.
    pub(super) fn group(&self) -> Option<EntityUid> {
        let group = self.text.strip_prefix("principal in ").filter(|_| self.holds)?;
        EntityUid::from_str(group.trim()).ok()
    }

    /// `` `context.args.amount <= 100` held (context.args.amount is 250) ``
    pub(super) fn sentence(&self) -> String {
        let held = if self.holds { "held" } else { "did not hold" };
        let value = |observed: &ObservedValue| {
            let value = observed.value.as_deref().unwrap_or("absent");
            format!("{} is {value}", observed.expression)
        };
        let values: Vec<String> = self.values.iter().map(value).collect();
        let values =
            if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
        format!("`{}` {held}{values}", self.text)
    }
}

/// The ways in which a clause would come out as wanted, shortest first: each is a list of leaves
/// that would have to be different, empty if none has to. No way: a call of this tool cannot.
pub(super) fn ways(
    clause: &ClauseExplanation,
    want: bool,
    resource_mapped: bool,
) -> Vec<Vec<Need>> {
    let ways_of = |clause: &ClauseExplanation, want| ways(clause, want, resource_mapped);
    let mut found = match (clause.join, clause.parts.as_slice()) {
        (ClauseJoin::Not, [part]) => ways_of(part, !want),
        (ClauseJoin::If, [test, then, other]) => {
            let of_branch =
                |holds: bool, branch| both(ways_of(test, holds), &ways_of(branch, want));
            [of_branch(true, then), of_branch(false, other)].concat()
        }
        (ClauseJoin::All, parts) if want => every(parts, &|part| ways_of(part, true)),
        (ClauseJoin::Any, parts) if !want => every(parts, &|part| ways_of(part, false)),
        (ClauseJoin::All | ClauseJoin::Any, parts) => {
            parts.iter().flat_map(|part| ways_of(part, want)).collect()
        }
        (ClauseJoin::If | ClauseJoin::Leaf | ClauseJoin::Not, _) => {
            leaf(clause, want, resource_mapped)
        }
    };
    found.sort_by_key(Vec::len);
    found.truncate(WAYS_MAX);
    found
}

fn leaf(clause: &ClauseExplanation, want: bool, resource_mapped: bool) -> Vec<Vec<Need>> {
    let as_wanted = match clause.result {
        PolicyResult::Satisfied => want,
        PolicyResult::NotSatisfied => !want,
        PolicyResult::Error | PolicyResult::NotEvaluated => false,
    };
    if as_wanted {
        return vec![Vec::new()];
    }
    if is_fixed(clause, resource_mapped) {
        return Vec::new();
    }
    let ClauseExplanation { text, values, .. } = clause;
    vec![vec![Need { text: text.clone(), holds: want, values: values.clone() }]]
}

/// Whether no call of this tool by this principal can make the leaf any different: what the
/// catalog says of the tool, and of what type things are.
fn is_fixed(clause: &ClauseExplanation, resource_mapped: bool) -> bool {
    let of_tool = |observed: &ObservedValue| {
        observed.expression.starts_with("context.tool")
            || (!resource_mapped && observed.expression.starts_with("resource"))
    };
    clause.text.starts_with("principal is ") || clause.values.iter().all(of_tool)
}

/// All parts as wanted, each in its shortest way; no way if one has none.
fn every(
    parts: &[ClauseExplanation],
    ways_of: &dyn Fn(&ClauseExplanation) -> Vec<Vec<Need>>,
) -> Vec<Vec<Need>> {
    parts.iter().fold(vec![Vec::new()], |so_far, part| {
        both(so_far, ways_of(part).get(..1).unwrap_or_default())
    })
}

/// One way of each.
fn both(first: Vec<Vec<Need>>, second: &[Vec<Need>]) -> Vec<Vec<Need>> {
    let join = |one: Vec<Need>| {
        second.iter().map(move |other| without_guards([one.clone(), other.clone()].concat()))
    };
    first.into_iter().flat_map(join).collect()
}

/// Without what is said twice: who reads `a.b` asks for `a has b` as well.
fn without_guards(mut needs: Vec<Need>) -> Vec<Need> {
    let read: BTreeSet<String> = needs
        .iter()
        .filter(|need| !need.text.contains(" has "))
        .flat_map(|need| need.values.iter().map(|value| value.expression.clone()))
        .collect();
    needs.retain(|need| match need.text.split_once(" has ") {
        Some((of, attribute)) if need.holds => {
            let path = format!("{of}.{attribute}");
            !read.iter().any(|read| *read == path || read.starts_with(&format!("{path}.")))
        }
        Some(_) | None => true,
    });
    let mut seen = Vec::new();
    needs.retain(|need| {
        let new = !seen.contains(need);
        if new {
            seen.push(need.clone());
        }
        new
    });
    needs
}
