//! Why a call has no decision. `status.rs` says how each is answered.

use palisade_core::limits::{
    ARGUMENTS_BYTES_MAX, BATCH_REQUESTS_MAX, MESSAGE_BYTES_MAX, MESSAGE_FIELDS_MAX,
    OUTCOME_ERROR_BYTES_MAX, PEP_REQUEST_ID_BYTES_MAX, REQUEST_ID_BYTES_MAX, RESOURCE_ID_BYTES_MAX,
    RESOURCE_TYPE_BYTES_MAX, ROLLOUT_REASON_BYTES_MAX, TOKEN_BYTES_MAX, TOOL_NAME_BYTES_MAX,
};
use palisade_core::{BundleControlError, ChainError, NameError, ParseSha256Error};
use palisade_pdp::{AuthorizeError, ChallengeError, IssueNonceError, ListToolsError};

/// Why a call was not answered with a decision.
// Exhaustive: `status.rs` has to meet every kind by name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The pipeline made no decision.
    #[error(transparent)]
    Authorize(#[from] AuthorizeError),
    /// What an operator asked for cannot be done.
    #[error(transparent)]
    Bundle(#[from] BundleControlError),
    /// More would be held in memory than may be.
    #[error("too many bytes of requests and answers at once; try again later")]
    BytesExhausted,
    /// Time was up.
    #[error("no answer was ready before the deadline")]
    Deadline,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Draining,
    /// A bug: the handler panicked.
    #[error("internal error; the server's log has it under this request id")]
    Internal,
    /// What was reported cannot be recorded.
    #[error("the report could not be recorded; try again")]
    LogUnavailable,
    /// The tools cannot be listed.
    #[error(transparent)]
    ListTools(#[from] ListToolsError),
    /// The envelope is malformed.
    #[error(transparent)]
    Malformed(#[from] RequestError),
    /// A message began and did not arrive whole.
    #[error("the message did not arrive whole in time")]
    MessageLate,
    /// A field of a capability that is absent is set.
    #[error(transparent)]
    NotServed(#[from] NotServedError),
    /// Too many requests at once.
    #[error("too many requests at once; try again later")]
    Overloaded,
    /// A nonce cannot be given because the chain is not acceptable.
    #[error("{sentence}")]
    ChainRefused {
        /// The reason's code.
        reason: &'static str,
        /// What to tell a person.
        sentence: String,
    },
    /// No nonce can be given.
    #[error(transparent)]
    Nonce(IssueNonceError),
    /// The caller asks more often than it may.
    #[error("the caller asks more often than it may; try again later")]
    RateExceeded,
    /// The caller may not do this.
    #[error("the caller has no role that may call {method}")]
    RoleMissing {
        /// The method.
        method: &'static str,
    },
    /// Nobody knows who calls.
    #[error("a credential of a known caller is needed: a client certificate or a bearer token")]
    Unauthenticated,
    /// Asked on the wrong socket.
    #[error("{method} is served on the {socket} socket only")]
    WrongSurface {
        /// The method.
        method: &'static str,
        /// Where it is served.
        socket: &'static str,
    },
}

/// A field is set whose capability this server lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is set but not served yet: it needs {needs}")]
pub(crate) struct NotServedError {
    /// The field's path in the request.
    pub(crate) field: &'static str,
    /// What would serve it.
    pub(crate) needs: &'static str,
}

/// What is wrong with an envelope. What is wrong with its content, such as an unknown tool or
/// arguments that do not fit, is a recorded deny and none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// A link says not what kind of actor it is.
    #[error("`chain[{link}].asserted.kind` is not said")]
    ActorKind {
        /// Index of the link.
        link: usize,
    },
    /// More argument bytes than a call may have.
    #[error("`arguments` has {bytes} bytes; the limit is {ARGUMENTS_BYTES_MAX}")]
    ArgumentsTooLarge {
        /// How many.
        bytes: usize,
    },
    /// A batch without requests.
    #[error("`requests` is empty")]
    BatchEmpty,
    /// A batch with too many requests.
    #[error("`requests` has {requests} items; the limit is {BATCH_REQUESTS_MAX}")]
    BatchTooLarge {
        /// How many.
        requests: usize,
    },
    /// A report says no duration.
    #[error("`duration` is negative or no duration")]
    CallDuration,
    /// A report says not how the call ended.
    #[error("`status` is not said")]
    CallStatus,
    /// A certificate, or a chain of them, is too large, or there is none.
    #[error("`chain[{link}]` has no certificates, or more of them than may be")]
    Certificates {
        /// Index of the link.
        link: usize,
    },
    /// The links are no chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A report names no decision.
    #[error("`decision_id` is no id of a decision")]
    DecisionId,
    /// There is more evidence than may be, or of no usable media type.
    #[error("`evidence` has more pieces or bytes than may be, or a media type of no usable length")]
    Evidence,
    /// An explanation would spend a proof that is good once.
    #[error("`{field}` is good once, and an explanation must not spend it")]
    ExplainSpends {
        /// The field.
        field: &'static str,
    },
    /// An issuer's name is unusable.
    #[error("`chain[{link}].asserted.issuer` is not usable")]
    Issuer {
        /// Index of the link.
        link: usize,
        /// Why.
        source: NameError,
    },
    /// A link names nobody.
    #[error("`chain[{link}]` names no actor")]
    LinkMissing {
        /// Index of the link.
        link: usize,
    },
    /// More fields than any message needs.
    #[error("the message has more than {MESSAGE_FIELDS_MAX} fields, nested ones included")]
    MessageFields,
    /// The message cannot be decoded.
    #[error("the message cannot be read: {detail}")]
    MessageMalformed {
        /// What the transport says.
        detail: String,
    },
    /// One request is too large.
    #[error("the message is too large; the limit of one request is {MESSAGE_BYTES_MAX} bytes")]
    MessageTooLarge,
    /// A report's class of error is unusable.
    #[error("`error` is over {OUTCOME_ERROR_BYTES_MAX} bytes or has control characters")]
    OutcomeError,
    /// A proof of possession is too large, or stands beside no token.
    #[error("`chain[{link}].possession` is over its limits, or there is no token that it proves")]
    Possession {
        /// Index of the link.
        link: usize,
    },
    /// The enforcement point's id is unusable.
    #[error(
        "`environment.pep_request_id` is over {PEP_REQUEST_ID_BYTES_MAX} bytes or has control \
         characters"
    )]
    PepRequestId,
    /// The retry key is unusable.
    #[error("`request_id` is not 1 to {REQUEST_ID_BYTES_MAX} bytes of visible ASCII")]
    RequestId,
    /// The retry key is that of a request of the same stream that is not answered yet.
    #[error("`request_id` is in use by a request of this stream that is not answered yet")]
    RequestIdInFlight,
    /// A request of a stream has no retry key.
    #[error("`request_id` is empty; on a stream it is required")]
    RequestIdMissing,
    /// An explain request without a request.
    #[error("`request` is missing")]
    RequestMissing,
    /// The resource's id has no usable length.
    #[error("`resource.id` is not 1 to {RESOURCE_ID_BYTES_MAX} bytes long")]
    ResourceId,
    /// The resource's type has no usable length.
    #[error("`resource.type` is not 1 to {RESOURCE_TYPE_BYTES_MAX} bytes long")]
    ResourceType,
    /// The digest of a result is none.
    #[error("`result_digest` is not usable")]
    ResultDigest(#[source] ParseSha256Error),
    /// What an operator wrote is unusable.
    #[error("`reason` is over {ROLLOUT_REASON_BYTES_MAX} bytes or has control characters")]
    RolloutReason,
    /// The service to list is unusable.
    #[error("`service` is over {TOOL_NAME_BYTES_MAX} bytes")]
    Service,
    /// The address is none.
    #[error("`environment.source_address` is no IPv4 or IPv6 address")]
    SourceAddress,
    /// A subject is unusable.
    #[error("`chain[{link}].asserted.subject` is not usable")]
    Subject {
        /// Index of the link.
        link: usize,
        /// Why.
        source: NameError,
    },
    /// A token has no usable length.
    #[error("`{field}` is not 1 to {TOKEN_BYTES_MAX} bytes long")]
    Token {
        /// Where it stands.
        field: &'static str,
    },
    /// The tool's name has no usable length.
    #[error("`tool` is not 1 to {TOOL_NAME_BYTES_MAX} bytes long")]
    Tool,
    /// The tool digest is none.
    #[error("`tool_digest` is not usable")]
    ToolDigest(#[source] ParseSha256Error),
}

impl RequestError {
    /// Stable machine reason; part of the contract.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::ActorKind { .. } => "actor_kind_unspecified",
            Self::ArgumentsTooLarge { .. } => "arguments_too_large",
            Self::BatchEmpty => "batch_empty",
            Self::BatchTooLarge { .. } => "batch_too_large",
            Self::CallDuration => "duration_invalid",
            Self::CallStatus => "call_status_unspecified",
            Self::Certificates { .. } => "certificates_invalid",
            Self::Chain(ChainError::Empty) => "chain_empty",
            Self::Chain(ChainError::TooLong { .. }) => "chain_too_long",
            Self::DecisionId => "decision_id_invalid",
            Self::Evidence => "evidence_invalid",
            Self::ExplainSpends { .. } => "explain_spends",
            Self::Issuer { .. } => "issuer_invalid",
            Self::LinkMissing { .. } => "link_missing",
            Self::MessageFields => "message_fields_exceeded",
            Self::MessageMalformed { .. } => "message_malformed",
            Self::MessageTooLarge => "message_too_large",
            Self::OutcomeError => "outcome_error_invalid",
            Self::PepRequestId => "pep_request_id_invalid",
            Self::Possession { .. } => "possession_invalid",
            Self::RequestId => "request_id_invalid",
            Self::RequestIdInFlight => "request_id_in_flight",
            Self::RequestIdMissing => "request_id_missing",
            Self::RequestMissing => "request_missing",
            Self::ResourceId | Self::ResourceType => "resource_invalid",
            Self::ResultDigest(_) => "result_digest_invalid",
            Self::RolloutReason => "reason_invalid",
            Self::Service => "service_invalid",
            Self::SourceAddress => "source_address_invalid",
            Self::Subject { .. } => "subject_invalid",
            Self::Token { .. } => "token_invalid",
            Self::Tool => "tool_invalid",
            Self::ToolDigest(_) => "tool_digest_invalid",
        }
    }
}

impl From<ChallengeError> for CallError {
    fn from(error: ChallengeError) -> Self {
        match error {
            ChallengeError::Identity(refusal) => {
                Self::ChainRefused { reason: refusal.reason.as_str(), sentence: refusal.sentence() }
            }
            ChallengeError::Nonce(error) => Self::Nonce(error),
            ChallengeError::NotConfigured => Self::NotServed(NotServedError {
                field: "Challenge",
                needs: "attestation verifiers in the server's configuration",
            }),
        }
    }
}
