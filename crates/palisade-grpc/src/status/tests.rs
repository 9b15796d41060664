use palisade_core::ChainError;

use super::*;
use crate::error::NotServedError;

/// Every kind of failure with what the contract promises for it.
fn contract() -> Vec<(CallError, Code, &'static str)> {
    vec![
        (AuthorizeError::NoSnapshot.into(), Code::Unavailable, "not_ready"),
        (ListToolsError::NoSnapshot.into(), Code::Unavailable, "not_ready"),
        (
            AuthorizeError::RevisionNotHeld { minimum: 2, held: 1 }.into(),
            Code::FailedPrecondition,
            "revision_not_held",
        ),
        (CallError::Deadline, Code::DeadlineExceeded, "deadline_exceeded"),
        (CallError::Draining, Code::Unavailable, "draining"),
        (CallError::Internal, Code::Internal, "internal"),
        (RequestError::Chain(ChainError::Empty).into(), Code::InvalidArgument, "chain_empty"),
        (
            NotServedError { field: "session_id", needs: "sessions" }.into(),
            Code::Unimplemented,
            "not_served",
        ),
        (CallError::Overloaded, Code::ResourceExhausted, "overloaded"),
        (
            CallError::WrongSurface { method: "Explain", socket: "administration" },
            Code::PermissionDenied,
            "wrong_socket",
        ),
    ]
}

#[test]
fn a_failure_has_the_code_and_reason_of_the_contract() {
    for (error, code, reason) in contract() {
        let status = of(&error, "r-1");
        assert_eq!(status.code(), code, "{error}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, reason);
        assert_eq!(info.domain, "palisade");
        assert_eq!(info.metadata.get("request_id").map(String::as_str), Some("r-1"));
    }
}

#[test]
fn an_item_fails_as_the_single_call_does() {
    for (error, code, reason) in contract() {
        let item = item(&error);
        assert_eq!((item.code, item.reason.as_str()), (i32::from(code), reason));
        assert_eq!(item.message, of(&error, "").message());
    }
}

#[test]
fn the_message_names_the_field_that_is_not_served() {
    let error = NotServedError { field: "options.grant", needs: "the grant component" };
    assert_eq!(
        of(&error.into(), "").message(),
        "`options.grant` is set but not served yet: it needs the grant component"
    );
}

#[test]
fn a_malformed_request_id_is_not_repeated() {
    let status = of(&CallError::Internal, &"x".repeat(129));
    assert!(status.get_details_error_info().unwrap().metadata.is_empty());
}

#[test]
fn what_the_transport_cannot_read_is_the_callers_mistake() {
    let too_large = unreadable(&Status::out_of_range("17 MiB"));
    assert_eq!(too_large.code(), Code::InvalidArgument);
    assert_eq!(too_large.get_details_error_info().unwrap().reason, "message_too_large");
    let undecodable = respell(Status::internal("invalid wire type").into_http());
    let undecodable = Status::from_header_map(undecodable.headers()).unwrap();
    assert_eq!(undecodable.code(), Code::InvalidArgument);
    assert_eq!(undecodable.get_details_error_info().unwrap().reason, "message_malformed");
}

#[test]
fn our_own_internal_errors_are_not_respelled() {
    let response = respell(response(&CallError::Internal));
    assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), Code::Internal);
}

#[test]
fn a_broken_connection_keeps_its_code() {
    assert_eq!(unreadable(&Status::cancelled("gone")).code(), Code::Cancelled);
}
