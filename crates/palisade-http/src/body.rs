//! Reads a body up to its limits.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use palisade_core::ErrorChain;
use tokio::time::timeout;

use crate::answer::NoEvent;
use crate::limits::{BODY_BYTES_MAX, BODY_MAX_TIME};

/// The body, if it comes in time and is not too large. Whether it is, its length says before it is
/// read, if it has one; then a transmitter that waits for leave to send it has none.
pub(crate) async fn read(body: Incoming) -> Result<Bytes, NoEvent> {
    if usize::try_from(body.size_hint().lower()).map_or(true, |least| least > BODY_BYTES_MAX) {
        return Err(NoEvent::TooLarge);
    }
    match timeout(BODY_MAX_TIME, read_all(body)).await {
        Ok(read) => read,
        Err(_elapsed) => Err(NoEvent::TooSlow),
    }
}

async fn read_all(mut body: Incoming) -> Result<Bytes, NoEvent> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::debug!(error = %ErrorChain(&error), "the body of an event breaks off");
            NoEvent::BadRequest
        })?;
        // Trailers say nothing that is of use here.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > BODY_BYTES_MAX {
            return Err(NoEvent::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
