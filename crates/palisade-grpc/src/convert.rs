//! From the wire to the domain: everything about an envelope that can be checked without a bundle.
//!
//! What needs the bundle, such as whether the tool exists or its arguments fit, is left to the
//! pipeline, so that it becomes a recorded deny.

use std::net::IpAddr;
use std::time::Duration;

use prost::Message as _;

use palisade_core::limits::{
    ARGUMENTS_BYTES_MAX, MESSAGE_BYTES_MAX, OUTCOME_ERROR_BYTES_MAX, PEP_REQUEST_ID_BYTES_MAX,
    RESOURCE_ID_BYTES_MAX, RESOURCE_TYPE_BYTES_MAX, TOOL_NAME_BYTES_MAX,
};
use palisade_core::{
    CallStatus, DecisionId, Environment, RequestId, RequestOptions, ResourceName, TraceContext,
};
use palisade_pdp::{Credentials, OutcomeReport, PresentedCall};
use palisade_proto::v1;

use crate::error::{CallError, RequestError};
use crate::not_served::{self, Components};
use crate::presented;

/// A request to authorize, checked.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The caller's retry key, if sent.
    pub(crate) request_id: Option<RequestId>,
    /// The call.
    pub(crate) presented: PresentedCall,
}

/// A request to list tools, checked.
#[derive(Clone, Debug)]
pub(crate) struct ListTools {
    /// Who asks.
    pub(crate) credentials: Credentials,
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
    components: Components,
    trace: Option<TraceContext>,
) -> Result<Call, CallError> {
    check_served(&request, components)?;
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
        presented,
        evidence,
    } = request;
    let request_id = match request_id.as_str() {
        "" => None,
        _ => Some(RequestId::new(request_id).ok_or(RequestError::RequestId)?),
    };
    let credentials = presented::credentials(chain, presented)?;
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
    let presented = PresentedCall {
        credentials,
        evidence: presented::evidence(evidence)?,
        tool,
        tool_digest,
        arguments,
        resource: resource.map(resource_name).transpose()?,
        environment: observed(environment.unwrap_or_default())?,
        options: request_options(options.unwrap_or_default()),
        trace,
    };
    Ok(Call { request_id, presented })
}

/// Checks a request to explain.
///
/// # Errors
/// As for [`authorize`].
pub(crate) fn explain(
    request: v1::ExplainRequest,
    components: Components,
) -> Result<Call, CallError> {
    let v1::ExplainRequest { request } = request;
    let request = request.ok_or(RequestError::RequestMissing)?;
    // First, so that a field is told to be of no use here in the same way as to `Authorize`.
    check_served(&request, components)?;
    if !request.evidence.is_empty() {
        return Err(RequestError::ExplainSpends { field: "evidence" }.into());
    }
    if request.chain.iter().any(|link| link.possession.is_some()) {
        return Err(RequestError::ExplainSpends { field: "chain.possession" }.into());
    }
    authorize(request, components, None)
}

/// Checks that a request is not too large and needs nothing that is absent.
fn check_served(request: &v1::AuthorizeRequest, components: Components) -> Result<(), CallError> {
    // A batch may be larger than this as a whole, so the transport cannot check it.
    if request.encoded_len() > MESSAGE_BYTES_MAX {
        return Err(RequestError::MessageTooLarge.into());
    }
    Ok(not_served::check_authorize(request, components)?)
}

/// Checks a request for a nonce.
///
/// # Errors
/// As for [`authorize`].
pub(crate) fn challenge(
    request: v1::ChallengeRequest,
    components: Components,
) -> Result<Credentials, CallError> {
    if request.encoded_len() > MESSAGE_BYTES_MAX {
        return Err(RequestError::MessageTooLarge.into());
    }
    not_served::check_challenge(&request, components)?;
    Ok(presented::credentials(request.chain, None)?)
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
pub(crate) fn list_tools(
    request: v1::ListToolsRequest,
    components: Components,
) -> Result<ListTools, CallError> {
    if request.encoded_len() > MESSAGE_BYTES_MAX {
        return Err(RequestError::MessageTooLarge.into());
    }
    not_served::check_list_tools(&request, components)?;
    let v1::ListToolsRequest { chain, environment, include_denied, service, session_id: _ } =
        request;
    if service.len() > TOOL_NAME_BYTES_MAX {
        return Err(RequestError::Service.into());
    }
    Ok(ListTools {
        credentials: presented::credentials(chain, None)?,
        environment: observed(environment.unwrap_or_default())?,
        include_denied,
        service: (!service.is_empty()).then_some(service),
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
