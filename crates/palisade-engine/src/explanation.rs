//! Why an answer is what it is, policy by policy and clause by clause.

use std::ops::Range;
use std::sync::Arc;

use palisade_core::{ExceptionUse, PolicyId, Requirement};

use crate::{Decided, Remedy};

/// How an answer came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The answer, and while it stands.
    pub decided: Decided,
    /// One entry per link, in chain order.
    pub links: Vec<LinkExplanation>,
    /// What would change it, by link and then by how little it takes; empty if it is an allow.
    pub remedies: Vec<Remedy>,
}

/// How the policies answered for one link.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkExplanation {
    /// The link's entity, e.g. `User::"corp:alice"`.
    pub principal: String,
    /// The action, e.g. `Action::"crm.read_ticket"`.
    pub action: String,
    /// The resource, e.g. `Tool::"crm.read_ticket"`.
    pub resource: String,
    /// The policies whose scope matches, sorted by id.
    pub policies: Vec<PolicyExplanation>,
    /// How many policies do not apply because their scope does not match.
    pub out_of_scope: usize,
}

/// What a policy does when satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyEffect {
    /// It forbids.
    Forbid,
    /// It permits.
    Permit,
}

/// What came of a policy or a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyResult {
    /// Evaluation failed.
    Error,
    /// Not evaluated, because an earlier part settled the matter.
    NotEvaluated,
    /// False.
    NotSatisfied,
    /// True.
    Satisfied,
}

/// What one policy said.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyExplanation {
    /// The policy.
    pub policy: PolicyId,
    /// Whether it permits or forbids.
    pub effect: PolicyEffect,
    /// What came of it.
    pub result: PolicyResult,
    /// Where it stands, `policies/refunds.cedar:12`.
    pub location: String,
    /// The file its clauses stand in: the template's, if it is a template link.
    pub file: Arc<str>,
    /// Its conditions and their parts, in source order.
    pub clauses: Vec<ClauseExplanation>,
    /// The evaluation error, if any.
    pub error: Option<String>,
    /// What lifts this forbid.
    pub requirement: Option<Requirement>,
    /// With a satisfied forbid that does not count: the exception that lifted it; of several the
    /// first by id.
    pub lifted_by: Option<ExceptionUse>,
}

/// One condition, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct ClauseExplanation {
    /// The text as written.
    pub text: String,
    /// Where it stands in its file, in bytes, if that is known.
    pub span: Option<Range<usize>>,
    /// Whether it held.
    pub result: PolicyResult,
    /// What it read and saw.
    pub values: Vec<ObservedValue>,
    /// How its parts are joined.
    pub join: ClauseJoin,
    /// Its parts.
    pub parts: Vec<Self>,
    /// The evaluation error, if any.
    pub error: Option<String>,
}

/// How the parts of a clause make up the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClauseJoin {
    /// All have to hold.
    All,
    /// One has to hold.
    Any,
    /// The first says which of the other two has to hold.
    If,
    /// There are no parts.
    Leaf,
    /// The part has to be false.
    Not,
}

/// A value a clause read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedValue {
    /// The expression, e.g. `context.args.amount`.
    pub expression: String,
    /// The value in Cedar syntax; `None`: it was absent.
    pub value: Option<String>,
}
