//! The words of Palisade as types, its limits and its ports.
//!
//! Everything here is plain data and pure functions: no async runtime, no gRPC, no Cedar, no
//! files. Crates that do the work depend on this one and not on each other.
#![warn(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod actor;
mod arguments;
mod attestation;
mod canonical;
mod clock;
mod decision;
mod digest;
mod duration;
mod error_chain;
mod event_sink;
mod exception;
mod facts;
mod id;
mod identity;
pub mod limits;
mod log;
mod observer;
mod outcome;
mod problem;
mod reason;
mod record;
mod request;
mod requirement;
mod revision;
mod revocation;
mod rollout;
mod shadow;
mod strict_json;
mod tool;
mod trace;
mod validity;
mod verdict;

pub use actor::{
    Actor, ActorChain, ActorKind, ChainError, IssuerName, NameError, ParseActorError, Subject,
};
pub use arguments::{Arguments, ArgumentsError};
pub use attestation::{Attestation, AttestationChallenge, TrustTier};
pub use clock::{Clock, EpochMillis, SystemClock};
pub use decision::{Decision, Obligations};
pub use digest::{DigestKey, KeyedDigest, ParseSha256Error, Sha256Digest};
pub use duration::{format_duration, parse_duration};
pub use error_chain::ErrorChain;
pub use event_sink::{EventRefusal, EventSink};
pub use exception::ExceptionUse;
pub use facts::{FactSources, Facts};
pub use id::{DecisionId, IdSource, RandomIds, RequestId};
pub use identity::{Authentication, Proof, VerifiedChain, VerifiedLink};
pub use log::{DecisionLog, LogEntry, LogError, LogFuture};
pub use observer::{Observation, Observer, Unobserved};
pub use outcome::{CallOutcome, CallStatus};
pub use problem::{Problem, Problems, Severity};
pub use reason::{Reason, ReasonCode};
pub use record::{ArgumentsRecord, DecisionRecord, RecordedLatency};
pub use request::{Environment, RequestOptions, ResourceName, ToolCall};
pub use requirement::{Cure, PostedRequirement, Requirement, RequirementKind};
pub use revision::{BundleName, Revision};
pub use revocation::{
    Revocation, RevocationCause, RevocationScope, RevocationStore, SignInSession, StateError,
};
pub use rollout::{
    BundleControl, BundleControlError, BundleControlFuture, BundleFailure, BundleStatus,
    CandidateRevision, CandidateStage, HeldRevision, RolloutAction, RolloutRecord,
};
pub use shadow::{ShadowKind, ShadowRecord};
pub use strict_json::{JsonLimits, StrictJsonError, parse_json_object};
pub use tool::{Effect, Tier, ToolName, ToolNameError};
pub use trace::{CallSpan, SpanId, TraceContext, TraceId};
pub use validity::Validity;
pub use verdict::{Outcome, PolicyId, Prospect, Verdict};
