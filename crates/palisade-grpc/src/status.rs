//! The only file that builds a [`tonic::Status`].
//!
//! Every status carries `google.rpc.ErrorInfo` with the domain `palisade`, a stable reason and the
//! request id. A policy deny is not here: it is a successful call.
//!
//! What cannot be read as a message never reaches a handler; tonic answers it `OUT_OF_RANGE` (too
//! large) or `INTERNAL` (undecodable, missing). Both are the caller's mistake and are answered
//! `INVALID_ARGUMENT` instead, by [`respell`] and [`unreadable`].

use std::collections::HashMap;

use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use palisade_core::{BundleControlError, ErrorChain, RequestId};
use palisade_pdp::{AuthorizeError, ListToolsError};
use palisade_proto::v1;
use palisade_redact::Scope;

use crate::error::{CallError, RequestError};

/// The domain of [`v1::Error::reason`] and of `google.rpc.ErrorInfo`.
const DOMAIN: &str = "palisade";

/// The status of a call that has no decision.
pub(crate) fn of(error: &CallError, request_id: &str) -> Status {
    // A malformed id is not repeated: a header has no room for it. Nor is one that holds a secret.
    let request_id = RequestId::new(request_id)
        .filter(|id| palisade_redact::is_clean(id.as_str(), Scope::SecretsAndPersonal));
    let metadata: HashMap<_, _> = request_id
        .map(|id| ("request_id".to_owned(), id.as_str().to_owned()))
        .into_iter()
        .collect();
    let details = ErrorDetails::with_error_info(reason(error), DOMAIN, metadata);
    Status::with_error_details(code(error), message(error), details)
}

/// The same for one item of a batch or a stream.
pub(crate) fn item(error: &CallError) -> v1::Error {
    v1::Error {
        code: i32::from(code(error)),
        reason: reason(error).to_owned(),
        message: message(error),
    }
}

/// What is wrong, without what a caller may have written into it.
fn message(error: &CallError) -> String {
    let message = ErrorChain(error).to_string();
    palisade_redact::text(&message, Scope::SecretsAndPersonal).text.into_owned()
}

/// The same as a whole HTTP response.
pub(crate) fn response(error: &CallError) -> Response<Body> {
    of(error, "").into_http()
}

/// The same as the end of a response that has begun.
pub(crate) fn trailers(error: &CallError) -> HeaderMap {
    let (mut head, _) = response(error).into_parts();
    head.headers.remove(CONTENT_TYPE);
    head.headers
}

/// Corrects what tonic answers to a message it cannot read.
pub(crate) fn respell(response: Response<Body>) -> Response<Body> {
    // Answers of handlers have their status in the trailers or carry details.
    if response.headers().contains_key(Status::GRPC_STATUS_DETAILS) {
        return response;
    }
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    match unreadable_error(&status) {
        Some(error) => of(&CallError::Malformed(error), "").into_http(),
        None => response,
    }
}

/// The status of a stream whose next message could not be read.
pub(crate) fn unreadable(status: &Status) -> Status {
    // One of ours already: the message was refused before it was read.
    if !status.details().is_empty() {
        return status.clone();
    }
    match unreadable_error(status) {
        Some(error) => of(&CallError::Malformed(error), ""),
        None => Status::new(status.code(), status.message()),
    }
}

/// What tonic means by the status of a message it could not read; `None`: something else.
fn unreadable_error(status: &Status) -> Option<RequestError> {
    match status.code() {
        Code::OutOfRange => Some(RequestError::MessageTooLarge),
        Code::Internal => {
            Some(RequestError::MessageMalformed { detail: status.message().to_owned() })
        }
        Code::Aborted
        | Code::AlreadyExists
        | Code::Cancelled
        | Code::DataLoss
        | Code::DeadlineExceeded
        | Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::NotFound
        | Code::Ok
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::Unauthenticated
        | Code::Unavailable
        | Code::Unimplemented
        | Code::Unknown => None,
    }
}

const fn code(error: &CallError) -> Code {
    match error {
        CallError::Authorize(AuthorizeError::NoSnapshot)
        | CallError::Bundle(
            BundleControlError::NoneActive
            | BundleControlError::NotRecorded
            | BundleControlError::Stopping,
        )
        | CallError::Draining
        | CallError::LogUnavailable
        | CallError::ListTools(ListToolsError::NoSnapshot) => Code::Unavailable,
        CallError::Authorize(AuthorizeError::RevisionNotHeld { .. })
        | CallError::Bundle(
            BundleControlError::DoesNotLoad { .. } | BundleControlError::NotKept { .. },
        ) => Code::FailedPrecondition,
        CallError::BytesExhausted
        | CallError::Nonce(_)
        | CallError::Overloaded
        | CallError::RateExceeded => Code::ResourceExhausted,
        CallError::ChainRefused { .. } => Code::FailedPrecondition,
        CallError::Deadline | CallError::MessageLate => Code::DeadlineExceeded,
        CallError::Internal => Code::Internal,
        CallError::Malformed(_) => Code::InvalidArgument,
        CallError::NotServed(_) => Code::Unimplemented,
        CallError::RoleMissing { .. } | CallError::WrongSurface { .. } => Code::PermissionDenied,
        CallError::Unauthenticated => Code::Unauthenticated,
    }
}

/// The stable reason.
pub(crate) const fn reason(error: &CallError) -> &'static str {
    match error {
        CallError::Authorize(AuthorizeError::NoSnapshot)
        | CallError::Bundle(BundleControlError::NoneActive)
        | CallError::ListTools(ListToolsError::NoSnapshot) => "not_ready",
        CallError::Bundle(BundleControlError::DoesNotLoad { .. }) => "bundle_does_not_load",
        CallError::Bundle(BundleControlError::NotKept { .. }) => "revision_not_kept",
        CallError::Authorize(AuthorizeError::RevisionNotHeld { .. }) => "revision_not_held",
        CallError::BytesExhausted => "bytes_exhausted",
        CallError::Deadline => "deadline_exceeded",
        CallError::Bundle(BundleControlError::Stopping) | CallError::Draining => "draining",
        CallError::Internal => "internal",
        CallError::Bundle(BundleControlError::NotRecorded) | CallError::LogUnavailable => {
            "log_unavailable"
        }
        CallError::Malformed(error) => error.reason(),
        CallError::MessageLate => "message_late",
        CallError::NotServed(_) => "not_served",
        CallError::ChainRefused { reason, .. } => reason,
        CallError::Nonce(error) => error.code(),
        CallError::Overloaded => "overloaded",
        CallError::RateExceeded => "caller_rate_exceeded",
        CallError::RoleMissing { .. } => "role_missing",
        CallError::Unauthenticated => "unauthenticated",
        CallError::WrongSurface { .. } => "wrong_socket",
    }
}

#[cfg(test)]
mod tests;
