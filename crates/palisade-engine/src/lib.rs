//! Evaluates requests against one immutable [`PolicySnapshot`].
//!
//! Synchronous and pure: a decision depends on the snapshot, the request, the facts and the time
//! passed in, and on nothing else. No I/O, no clock, no randomness, no lock.
#![warn(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod annotations;
mod cedar_core;
mod cedar_request;
mod context;
mod convert;
mod entities;
mod evaluate;
mod explain;
mod explanation;
mod index;
mod lint;
mod names;
mod policy;
mod possible;
mod prospect;
mod resolve;
mod resource;
mod schema;
mod scope;
mod snapshot;
mod source;
mod verdict;

pub use cedar_request::{CedarAnswer, CedarRequest, CedarRequestError};
pub use explanation::{
    ClauseExplanation, ClauseJoin, Explanation, LinkExplanation, ObservedValue, PolicyEffect,
    PolicyExplanation, PolicyResult,
};
pub use prospect::ToolProspect;
pub use resolve::{Refusal, ResolvedCall};
pub use snapshot::{PolicyInfo, PolicySnapshot};
pub use source::{Issuers, SnapshotSources, SourceFile, TemplateLink};
