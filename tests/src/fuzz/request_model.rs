//! What of a request the contract says is refused, written a second time and by nothing but the
//! contract: the decoder has to agree with it in both directions.

use std::net::IpAddr;

use palisade_core::limits::{
    ARGUMENTS_BYTES_MAX, CHAIN_LINKS_MAX, ISSUER_BYTES_MAX, MESSAGE_BYTES_MAX,
    PEP_REQUEST_ID_BYTES_MAX, REQUEST_ID_BYTES_MAX, RESOURCE_ID_BYTES_MAX, RESOURCE_TYPE_BYTES_MAX,
    SUBJECT_BYTES_MAX, TOOL_NAME_BYTES_MAX,
};
use palisade_proto::v1;
use prost::Message as _;
use tonic::Code;

/// How a request to authorize is refused; `None`: it is decided, `version` being in force.
pub(super) fn refusal(request: &v1::AuthorizeRequest, version: u64) -> Option<Code> {
    let options = request.options.unwrap_or_default();
    if request.encoded_len() > MESSAGE_BYTES_MAX {
        Some(Code::InvalidArgument)
    } else if asks_for_what_is_not_served(request) {
        Some(Code::Unimplemented)
    } else if !is_well_formed(request) {
        Some(Code::InvalidArgument)
    } else if options.minimum_version > version {
        Some(Code::FailedPrecondition)
    } else {
        None
    }
}

/// The same for a request to list tools.
pub(super) fn list_refusal(request: &v1::ListToolsRequest) -> Option<Code> {
    if request.encoded_len() > MESSAGE_BYTES_MAX {
        Some(Code::InvalidArgument)
    } else if !request.session_id.is_empty() || request.chain.iter().any(is_proven) {
        Some(Code::Unimplemented)
    } else {
        let well_formed = request.service.len() <= TOOL_NAME_BYTES_MAX
            && is_chain(&request.chain)
            && request.environment.as_ref().is_none_or(is_environment);
        (!well_formed).then_some(Code::InvalidArgument)
    }
}

fn asks_for_what_is_not_served(request: &v1::AuthorizeRequest) -> bool {
    let presented = request.presented.clone().unwrap_or_default();
    !request.session_id.is_empty()
        || !request.transaction_id.is_empty()
        || presented != v1::Presented::default()
        || !request.evidence.is_empty()
        || request.options.is_some_and(|options| options.grant)
        || request.chain.iter().any(is_proven)
}

fn is_proven(link: &v1::Link) -> bool {
    link.possession.is_some()
        || match &link.link {
            Some(v1::link::Link::Certificate(_) | v1::link::Link::Token(_)) => true,
            Some(v1::link::Link::Asserted(actor)) => actor.attributes.is_some(),
            None => false,
        }
}

fn is_well_formed(request: &v1::AuthorizeRequest) -> bool {
    let id = request.request_id.as_bytes();
    let digest = request.tool_digest.as_bytes();
    let resource = |resource: &v1::Resource| {
        (1..=RESOURCE_TYPE_BYTES_MAX).contains(&resource.r#type.len())
            && (1..=RESOURCE_ID_BYTES_MAX).contains(&resource.id.len())
    };
    id.len() <= REQUEST_ID_BYTES_MAX
        && id.iter().all(|byte| (b'!'..=b'~').contains(byte))
        && is_chain(&request.chain)
        && (1..=TOOL_NAME_BYTES_MAX).contains(&request.tool.len())
        && [0, 64].contains(&digest.len())
        && digest.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && request.arguments.len() <= ARGUMENTS_BYTES_MAX
        && request.resource.as_ref().is_none_or(resource)
        && request.environment.as_ref().is_none_or(is_environment)
}

fn is_chain(chain: &[v1::Link]) -> bool {
    let named = |name: &str, limit: usize| {
        (1..=limit).contains(&name.len()) && !name.chars().any(char::is_control)
    };
    (1..=CHAIN_LINKS_MAX).contains(&chain.len())
        && chain.iter().all(|link| match &link.link {
            Some(v1::link::Link::Asserted(actor)) => {
                (1..=3).contains(&actor.kind)
                    && named(&actor.issuer, ISSUER_BYTES_MAX)
                    && named(&actor.subject, SUBJECT_BYTES_MAX)
            }
            Some(v1::link::Link::Certificate(_) | v1::link::Link::Token(_)) | None => false,
        })
}

fn is_environment(environment: &v1::Environment) -> bool {
    let v1::Environment { source_address, pep_request_id } = environment;
    (source_address.is_empty() || source_address.parse::<IpAddr>().is_ok())
        && pep_request_id.len() <= PEP_REQUEST_ID_BYTES_MAX
        && !pep_request_id.chars().any(char::is_control)
}
