//! A call as it comes in: who asks, and from what machine, is not verified yet.

use std::fmt;
use std::sync::Arc;

use palisade_core::{
    Actor, Authentication, Environment, RequestOptions, ResourceName, Sha256Digest, ToolCall,
    TraceContext, VerifiedChain,
};
use palisade_identity::{AuthenticatedCaller, PepRights, PresentedLink, Rights};

/// A call as an enforcement point presents it.
#[derive(Clone, Debug)]
pub struct PresentedCall {
    /// Who asks, head first.
    pub credentials: Credentials,
    /// What proves the last link's environment.
    pub evidence: Vec<EvidencePiece>,
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

/// What is presented of a chain.
#[derive(Clone)]
pub struct Credentials {
    /// Its links, head first.
    pub links: Vec<PresentedLink>,
    /// A token with fresher or stronger authentication of the head. A secret: never printed.
    pub step_up_token: Option<String>,
}

impl Credentials {
    /// Actors that the caller names without proof.
    #[must_use]
    pub fn asserted(actors: &[Actor]) -> Self {
        let links = actors.iter().cloned().map(PresentedLink::Asserted).collect();
        Self { links, step_up_token: None }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("links", &self.links)
            .field("step_up", &self.step_up_token.is_some())
            .finish()
    }
}

/// One piece of attestation evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidencePiece {
    /// Its media type.
    pub media_type: String,
    /// The evidence as it was issued.
    pub body: Vec<u8>,
}

impl PresentedCall {
    /// The call by that chain.
    pub(crate) fn into_call(self, chain: &Identified) -> ToolCall {
        let Self {
            credentials: _,
            evidence: _,
            tool,
            tool_digest,
            arguments,
            resource,
            environment,
            options,
            trace,
        } = self;
        ToolCall {
            chain: chain.verified.chain.clone(),
            identity: Some(Arc::clone(&chain.verified)),
            tool,
            tool_digest,
            arguments,
            resource,
            environment,
            options,
            trace,
        }
    }
}

/// Calls whose actors the caller asserts.
impl From<ToolCall> for PresentedCall {
    fn from(call: ToolCall) -> Self {
        let ToolCall {
            chain,
            identity: _,
            tool,
            tool_digest,
            arguments,
            resource,
            environment,
            options,
            trace,
        } = call;
        Self {
            credentials: Credentials::asserted(chain.links()),
            evidence: Vec::new(),
            tool,
            tool_digest,
            arguments,
            resource,
            environment,
            options,
            trace,
        }
    }
}

/// A chain that was verified, as far as it can be.
#[derive(Clone, Debug)]
pub struct Identified {
    pub(crate) verified: Arc<VerifiedChain>,
    /// How the head signed in.
    pub(crate) authentication: Option<Arc<Authentication>>,
}

/// Who calls.
#[derive(Clone, Debug)]
pub enum Asker {
    /// Nobody has to say who they are, and whatever they say is believed: development, and
    /// whoever may connect to the administration socket.
    Anybody,
    /// Somebody who has proven it.
    Proven(Arc<ProvenAsker>),
}

/// Somebody who has proven who they are.
#[derive(Clone, Debug)]
pub struct ProvenAsker {
    /// Who that is.
    pub authenticated: AuthenticatedCaller,
    label: Arc<str>,
}

impl ProvenAsker {
    /// A caller that was authenticated.
    #[must_use]
    pub fn new(authenticated: AuthenticatedCaller) -> Self {
        let AuthenticatedCaller { caller, identity, expires: _ } = &authenticated;
        let label = format!("{} ({identity})", caller.name()).into();
        Self { authenticated, label }
    }
}

impl Asker {
    /// Who it is in records: the caller's name, and what it has proven; `None`: nothing.
    #[must_use]
    pub fn label(&self) -> Option<&Arc<str>> {
        match self {
            Self::Anybody => None,
            Self::Proven(proven) => Some(&proven.label),
        }
    }

    /// What it may do as an enforcement point; `None`: anything.
    pub(crate) fn limits(&self) -> Option<EnforcementLimits<'_>> {
        match self {
            Self::Anybody => None,
            Self::Proven(proven) => Some(EnforcementLimits(proven.authenticated.caller.pep())),
        }
    }
}

/// What a proven caller may do as an enforcement point; without rights of one, nothing.
pub(crate) struct EnforcementLimits<'a>(pub(crate) Option<&'a PepRights>);

/// Nothing is asked of who calls, so everything may be said.
pub(crate) struct EveryRight;

impl Rights for EveryRight {
    fn may_assert(&self, _actor: &Actor) -> bool {
        true
    }

    fn may_compose(&self) -> bool {
        true
    }

    fn may_pass_certificates(&self) -> bool {
        true
    }

    fn may_vouch_for_possession(&self) -> bool {
        true
    }
}
