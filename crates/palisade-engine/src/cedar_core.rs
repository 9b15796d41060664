//! The only module that touches `cedar-policy-core`, pinned with `cedar-policy`.
//!
//! Cedar's public API evaluates a whole set of policies, each as a whole, on a context that it
//! builds itself. Explaining a policy needs its parts; a decision whose cost does not grow with
//! the policies needs one policy at a time, on values that were built once.

mod clock;
mod condition;
mod context_part;
mod evaluator;
mod kinds;
mod reads;
mod values;

pub(crate) use clock::ClockReads;
pub(crate) use condition::{
    Condition, Scene, policy_annotation_spans, policy_source, policy_span, policy_text,
    template_annotation_spans, template_span,
};
pub(crate) use context_part::{ContextPart, ContextParts};
pub(crate) use evaluator::{CoreEntity, CoreVariables, PolicyBody, PolicyEvaluator};
pub(crate) use kinds::RequestKinds;
pub use reads::ReadBy;
pub(crate) use reads::{Read, Reads, Root};
pub(crate) use values::{CoreContext, CoreValue, CoreValues};
