//! A call that is about to be made, as the domain sees it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::actor::ActorChain;
use crate::digest::Sha256Digest;
use crate::identity::VerifiedChain;
use crate::trace::TraceContext;

/// A Cedar entity named by type and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName {
    /// Entity type, e.g. `Document`.
    pub entity_type: String,
    /// Entity id.
    pub id: String,
}

/// What the enforcement point observed of the call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Where the call came from; policies see it as `context.sourceIp`.
    pub source_address: Option<IpAddr>,
    /// The enforcement point's own id of the call.
    pub pep_request_id: Option<String>,
}

/// What the caller wants beside the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestOptions {
    /// The oldest bundle version the caller accepts; 0 means any.
    pub minimum_version: u64,
    /// Decide and record, but consume and create nothing.
    pub dry_run: bool,
}

/// A request for a decision. Its content is not checked against the catalog yet: that is part of
/// deciding, so that bad content is a recorded deny.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// Who asks, head first.
    pub chain: ActorChain,
    /// What is known of the links of `chain` if their credentials were verified; `None`: nothing,
    /// they are the caller's word.
    pub identity: Option<Arc<VerifiedChain>>,
    /// The tool's name as sent.
    pub tool: String,
    /// The digest of the tool definition the caller sees, if sent.
    pub tool_digest: Option<Sha256Digest>,
    /// The arguments as sent: JSON text. Empty means `{}`.
    pub arguments: Vec<u8>,
    /// The target the caller believes in, if sent.
    pub resource: Option<ResourceName>,
    /// What the enforcement point observed.
    pub environment: Environment,
    /// What the caller wants beside the answer.
    pub options: RequestOptions,
    /// The span the call was sent from.
    pub trace: Option<TraceContext>,
}
