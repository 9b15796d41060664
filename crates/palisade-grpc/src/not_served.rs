//! Fields of capabilities that do not exist yet, or that this server is not configured for.
//!
//! A field that is set while its component is absent is never ignored: who sets it relies on it.
//! Messages are destructured whole, so that a new field has to be considered here. A field that
//! this version of the contract does not know at all cannot be seen: protobuf skips it.

use palisade_proto::v1;

use crate::error::NotServedError;

const APPROVALS: &str = "the approval service";
const ASSERTED_ATTRIBUTES: &str = "a component that takes attributes on the caller's word";
const ATTESTATION: &str = "attestation verifiers in the server's configuration";
const GRANTS: &str = "the grant component";
const IDENTITY: &str = "trusted issuers in the server's configuration";
const SESSIONS: &str = "the session component";

/// Which components this server has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Components {
    /// Evidence is verified.
    pub(crate) attestation: bool,
    /// Credentials are verified.
    pub(crate) identity: bool,
}

/// Checks every field of a request that some absent capability would serve.
pub(crate) fn check_authorize(
    request: &v1::AuthorizeRequest,
    components: Components,
) -> Result<(), NotServedError> {
    let v1::AuthorizeRequest {
        request_id: _,
        chain,
        tool: _,
        tool_digest: _,
        arguments: _,
        resource: _,
        session_id,
        transaction_id,
        presented,
        evidence,
        environment: _,
        options,
    } = request;
    check_chain(chain, components)?;
    check(session_id.is_empty(), "session_id", SESSIONS)?;
    check(transaction_id.is_empty(), "transaction_id", SESSIONS)?;
    if let Some(v1::Presented { approval_ids, confirmation_ids, step_up_token }) = presented {
        check(approval_ids.is_empty(), "presented.approval_ids", APPROVALS)?;
        check(confirmation_ids.is_empty(), "presented.confirmation_ids", APPROVALS)?;
        let served = components.identity || step_up_token.is_empty();
        check(served, "presented.step_up_token", IDENTITY)?;
    }
    check(components.attestation || evidence.is_empty(), "evidence", ATTESTATION)?;
    if let Some(v1::Options { grant, minimum_version: _, dry_run: _ }) = options {
        check(!grant, "options.grant", GRANTS)?;
    }
    Ok(())
}

/// The same for a request to list tools.
pub(crate) fn check_list_tools(
    request: &v1::ListToolsRequest,
    components: Components,
) -> Result<(), NotServedError> {
    let v1::ListToolsRequest { chain, session_id, environment: _, include_denied: _, service: _ } =
        request;
    check_chain(chain, components)?;
    check(session_id.is_empty(), "session_id", SESSIONS)
}

/// The same for a request for a nonce.
pub(crate) fn check_challenge(
    request: &v1::ChallengeRequest,
    components: Components,
) -> Result<(), NotServedError> {
    let v1::ChallengeRequest { chain } = request;
    check(components.attestation, "Challenge", ATTESTATION)?;
    check_chain(chain, components)
}

fn check_chain(chain: &[v1::Link], components: Components) -> Result<(), NotServedError> {
    for v1::Link { link, possession } in chain {
        check(components.identity || possession.is_none(), "chain.possession", IDENTITY)?;
        match link {
            Some(v1::link::Link::Certificate(_)) => {
                check(components.identity, "chain.certificate", IDENTITY)?;
            }
            Some(v1::link::Link::Token(_)) => check(components.identity, "chain.token", IDENTITY)?,
            Some(v1::link::Link::Asserted(actor)) => {
                let v1::AssertedActor { kind: _, issuer: _, subject: _, attributes } = actor;
                check(attributes.is_none(), "chain.asserted.attributes", ASSERTED_ATTRIBUTES)?;
            }
            None => {}
        }
    }
    Ok(())
}

const fn check(
    unset: bool,
    field: &'static str,
    needs: &'static str,
) -> Result<(), NotServedError> {
    if unset { Ok(()) } else { Err(NotServedError { field, needs }) }
}
