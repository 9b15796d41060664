//! From the wire to the domain: everything about an envelope that can be checked without a bundle.
//!
//! What needs the bundle, such as whether the tool exists or its arguments fit, is left to the
//! pipeline, so that it becomes a recorded deny.

use std::net::IpAddr;
use std::time::Duration;

use prost::Message as _;

use palisade_core::limits::{
    ARGUMENTS_BYTES_MAX, CHAIN_LINKS_MAX, MESSAGE_BYTES_MAX, OUTCOME_ERROR_BYTES_MAX,
    PEP_REQUEST_ID_BYTES_MAX, RESOURCE_ID_BYTES_MAX, RESOURCE_TYPE_BYTES_MAX, TOOL_NAME_BYTES_MAX,
};
use palisade_core::{
    Actor, ActorChain, ActorKind, CallStatus, ChainError, DecisionId, Environment, IssuerName,
    RequestId, RequestOptions, ResourceName, Subject, ToolCall, TraceContext,
};
use palisade_pdp::OutcomeReport;
use palisade_proto::v1;

use crate::error::{CallError, RequestError};
use crate::not_served;

/// A request to authorize, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The caller's retry key, if sent.
    pub(crate) request_id: Option<RequestId>,
    /// The call.
    pub(crate) tool_call: ToolCall,
}

/// A request to list tools, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListTools {
    /// Who asks.
    pub(crate) chain: ActorChain,
    /// What the enforcement point observed.
    pub(crate) environment: Environment,
    /// Whether to list tools that would be denied.
    pub(crate) include_denied: bool,
    /// The only service to list, if any.
    pub(crate) service: Option<String>,
}

/// Checks a request to authorize.
///
/// # Errors
/// A field of an absent capability is set, or something is malformed or over its limit.
pub(crate) fn authorize(
    request: v1::AuthorizeRequest,
    trace: Option<TraceContext>,
) -> Result<Call, CallError> {
    // A batch may be larger than this as a whole, so the transport cannot check it.
    if request.encoded_len() > MESSAGE_BYTES_MAX {
        return Err(RequestError::MessageTooLarge.into());
    }
    not_served::check_authorize(&request)?;
    let v1::AuthorizeRequest {
        request_id,
        chain,
        tool,
        tool_digest,
        arguments,
        resource,
        environment,
        options,
        session_id: _,
        transaction_id: _,
        presented: _,
        evidence: _,
    } = request;
    let request_id = match request_id.as_str() {
        "" => None,
        _ => Some(RequestId::new(request_id).ok_or(RequestError::RequestId)?),
    };
    let chain = actor_chain(chain)?;
    if !(1..=TOOL_NAME_BYTES_MAX).contains(&tool.len()) {
        return Err(RequestError::Tool.into());
    }
    let tool_digest = match tool_digest.as_str() {
        "" => None,
        digest => Some(digest.parse().map_err(RequestError::ToolDigest)?),
    };
    if arguments.len() > ARGUMENTS_BYTES_MAX {
        return Err(RequestError::ArgumentsTooLarge { bytes: arguments.len() }.into());
    }
    let tool_call = ToolCall {
        chain,
        tool,
        tool_digest,
        arguments,
        resource: resource.map(resource_name).transpose()?,
        environment: observed(environment.unwrap_or_default())?,
        options: request_options(options.unwrap_or_default()),
        trace,
    };
    Ok(Call { request_id, tool_call })
}

/// Checks a request to explain.
///
/// # Errors
/// As for [`authorize`].
pub(crate) fn explain(request: v1::ExplainRequest) -> Result<Call, CallError> {
    let v1::ExplainRequest { request } = request;
    authorize(request.ok_or(RequestError::RequestMissing)?, None)
}

