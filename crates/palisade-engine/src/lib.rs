//! Evaluates requests against one immutable [`PolicySnapshot`].
//!
//! Synchronous, and pure in what it answers: a decision depends on the snapshot, the request, the
//! facts and the time passed in, and on nothing else. No I/O and no clock. What a snapshot
//! remembers of earlier calls changes only how long an answer takes.
#![warn(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod annotations;
mod answer;
mod caches;
mod call_scope;
mod cedar_core;
mod cedar_request;
mod claims;
mod compiled_tool;
mod context;
mod convert;
mod entities;
mod evaluate;
mod exceptions;
mod explain;
mod explanation;
mod forms;
mod index;
mod key_bytes;
mod lint;
mod names;
mod policy;
mod possible;
mod prospect;
mod reads;
mod remedy;
mod replay;
mod resolve;
mod resource;
mod schema;
mod scope;
mod snapshot;
mod source;
mod unconstrained;
mod validation;
mod values;
mod verdict;
mod warm;

pub use answer::{Answer, Decided};
pub use caches::{CacheCounts, CacheStats};
pub use cedar_core::ReadBy;
pub use cedar_request::{CedarAnswer, CedarRequest, CedarRequestError};
pub use claims::{AttributeMapping, ClaimMappings, ClaimPath, ClaimType, KindMapping};
pub use explanation::{
    ClauseExplanation, ClauseJoin, Explanation, LinkExplanation, ObservedValue, PolicyEffect,
    PolicyExplanation, PolicyResult,
};
pub use prospect::ToolProspect;
pub use reads::PolicyRead;
pub use remedy::{Remedy, RemedyKind};
pub use replay::{
    RecordedActor, RecordedArguments, RecordedCall, RecordedResource, RecordedValue, Replayed,
};
pub use resolve::{Refusal, Resolution, ResolvedCall};
pub use snapshot::{CACHE_BYTES_DEFAULT, PolicyInfo, PolicySnapshot};
pub use source::{Exception, ExceptionPlace, Issuers, SnapshotSources, SourceFile, TemplateLink};
