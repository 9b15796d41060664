//! The durable entry of one answer.

use std::sync::Arc;
use std::time::Duration;

use crate::actor::ActorChain;
use crate::attestation::Attestation;
use crate::clock::EpochMillis;
use crate::decision::Decision;
use crate::digest::{KeyedDigest, Sha256Digest};
use crate::id::RequestId;
use crate::identity::{Authentication, VerifiedChain};
use crate::request::{Environment, ResourceName};
use crate::tool::{Effect, Tier};
use crate::trace::TraceContext;

/// How long the parts of a decision took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordedLatency {
    /// From the decoded request to the verdict.
    pub decide: Duration,
}

/// Argument values for the record, not redacted yet: the log does that before it writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentsRecord {
    /// The arguments as sent: JSON text.
    pub json: Vec<u8>,
    /// JSON pointers (RFC 6901) of what the catalog says is never recorded.
    pub redact: Arc<[String]>,
}

/// One answer to an authenticated caller.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRecord {
    /// The instant of the decision.
    pub time: EpochMillis,
    /// The answer.
    pub decision: Decision,
    /// The caller's retry key.
    pub request_id: Option<RequestId>,
    /// What the enforcement point observed of the call.
    pub environment: Environment,
    /// The enforcement point that asked, as it was authenticated.
    pub pep: Option<Arc<str>>,
    /// Who asked; `None` if that could not be verified.
    pub chain: Option<ActorChain>,
    /// How the actors were proven; `None`: they are the caller's word.
    pub identity: Option<Arc<VerifiedChain>>,
    /// How the head had signed in, if that was known.
    pub authentication: Option<Arc<Authentication>>,
    /// What was proven of the last link's environment, and the digest of the evidence.
    pub attestation: Option<(Arc<Attestation>, Sha256Digest)>,
    /// The tool's name as sent.
    pub tool: String,
    /// The digest of the tool definition the caller saw, if sent.
    pub tool_digest: Option<Sha256Digest>,
    /// The tool's tier, if it is catalogued.
    pub tier: Option<Tier>,
    /// The tool's effect, if it is catalogued.
    pub effect: Option<Effect>,
    /// The Cedar entity the call acts on, e.g. `Tool::"crm.read_ticket"`, if it was derived.
    pub resource: Option<Arc<str>>,
    /// The target the caller named, if any.
    pub named_resource: Option<ResourceName>,
    /// The oldest bundle version the caller accepts; 0 means any.
    pub minimum_version: u64,
    /// Keyed digest of the SHA-256 digest of the arguments in canonical form, or of the bytes as
    /// sent if they are not acceptable.
    pub arguments_digest: KeyedDigest,
    /// The arguments themselves, if the configuration keeps them.
    pub arguments: Option<ArgumentsRecord>,
    /// The server's own span of the call, else the caller's.
    pub trace: Option<TraceContext>,
    /// Where the time went.
    pub latency: RecordedLatency,
}
