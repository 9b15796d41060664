//! Fields of capabilities that do not exist yet.
//!
//! A field that is set while its component is absent is never ignored: who sets it relies on it.
//! Messages are destructured whole, so that a new field has to be considered here. A field that
//! this version of the contract does not know at all cannot be seen: protobuf skips it.

use palisade_proto::v1;

use crate::error::NotServedError;

const APPROVALS: &str = "the approval service";
const ATTESTATION: &str = "the attestation component";
const GRANTS: &str = "the grant component";
const IDENTITY: &str = "the identity component";
const SESSIONS: &str = "the session component";

/// Checks every field of a request that some absent capability would serve.
pub(crate) fn check_authorize(request: &v1::AuthorizeRequest) -> Result<(), NotServedError> {
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
    check_chain(chain)?;
    check(session_id.is_empty(), "session_id", SESSIONS)?;
    check(transaction_id.is_empty(), "transaction_id", SESSIONS)?;
    if let Some(v1::Presented { approval_ids, confirmation_ids, step_up_token }) = presented {
        check(approval_ids.is_empty(), "presented.approval_ids", APPROVALS)?;
        check(confirmation_ids.is_empty(), "presented.confirmation_ids", APPROVALS)?;
        check(step_up_token.is_empty(), "presented.step_up_token", IDENTITY)?;
    }
    check(evidence.is_empty(), "evidence", ATTESTATION)?;
    if let Some(v1::Options { grant, minimum_version: _, dry_run: _ }) = options {
        check(!grant, "options.grant", GRANTS)?;
    }
    Ok(())
}

/// The same for a request to list tools.
pub(crate) fn check_list_tools(request: &v1::ListToolsRequest) -> Result<(), NotServedError> {
    let v1::ListToolsRequest { chain, session_id, environment: _, include_denied: _, service: _ } =
        request;
    check_chain(chain)?;
    check(session_id.is_empty(), "session_id", SESSIONS)
}

fn check_chain(chain: &[v1::Link]) -> Result<(), NotServedError> {
    for v1::Link { link } in chain {
        match link {
            Some(v1::link::Link::Token(_)) => check(false, "chain.token", IDENTITY)?,
            Some(v1::link::Link::Asserted(actor)) => {
                let v1::AssertedActor { kind: _, issuer: _, subject: _, attributes } = actor;
                check(attributes.is_none(), "chain.asserted.attributes", IDENTITY)?;
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
