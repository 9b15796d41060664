//! The answers: those of RFC 8935, and those of HTTP for what is no push of an event at all.

use bytes::Bytes;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderValue,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use http_body_util::Full;
use palisade_core::EventRefusal;
use serde_json::json;

use crate::bearer::Stranger;
use crate::limits::DESCRIPTION_BYTES_MAX;

/// The content type of what is pushed (RFC 8935, section 2.1).
pub(crate) const SECURITY_EVENT: &str = "application/secevent+jwt";

/// What is answered.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Why there is no event to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEvent {
    /// The message breaks HTTP's own rules.
    BadRequest,
    /// Nobody may say which method it is.
    MethodNotAllowed,
    /// There is nothing at that path.
    NotFound,
    /// The body has more bytes than an event may have.
    TooLarge,
    /// The body did not come in time.
    TooSlow,
    /// The body is something else.
    UnsupportedMediaType,
}

/// The event was taken; its effect is durable (RFC 8935, section 2.2).
pub(crate) fn accepted() -> Answer {
    with_status(StatusCode::ACCEPTED, Bytes::new())
}

/// The event was not taken. If that is final, says why (RFC 8935, section 2.3); otherwise asks for
/// it again later, and says nothing of what is wrong here.
pub(crate) fn refused(refusal: &EventRefusal) -> Answer {
    if !refusal.is_final() {
        return unavailable();
    }
    let description = beginning(&refusal.description);
    let body = json!({ "err": refusal.err, "description": description });
    let mut answer = with_status(StatusCode::BAD_REQUEST, body.to_string().into());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    answer
}

/// The event could not be taken now.
pub(crate) fn unavailable() -> Answer {
    let mut answer = with_status(StatusCode::SERVICE_UNAVAILABLE, Bytes::new());
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

/// There is a bug here; the event may have been taken or not.
pub(crate) fn internal_error() -> Answer {
    closing(with_status(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()))
}

/// There is no event. The body may not have been read, so the connection ends with this.
pub(crate) fn no_event(why: NoEvent) -> Answer {
    let (status, header) = match why {
        NoEvent::BadRequest => (StatusCode::BAD_REQUEST, None),
        NoEvent::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, Some((ALLOW, "POST"))),
        NoEvent::NotFound => (StatusCode::NOT_FOUND, None),
        NoEvent::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
        NoEvent::TooSlow => (StatusCode::REQUEST_TIMEOUT, None),
        NoEvent::UnsupportedMediaType => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some((ACCEPT, SECURITY_EVENT)))
        }
    };
    let mut answer = closing(with_status(status, Bytes::new()));
    if let Some((name, value)) = header {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Whoever sent it has to say who it is (RFC 6750, section 3).
pub(crate) fn unauthorized(stranger: Stranger) -> Answer {
    let challenge = match stranger {
        Stranger::Unknown => "Bearer",
        Stranger::Wrong => "Bearer error=\"invalid_token\"",
    };
    let mut answer = closing(with_status(StatusCode::UNAUTHORIZED, Bytes::new()));
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    answer
}

/// Says that the connection ends with this answer.
pub(crate) fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn with_status(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// As much of a text as is told.
fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(DESCRIPTION_BYTES_MAX)).unwrap_or_default()
}
