//! Requests as they come, answers as they are ready.
//!
//! An answer may overtake another. A request that cannot be decided is answered with an error of
//! its own; only the transport ends the stream, or the server when it shuts down.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{Stream, StreamExt as _, future, stream};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use palisade_core::limits::STREAM_IN_FLIGHT_MAX;
use palisade_proto::v1;

use crate::batch;
use crate::error::{CallError, RequestError};
use crate::status;

/// Answers a stream of requests. With `shutdown` no further request is read; what is in flight is
/// still answered.
///
/// When [`STREAM_IN_FLIGHT_MAX`] requests are in flight, the next one is left unread, and flow
/// control slows the sender down.
///
/// Beside each request stands what is held until it is answered.
pub(crate) fn answers<F, H: Send>(
    requests: impl Stream<Item = Result<(v1::AuthorizeRequest, H), Status>> + Send,
    authorize: impl Fn(v1::AuthorizeRequest) -> F + Send + Sync,
    shutdown: CancellationToken,
) -> impl Stream<Item = Result<v1::AuthorizeResult, Status>> + Send
where
    F: Future<Output = Result<v1::AuthorizeResponse, CallError>> + Send,
{
    let in_flight = Arc::new(InFlight::default());
    let broken = Arc::new(Mutex::new(None));
    let breaks = Arc::clone(&broken);
    let authorize = Arc::new(authorize);
    let stopped = shutdown.clone();
    requests
        .take_until(async move { stopped.cancelled().await })
        // Only the end of the requests is kept aside: what is in flight is answered before it.
        .scan((), move |(), request| {
            future::ready(match request {
                Ok(request) => Some(request),
                Err(status) => {
                    *lock(&breaks) = Some(status::unreadable(&status));
                    None
                }
            })
        })
        .enumerate()
        .map(move |(number, (request, held))| {
            let request_id = request.request_id.clone();
            let entry = InFlight::enter(&in_flight, &request_id);
            let authorize = Arc::clone(&authorize);
            async move {
                if number % batch::DECIDED_AT_ONCE_MAX == 0 {
                    // Deciding does not wait for anything, so others get their turn here.
                    tokio::task::yield_now().await;
                }
                let _until_answered = held;
                let answered = match entry {
                    // On the heap, so that a request costs little before it has its turn.
                    Ok(_in_flight) => Box::pin(authorize(request)).await,
                    Err(error) => Err(error.into()),
                };
                Ok(batch::result(request_id, answered))
            }
        })
        .buffer_unordered(STREAM_IN_FLIGHT_MAX)
        .chain(stream::once(async move { ending(&broken, &shutdown) }).filter_map(future::ready))
}

/// The status that a stream ends with; `None`: the caller has nothing more to ask.
fn ending(
    broken: &Mutex<Option<Status>>,
    shutdown: &CancellationToken,
) -> Option<Result<v1::AuthorizeResult, Status>> {
    let draining = || shutdown.is_cancelled().then(|| status::of(&CallError::Draining, ""));
    lock(broken).take().or_else(draining).map(Err)
}

/// The retry keys of the requests of one stream that are not answered yet.
#[derive(Debug, Default)]
struct InFlight {
    /// Held to insert or to remove one key.
    ids: Mutex<HashSet<String>>,
}

/// Keeps a retry key in flight until dropped.
#[derive(Debug)]
struct InFlightEntry {
    in_flight: Arc<InFlight>,
    id: String,
}

impl InFlight {
    fn enter(in_flight: &Arc<Self>, id: &str) -> Result<InFlightEntry, RequestError> {
        if id.is_empty() {
            return Err(RequestError::RequestIdMissing);
        }
        if !lock(&in_flight.ids).insert(id.to_owned()) {
            return Err(RequestError::RequestIdInFlight);
        }
        Ok(InFlightEntry { in_flight: Arc::clone(in_flight), id: id.to_owned() })
    }
}

impl Drop for InFlightEntry {
    fn drop(&mut self) {
        lock(&self.in_flight.ids).remove(&self.id);
    }
}

/// Nothing that panics runs under these locks, so poison says nothing about what they hold.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
