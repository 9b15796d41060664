//! The durable entry of one answer.

use std::sync::Arc;
use std::time::Duration;

use crate::actor::ActorChain;
use crate::clock::EpochMillis;
use crate::decision::Decision;
use crate::digest::KeyedDigest;
use crate::id::RequestId;
use crate::tool::{Effect, Tier};

/// How long the parts of a decision took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordedLatency {
    /// From the decoded request to the verdict.
    pub decide: Duration,
}

/// One answer to an authenticated caller. Argument values are never part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRecord {
    /// The instant of the decision.
    pub time: EpochMillis,
    /// The answer.
    pub decision: Decision,
    /// The caller's retry key.
    pub request_id: Option<RequestId>,
    /// The enforcement point's own id of the call.
    pub pep_request_id: Option<String>,
    /// Who asked.
    pub chain: ActorChain,
    /// Whether the actors were proven or only asserted by the caller.
    pub actors_proven: bool,
    /// The tool's name as sent.
    pub tool: String,
    /// The tool's tier, if it is catalogued.
    pub tier: Option<Tier>,
    /// The tool's effect, if it is catalogued.
    pub effect: Option<Effect>,
    /// The Cedar entity the call acts on, e.g. `Tool::"crm.read_ticket"`, if it was derived.
    pub resource: Option<Arc<str>>,
    /// Keyed digest of the SHA-256 digest of the arguments in canonical form, or of the bytes as
    /// sent if they are not acceptable.
    pub arguments_digest: KeyedDigest,
    /// Where the time went.
    pub latency: RecordedLatency,
}
