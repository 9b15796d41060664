//! Reading answers: the parts that tests look at.

use palisade_proto::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Outcome and reason code.
pub(crate) fn verdict(response: &v1::AuthorizeResponse) -> (v1::Outcome, &str) {
    let reason = response.reason.as_ref().expect("an answer has a reason");
    (response.outcome(), &reason.code)
}

/// The policies that determined the answer.
pub(crate) fn determining(response: &v1::AuthorizeResponse) -> Vec<&str> {
    let reason = response.reason.as_ref().expect("an answer has a reason");
    reason.determining_policies.iter().map(String::as_str).collect()
}

/// Code and stable reason of a failed call.
pub(crate) fn failure(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("no google.rpc.ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "palisade");
    (status.code(), info.reason)
}

/// The decision in one item of a batch or a stream.
pub(crate) fn response(result: &v1::AuthorizeResult) -> &v1::AuthorizeResponse {
    match &result.result {
        Some(v1::authorize_result::Result::Response(response)) => response,
        other => panic!("no decision: {other:?}"),
    }
}

/// Code and stable reason of one failed item of a batch or a stream.
pub(crate) fn item_failure(result: &v1::AuthorizeResult) -> (Code, &str) {
    match &result.result {
        Some(v1::authorize_result::Result::Error(error)) => {
            (Code::from_i32(error.code), error.reason.as_str())
        }
        other => panic!("no error: {other:?}"),
    }
}