/// Checks a report of what became of a call.
///
/// # Errors
/// Something is malformed or over its limit.
pub(crate) fn outcome_report(
    report: v1::ReportOutcomeRequest,
    trace: Option<TraceContext>,
) -> Result<OutcomeReport, RequestError> {
    let status = match report.status() {
        v1::CallStatus::Failure => CallStatus::Failure,
        v1::CallStatus::NotMade => CallStatus::NotMade,
        v1::CallStatus::Success => CallStatus::Success,
        v1::CallStatus::Unknown => CallStatus::Unknown,
        // Statuses of a newer contract are read as unspecified, too.
        v1::CallStatus::Unspecified => return Err(RequestError::CallStatus),
    };
    let v1::ReportOutcomeRequest {
        decision_id,
        status: _,
        duration,
        error,
        result_bytes,
        result_digest,
    } = report;
    if error.len() > OUTCOME_ERROR_BYTES_MAX || error.chars().any(char::is_control) {
        return Err(RequestError::OutcomeError);
    }
    Ok(OutcomeReport {
        decision: DecisionId::parse(&decision_id).ok_or(RequestError::DecisionId)?,
        status,
        duration: match duration {
            None => Duration::ZERO,
            Some(duration) => match duration.try_into() {
                Ok(duration) => duration,
                Err(_) => return Err(RequestError::CallDuration),
            },
        },
        error,
        result_bytes,
        result_digest: match result_digest.as_str() {
            "" => None,
            digest => Some(digest.parse().map_err(RequestError::ResultDigest)?),
        },
        trace,
    })
}

/// Checks a request to list tools.
///
/// # Errors
/// As for [`authorize`].
pub(crate) fn list_tools(request: v1::ListToolsRequest) -> Result<ListTools, CallError> {
    if request.encoded_len() > MESSAGE_BYTES_MAX {
        return Err(RequestError::MessageTooLarge.into());
    }
    not_served::check_list_tools(&request)?;
    let v1::ListToolsRequest { chain, environment, include_denied, service, session_id: _ } =
        request;
    if service.len() > TOOL_NAME_BYTES_MAX {
        return Err(RequestError::Service.into());
    }
    Ok(ListTools {
        chain: actor_chain(chain)?,
        environment: observed(environment.unwrap_or_default())?,
        include_denied,
        service: (!service.is_empty()).then_some(service),
    })
}

fn actor_chain(links: Vec<v1::Link>) -> Result<ActorChain, RequestError> {
    // Counted first, so that what is wrong with a ninth link is that there is one.
    if links.len() > CHAIN_LINKS_MAX {
        return Err(ChainError::TooLong { links: links.len() }.into());
    }
    let actors = links.into_iter().enumerate().map(|(index, link)| actor(index, link));
    Ok(ActorChain::new(actors.collect::<Result<_, _>>()?)?)
}

fn actor(link: usize, wire: v1::Link) -> Result<Actor, RequestError> {
    let Some(v1::link::Link::Asserted(asserted)) = wire.link else {
        // Tokens were refused as not served before.
        return Err(RequestError::LinkMissing { link });
    };
    let kind = match asserted.kind() {
        v1::ActorKind::User => ActorKind::User,
        v1::ActorKind::Agent => ActorKind::Agent,
        v1::ActorKind::Service => ActorKind::Service,
        // Kinds of a newer contract are read as unspecified, too.
        v1::ActorKind::Unspecified => return Err(RequestError::ActorKind { link }),
    };
    let v1::AssertedActor { issuer, subject, kind: _, attributes: _ } = asserted;
    Ok(Actor {
        kind,
        issuer: IssuerName::new(issuer).map_err(|source| RequestError::Issuer { link, source })?,
        subject: Subject::new(subject).map_err(|source| RequestError::Subject { link, source })?,
    })
}

fn resource_name(resource: v1::Resource) -> Result<ResourceName, RequestError> {
    let v1::Resource { r#type: entity_type, id } = resource;
    if !(1..=RESOURCE_TYPE_BYTES_MAX).contains(&entity_type.len()) {
        return Err(RequestError::ResourceType);
    }
    if !(1..=RESOURCE_ID_BYTES_MAX).contains(&id.len()) {
        return Err(RequestError::ResourceId);
    }
    Ok(ResourceName { entity_type, id })
}

fn observed(environment: v1::Environment) -> Result<Environment, RequestError> {
    let v1::Environment { source_address, pep_request_id } = environment;
    let source_address = match source_address.as_str() {
        "" => None,
        address => match address.parse::<IpAddr>() {
            Ok(address) => Some(address),
            Err(_) => return Err(RequestError::SourceAddress),
        },
    };
    let pep_request_id = (!pep_request_id.is_empty()).then_some(pep_request_id);
    if pep_request_id
        .as_ref()
        .is_some_and(|id| id.len() > PEP_REQUEST_ID_BYTES_MAX || id.chars().any(char::is_control))
    {
        return Err(RequestError::PepRequestId);
    }
    Ok(Environment { source_address, pep_request_id })
}

const fn request_options(options: v1::Options) -> RequestOptions {
    let v1::Options { minimum_version, dry_run, grant: _ } = options;
    RequestOptions { minimum_version, dry_run }
}

#[cfg(test)]
mod tests;
