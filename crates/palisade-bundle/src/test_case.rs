//! One test of a bundle: a request and the answer it wants.
//!
//! Two forms: ours (`tests/*.yaml`), which speaks of chains, tools and verdicts, and the one of
//! Cedar's `run-tests` (`tests/*.json`), accepted as it is.

use std::ops::Range;
use std::sync::Arc;

use palisade_core::{Facts, Outcome, PolicyId, ReasonCode, Requirement, ToolCall};

mod cedar_json;
mod yaml_form;

pub(crate) use cedar_json::{CedarCase, read as read_cedar_json};
pub(crate) use yaml_form::read as read_yaml;

/// A test and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct TestCase {
    pub(crate) name: String,
    pub(crate) file: Arc<str>,
    /// From 1.
    pub(crate) line: Option<u64>,
    pub(crate) span: Option<Range<usize>>,
    pub(crate) kind: TestKind,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum TestKind {
    /// A tool call, as enforcement points send it.
    Call(Box<CallCase>),
    /// A plain Cedar request.
    Cedar(Box<CedarCase>),
}

/// A tool call, what is known beside it, and the wanted verdict.
#[derive(Clone, Debug)]
pub(crate) struct CallCase {
    pub(crate) call: ToolCall,
    pub(crate) facts: Facts,
    pub(crate) want: Want,
}

/// The wanted verdict. What is `None` may be anything.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<ReasonCode>,
    /// Sorted.
    pub(crate) determining: Option<Vec<PolicyId>>,
    /// Sorted.
    pub(crate) requirements: Option<Vec<Requirement>>,
    /// Ids, sorted.
    pub(crate) exceptions: Option<Vec<String>>,
}

#[cfg(test)]
mod tests;
