//! The only module that touches `cedar-policy-core`, pinned with `cedar-policy`.
//!
//! Cedar's public API evaluates a whole set of policies, each as a whole. Explaining one needs its
//! parts, and a decision whose cost does not grow with the policies needs one at a time.

mod condition;
mod evaluator;
mod reads;

pub(crate) use condition::{
    Condition, Scene, policy_annotation_spans, policy_span, template_annotation_spans,
    template_span,
};
pub(crate) use evaluator::{PolicyBody, PolicyEvaluator};
pub(crate) use reads::{ContextPart, ContextReads, Reads};
