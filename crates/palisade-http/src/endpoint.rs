//! `POST /events`: from a request to its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Version};
use hyper::body::Incoming;
use palisade_core::{ErrorChain, EventRefusal, EventSink};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::answer::{self, Answer, NoEvent, SECURITY_EVENT};
use crate::bearer::BearerDigest;
use crate::body;
use crate::limits::{ANSWER_MAX_TIME, RECEIVES_MAX};

/// Where events are pushed to.
const PATH: &str = "/events";

/// What answers requests, for all connections.
pub(crate) struct Endpoint {
    sink: Arc<dyn EventSink>,
    bearer: Option<BearerDigest>,
    /// Where events are verified and stored, so that the end of the server waits for it.
    tasks: TaskTracker,
    receives: Arc<Semaphore>,
}

impl Endpoint {
    pub(crate) fn new(
        sink: Arc<dyn EventSink>,
        bearer: Option<BearerDigest>,
        tasks: TaskTracker,
    ) -> Self {
        Self { sink, bearer, tasks, receives: Arc::new(Semaphore::new(RECEIVES_MAX)) }
    }

    /// The answer to a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        if let Err(why) = addressed(&head.method, head.uri.path(), head.version, &head.headers) {
            return answer::no_event(why);
        }
        // Before the body is read, so that strangers cannot make us keep it.
        if let Some(Err(stranger)) = self.bearer.map(|bearer| bearer.admit(&head.headers)) {
            return answer::unauthorized(stranger);
        }
        if !is_security_event(&head.headers) {
            return answer::no_event(NoEvent::UnsupportedMediaType);
        }
        match body::read(body).await {
            Ok(body) => self.receive(body).await,
            Err(why) => answer::no_event(why),
        }
    }

    /// Hands an event to the sink.
    async fn receive(&self, body: Bytes) -> Answer {
        let (sink, receives) = (Arc::clone(&self.sink), Arc::clone(&self.receives));
        let received = timeout(ANSWER_MAX_TIME, async move {
            // It is never closed.
            let place = receives.acquire_owned().await.ok()?;
            let receive = move || {
                let received = match str::from_utf8(&body) {
                    Ok(set) => sink.receive(set),
                    Err(_no_text) => Err(EventRefusal::new(
                        EventRefusal::INVALID_REQUEST,
                        "a security event token is ASCII",
                    )),
                };
                // Only now: whoever waited for the answer may be gone long ago.
                drop(place);
                received
            };
            Some(self.tasks.spawn_blocking(receive).await)
        });
        match received.await {
            Ok(Some(Ok(Ok(())))) => answer::accepted(),
            Ok(Some(Ok(Err(refusal)))) => {
                // Its code only: what it describes is the stranger's.
                tracing::debug!(err = refusal.err, "a security event is refused");
                answer::refused(&refusal)
            }
            Ok(Some(Err(error))) => {
                tracing::error!(error = %ErrorChain(&error), "receiving an event panicked");
                answer::internal_error()
            }
            Ok(None) => answer::unavailable(),
            // FAIL-CLOSED: it may still be stored; then the transmitter tells it twice.
            Err(_elapsed) => {
                tracing::warn!("a security event is not stored in time");
                answer::unavailable()
            }
        }
    }
}

/// Whether a request is for the endpoint at all.
fn addressed(
    method: &Method,
    path: &str,
    version: Version,
    headers: &HeaderMap,
) -> Result<(), NoEvent> {
    // RFC 9112, section 3.2.
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (version == Version::HTTP_11 && hosts == 0) {
        return Err(NoEvent::BadRequest);
    }
    if path != PATH {
        return Err(NoEvent::NotFound);
    }
    if method != Method::POST {
        return Err(NoEvent::MethodNotAllowed);
    }
    Ok(())
}

/// Whether the body is said to be a security event token, as it is.
fn is_security_event(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next(), types.next()) else { return false };
    // It has no parameters that would mean anything (RFC 8417, section 7.2).
    let essence = media_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let plain = headers.get_all(CONTENT_ENCODING).iter().all(|coding| coding == "identity");
    plain && essence.trim_ascii().eq_ignore_ascii_case(SECURITY_EVENT.as_bytes())
}
